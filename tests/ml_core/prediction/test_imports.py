import os
import subprocess
import sys


def test_predicting_with_openvino_loads_neither_torch_nor_scipy():
    """They take two seconds and one; the process that predicts starts for every scene."""
    code = (
        "import sys, ml_core.runs.predict, ml_core.prediction.runtimes.openvino_runtime;"
        "print([name for name in ('torch', 'scipy', 'matplotlib') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stdout + result.stderr


def test_openvino_reports_its_import_to_nobody(tmp_path):
    """It would leave a number for its reports in the home folder, and fork to send them."""
    code = (
        "import sys, ml_core.prediction.runtimes.openvino_runtime;"
        "print([name for name in sys.modules if name.startswith("
        "('openvino_telemetry.', 'multiprocessing.popen'))])"
    )
    homes = {"HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path)}
    # on servers for tests it would keep quiet
    unset = {"CI", "TF_BUILD", "JENKINS_URL"}
    kept = {name: value for name, value in os.environ.items() if name not in unset}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=kept | homes
    )
    assert result.stdout.strip() == "[]", result.stdout + result.stderr
    assert not list(tmp_path.iterdir())
