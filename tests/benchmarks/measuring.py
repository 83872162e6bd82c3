"""How the benchmarks measure: jobs in a worker of their own, and figures as JSON lines."""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # for a benchmark that is run by itself


def report(metric, value, unit):
    """Print a figure as `make bench` reads it."""
    print(json.dumps({"metric": metric, "value": value, "unit": unit}), flush=True)


@dataclass(frozen=True)
class Run:
    """What a job came to: its numbers and messages, and what its process took."""

    numbers: dict
    texts: list
    seconds: float
    processor_s: float
    peak_mib: float


def run_job(name, /, *, cores=0, **parameters):
    """Run a job in a fresh process, as the plugin does; on so many cores, or on all."""

    def limit():
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])

    with tempfile.TemporaryDirectory() as folder:
        job = Path(folder, "job.json")
        job.write_text(json.dumps({"job": name, "parameters": parameters}))
        started = time.perf_counter()
        with subprocess.Popen(
            [sys.executable, "-m", "ml_core", "run", str(job)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            preexec_fn=limit if cores else None,
        ) as process:
            events = [json.loads(line) for line in process.stdout]
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - started
            process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or events[-1]["event"] != "done":
        raise SystemExit(f"{name} failed: {events[-1] if events else process.returncode}")
    texts = [event["text"] for event in events if event["event"] == "message"]
    processor_s = usage.ru_utime + usage.ru_stime
    return Run(events[-1]["numbers"], texts, seconds, processor_s, usage.ru_maxrss / 1024)


def report_run(metric, run):
    """Print what a run took."""
    report(metric, run.seconds, "s")
    report(f"{metric}_processor", run.processor_s, "s")
    report(f"{metric}_peak_rss", run.peak_mib, "MiB")
