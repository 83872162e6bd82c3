"""`make bench`: runs the benchmarks and collects their figures in build/bench.json.

A benchmark is a file tests/benchmarks/bench_*.py, one for each figure or a few that belong
together. It runs in the worker's Python, measures, and prints its figures as JSON lines
``{"metric": ..., "value": ..., "unit": ...}``; whatever else it prints is passed on.
Names of benchmarks on the command line run those alone.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, Optional

from environments import ROOT, WORKER, log

BENCHMARKS = ROOT / "tests" / "benchmarks"
RESULT = ROOT / "build" / "bench.json"


def figure(line: str) -> Optional[Dict[str, Any]]:
    """Return the figure on a line, or None where there is none."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if isinstance(record, dict) and {"metric", "value", "unit"} <= set(record):
        return record
    return None


def measure(script: Path) -> List[Dict[str, Any]]:
    """Run one benchmark and return its figures.

    Raises:
        subprocess.CalledProcessError: It failed, or printed no figure.
    """
    command = [str(WORKER.python), str(script)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    figures = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    ) as child:
        for line in child.stdout or ():
            found = figure(line)
            if found is None:
                print(f"    {line}", end="", flush=True)
            else:
                figures.append({**found, "benchmark": script.stem})
                print(f"    {found['metric']} {found['value']:.4g} {found['unit']}", flush=True)
    if child.returncode or not figures:
        raise subprocess.CalledProcessError(child.returncode, command)
    return figures


def main(names: List[str]) -> int:
    """Run the named benchmarks, or all; return 1 if one failed."""
    scripts = sorted(BENCHMARKS.glob("bench_*.py"))
    unknown = set(names) - {script.stem for script in scripts}
    if unknown:
        print(f"no benchmark {', '.join(sorted(unknown))} in {BENCHMARKS}", file=sys.stderr)
        return 2
    figures: List[Dict[str, Any]] = []
    failed = []
    for script in scripts:
        if names and script.stem not in names:
            continue
        log(script.stem)
        try:
            figures += measure(script)
        except subprocess.CalledProcessError:
            failed.append(script.stem)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(
        json.dumps(
            {
                "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "machine": f"{platform.platform()}, {os.cpu_count()} processors",
                "figures": figures,
                "failed": failed,
            },
            indent=1,
        )
    )
    log(f"{RESULT.relative_to(ROOT)}: {len(figures)} figures")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
