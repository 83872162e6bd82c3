import subprocess
import sys


def test_predicting_with_openvino_loads_neither_torch_nor_scipy():
    """They take two seconds and one; the process that predicts starts for every scene."""
    code = (
        "import sys, ml_core.prediction.run, ml_core.prediction.openvino_runtime;"
        "print([name for name in ('torch', 'scipy', 'matplotlib') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stdout + result.stderr
