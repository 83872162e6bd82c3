"""What the algorithms share: a job's parameters, running it in a worker, and its results."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import (
    Any,
    Callable,
    ClassVar,
    Dict,
    List,
    Mapping,
    Optional,
    Tuple,
    Type,
    TypeVar,
)

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

from .. import environment, helptext, parameters, runner, settings, styling
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
        JOB: The job's class.
        STYLES: The style of each raster output that is loaded as a layer, by output name.
        TAGS: Further words by which the toolbox finds it.
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
        """Check with the job's own words before QGIS does with its."""
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
        """Return why QGIS refuses a value, with what is expected: QGIS says only that it does."""
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
        return runner.run(job, Listener(feedback), Poll(feedback), python)

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


class Listener:
    """Passes a worker's events on to a feedback."""

    def __init__(self, feedback: QgsProcessingFeedback) -> None:
        self._feedback = feedback

    def __call__(self, event: events.Event) -> None:
        """Show an event."""
        if isinstance(event, events.Progress):
            self._feedback.setProgress(100.0 * event.fraction)
        elif isinstance(event, events.Message):
            if event.level == "warning":
                self._feedback.pushWarning(event.text)
            else:
                self._feedback.pushInfo(event.text)


class Poll:
    """Says whether a feedback was cancelled, and keeps QGIS's window alive meanwhile.

    Batch in QGIS 3.22, and `processing.run` in the Python console, run algorithms on the window's
    own thread: without this, neither the window nor Cancel would answer.
    """

    def __init__(self, feedback: QgsProcessingFeedback) -> None:
        self._feedback = feedback
        self._events = _on_main_thread()

    def __call__(self) -> bool:
        """Return whether the run is to be cancelled."""
        if self._events:
            QCoreApplication.processEvents()
        return self._feedback.isCanceled()


def _on_main_thread() -> bool:
    application = QCoreApplication.instance()
    return application is not None and QThread.currentThread() == application.thread()


def is_temporary(path: str) -> bool:
    """Say whether a path is in the folder that QGIS removes when it closes."""
    folder = Path(QgsProcessingUtils.tempFolder()).resolve()
    return folder in Path(path).resolve().parents
