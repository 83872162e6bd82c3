"""What the algorithms share: a job's parameters, running it in a worker, and its results."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Callable, ClassVar, Dict, List, Mapping, Optional, Tuple, Type, TypeVar

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingUtils,
)
from qgis.PyQt.QtCore import QCoreApplication, QThread
from qgis.PyQt.QtGui import QIcon

from .. import environment, helptext, parameters, process, runner, settings, styling
from ..core import errors, events, jobs, resource
from ..values import parameter_name

_Result = TypeVar("_Result")


def _raised_to_qgis(method: Callable[..., _Result]) -> Callable[..., _Result]:
    """Make a method's SeaIceError an exception of QGIS's that holds on to nothing.

    PyQGIS never frees an exception that it takes from Python. Layers among the parameters in the
    frames of its traceback would keep their files open, and crash QGIS when it closes.
    """

    @functools.wraps(method)
    def raised(self: SeaIceAlgorithm, *arguments: Any) -> _Result:  # Any: as the method takes them
        try:
            return method(self, *arguments)
        except errors.SeaIceError as error:
            message = str(error)
        del arguments
        raise QgsProcessingException(message)

    return raised


class SeaIceAlgorithm(QgsProcessingAlgorithm):
    """A job as a Processing algorithm.

    Attributes:
        STYLES: The style of each raster output that is loaded as a layer, by output name.
        TAGS: Further search terms of the toolbox.
    """

    JOB: ClassVar[Type[jobs.Job]]
    STYLES: ClassVar[Mapping[str, styling.Style]] = {}
    TAGS: ClassVar[Tuple[str, ...]] = ()

    def __init__(self) -> None:
        super().__init__()
        self._job: Optional[jobs.Job] = None

    def createInstance(self) -> QgsProcessingAlgorithm:
        return type(self)()

    def name(self) -> str:
        return self.JOB.NAME

    def displayName(self) -> str:
        return self.JOB.LABEL

    def group(self) -> str:
        return self.JOB.GROUP

    def groupId(self) -> str:
        return self.JOB.GROUP.lower().replace(" ", "")

    def shortHelpString(self) -> str:
        return helptext.help_html(self.JOB)

    def tags(self) -> List[str]:
        return ["sea ice", "SIC", "Sentinel-1", "SAR", *self.TAGS]

    def icon(self) -> QIcon:
        return QIcon(self.svgIconPath())

    def svgIconPath(self) -> str:
        return resource("icons", f"{self.JOB.NAME}.svg")

    def initAlgorithm(self, configuration: Optional[Dict[str, Any]] = None) -> None:
        for definition in parameters.definitions_of(self.JOB):
            self.addParameter(definition)
        for number in self.JOB.NUMBERS:
            unit = f" [{number.unit}]" if number.unit else ""
            self.addOutput(QgsProcessingOutputNumber(number.name, f"{number.label}{unit}"))

    def checkParameterValues(
        self, values: Dict[str, Any], context: QgsProcessingContext
    ) -> Tuple[bool, str]:
        """Check with the job's messages, which name the remedy, before QGIS checks with its own."""
        try:
            job = parameters.read(self, self.JOB, values, context, dry=True)
            parameters.refuse_overwriting(job, context.project())
            self.check_job(job)
        except errors.SeaIceError as error:
            return False, str(error)
        accepted, message = super().checkParameterValues(values, context)
        return accepted, message if accepted else self._explained(values, context, message)

    def check_job(self, job: jobs.Job) -> None:
        """Check what this QGIS must be able to do for a job; nothing by default.

        Raises:
            SeaIceError: It is not.
        """

    def _explained(
        self, values: Dict[str, Any], context: QgsProcessingContext, message: str
    ) -> str:
        """Return which value QGIS refuses and what is expected; QGIS names neither."""
        for definition in self.parameterDefinitions():
            value = values.get(definition.name(), definition.defaultValue())
            if not definition.checkValueIsAcceptable(value, context):
                return f"{definition.description()}: {value} is not accepted. {definition.help()}"
        return message

    @_raised_to_qgis
    def prepareAlgorithm(
        self,
        values: Dict[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> bool:
        """Read the job while the layers may be touched: they belong to the main thread."""
        self._job = parameters.read(self, self.JOB, values, context)
        project = context.project() if _on_main_thread() else None
        parameters.refuse_overwriting(self._job, project)
        self.check_job(self._job)
        return True

    @_raised_to_qgis
    def processAlgorithm(
        self,
        values: Dict[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> Dict[str, Any]:
        assert self._job is not None
        try:
            done = self.run_job(self._job, feedback)
        except errors.CancelledError:
            # Processing sees that the feedback is cancelled; no output is left behind.
            return {}
        except runner.WorkerError as error:
            if error.details:
                feedback.pushDebugInfo(error.details)
            raise
        for name, style in self.STYLES.items():
            if name in done.outputs:
                styling.write_qml(done.outputs[name], style)
        self.finish(done, feedback)
        feedback.setProgress(100)
        return {**done.outputs, **done.numbers}

    def run_job(self, job: jobs.Job, feedback: QgsProcessingFeedback) -> events.Done:
        """Run a job in the worker's Python and pass what happens to the feedback.

        Raises:
            SeaIceError: It failed.
            CancelledError: The feedback was cancelled.
        """
        python = environment.find(settings.worker_python(), settings.environment_folder())
        return runner.run(job, listener(feedback), cancelled(feedback), python)

    def finish(self, done: events.Done, feedback: QgsProcessingFeedback) -> None:
        """Do what remains after a successful run; overridden where something does."""

    def postProcessAlgorithm(
        self, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Dict[str, Any]:
        """Give the layers that QGIS is about to load their style."""
        if self._job is None:
            return {}
        for field, path in self._job.output_paths().items():
            style = self.STYLES.get(parameter_name(field))
            if style is not None and context.willLoadLayerOnCompletion(path):
                details = context.layerToLoadOnCompletionDetails(path)
                details.setPostProcessor(styling.post_processor(style))
        return {}


def listener(feedback: QgsProcessingFeedback) -> runner.OnEvent:
    """Return a function that passes a worker's events on to a feedback."""

    def show(event: events.Event) -> None:
        if isinstance(event, events.Progress):
            feedback.setProgress(100.0 * event.fraction)
        elif isinstance(event, events.Message):
            warns = event.level == "warning"
            (feedback.pushWarning if warns else feedback.pushInfo)(event.text)

    return show


def cancelled(feedback: QgsProcessingFeedback) -> process.Poll:
    """Return a function that polls for cancel and keeps QGIS's window alive.

    Batch in QGIS 3.22, and `processing.run` in the Python console, run algorithms on the window's
    own thread: without this, neither the window nor Cancel would answer.
    """
    on_main_thread = _on_main_thread()

    def poll() -> bool:
        if on_main_thread:
            QCoreApplication.processEvents()
        return bool(feedback.isCanceled())

    return poll


def _on_main_thread() -> bool:
    application = QCoreApplication.instance()
    return application is not None and QThread.currentThread() == application.thread()


def is_temporary(path: str) -> bool:
    """Return whether a path is in the folder that QGIS removes when it closes."""
    folder = Path(QgsProcessingUtils.tempFolder()).resolve()
    return folder in Path(path).resolve().parents
