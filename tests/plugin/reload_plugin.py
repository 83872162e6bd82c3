"""Loads the packaged plugin as QGIS does, changes its files as an upgrade does, and reloads it.

Run by test_package.py in a process of its own: reload_plugin.py PLUGINS_FOLDER. Prints what the
plugin called itself and which ml_core it had, before and after.
"""

import os
import sys
from pathlib import Path

from qgis.core import QgsApplication

folder = sys.argv[1]
application = QgsApplication([], True)
application.initQgis()
sys.path.insert(0, os.path.join(QgsApplication.pkgDataPath(), "python", "plugins"))

import qgis.utils  # noqa: E402
from processing.core.Processing import Processing  # noqa: E402

Processing.initialize()
sys.path.insert(0, folder)
qgis.utils.plugin_paths.append(folder)
qgis.utils.updateAvailablePlugins()
path = list(sys.path)


def describe():
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("seaice:checkenvironment")
    module = sys.modules[type(algorithm).__module__]
    print(algorithm.displayName(), "|", module.jobs.__name__, "|", "ml_core" in sys.modules)


assert qgis.utils.loadPlugin("seaice_qgis")
assert qgis.utils.startProcessingPlugin("seaice_qgis")
describe()
job = Path(folder, "seaice_qgis", "ml_core", "jobs", "checkenvironment.py")
text = job.read_text(encoding="utf-8")
job.write_text(text.replace('"Check environment"', '"Check the environment 2"'), encoding="utf-8")
assert qgis.utils.unloadPlugin("seaice_qgis")
assert qgis.utils.loadPlugin("seaice_qgis")
assert qgis.utils.startProcessingPlugin("seaice_qgis")
describe()
assert sys.path == path, sys.path
sys.stdout.flush()
os._exit(0)  # QGIS's own teardown is not what is tested
