"""The batch dialog: QGIS 3.22 runs algorithms on the window's own thread there."""

from __future__ import annotations

import time

import pytest
from qgis.core import QgsApplication, QgsProcessingContext, QgsProxyProgressTask
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QCoreApplication, QTimer

SMALL = {"WIDTH": 128, "HEIGHT": 128, "RESOLUTION": 500, "REFERENCE_PIXEL": 12500}
LARGE = {**SMALL, "WIDTH": 1500, "HEIGHT": 1500}


@pytest.fixture
def open_dialog(algorithm, qgis_iface):
    """Show the batch dialog with one row for each set of values."""
    from processing.gui.BatchAlgorithmDialog import BatchAlgorithmDialog

    opened = []

    def open_(rows):
        dialog = BatchAlgorithmDialog(algorithm("simulatescene"))
        opened.append(dialog)
        panel = dialog.mainWidget()
        while panel.batchRowCount() < len(rows):
            panel.addRow()
        context = QgsProcessingContext()
        for row, values in enumerate(rows):
            for name, value in values.items():
                column = panel.parameter_to_column[name]
                wrapper = panel.wrappers[row][column]
                if wrapper is not None:
                    wrapper.setParameterValue(value, context)
                else:
                    panel.tblParameters.cellWidget(row + 1, column).setValue(value)
        dialog.show()
        return dialog

    yield open_
    for dialog in opened:
        if not sip.isdeleted(dialog):
            sip.delete(dialog)
    # QGIS 3.22's batch dialog leaves its task behind, after any algorithm, and QGIS waits for it
    # when it exits.
    for task in QgsApplication.taskManager().activeTasks():
        if task.description().startswith("Batch Processing"):
            sip.cast(task, QgsProxyProgressTask).finalize(True)


def run(dialog):
    """Run all rows to their end; newer QGIS runs them in the background."""
    dialog.runAlgorithm()
    while dialog.cancelButton().isEnabled():
        QCoreApplication.processEvents()
        time.sleep(0.01)


def outputs(folder, row):
    return {name: str(folder / f"{name}{row}.tif") for name in ("HH", "HV")}


def test_every_row_runs_and_the_window_lives(open_dialog, tmp_path):
    rows = [{**SMALL, "SEED": seed, **outputs(tmp_path, seed)} for seed in (1, 2)]
    dialog = open_dialog(rows)
    ticks = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(1))
    timer.start(20)
    run(dialog)
    timer.stop()
    assert len(ticks) > 10  # none where the window is frozen
    assert {path.name for path in tmp_path.glob("*.tif")} == {
        "HH1.tif",
        "HV1.tif",
        "HH2.tif",
        "HV2.tif",
    }
    assert dialog.mainWidget().batchRowCount() == 2


def test_cancel_ends_the_batch_and_leaves_no_file(open_dialog, tmp_path):
    rows = [{**LARGE, "SEED": seed, **outputs(tmp_path, seed)} for seed in (1, 2)]
    dialog = open_dialog(rows)
    QTimer.singleShot(1500, dialog.cancelButton().click)
    run(dialog)
    assert list(tmp_path.iterdir()) == []


def test_a_failing_row_does_not_stop_the_next(open_dialog, tmp_path):
    bad = {**SMALL, "HH": str(tmp_path / "none" / "hh.tif"), "HV": str(tmp_path / "HV1.tif")}
    dialog = open_dialog([bad, {**SMALL, **outputs(tmp_path, 2)}])
    run(dialog)
    assert {path.name for path in tmp_path.glob("*.tif")} == {"HH2.tif", "HV2.tif"}
