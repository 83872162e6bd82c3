"""Pipelines: stages in threads, joined by bounded queues."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

_POLL_S = 0.005


class Pipeline:
    """A line of threads joined by bounded queues; one failure stops all of them.

    `stop` it once the results have been consumed, or are no longer wanted.
    """

    _END: Any = object()

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._error: BaseException | None = None
        self._lock = threading.Lock()

    def stop(self) -> None:
        """Stop all threads and wait until they have ended."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def start(self, items: Iterable[Any], ahead: int = 1) -> queue.Queue[Any]:
        """Produce items in a thread, so many ahead, the one that is being produced counted."""
        out: queue.Queue[Any] = queue.Queue(ahead)

        def run() -> None:
            for item in items:
                if not self._put(out, item):
                    return
                while out.full() and not self._stop.wait(_POLL_S):
                    pass
            self._put(out, self._END)

        self._spawn(run)
        return out

    def map(
        self,
        function: Callable[[Any], Any],
        source: queue.Queue[Any],
        threads: int,
        first: Callable[[], None] = lambda: None,
    ) -> queue.Queue[Any]:
        """Apply a function to items in threads; results come in the order they are ready.

        Args:
            function: Applied to each item.
            source: The items.
            threads: How many.
            first: Called once in each thread, while the first item is on its way.
        """
        out: queue.Queue[Any] = queue.Queue(threads)
        left = [threads]

        def run() -> None:
            first()
            while True:
                item = self._get(source)
                if item is self._END:
                    # the others must see it too
                    self._put(source, self._END)
                    break
                if not self._put(out, function(item)):
                    return
            with self._lock:
                left[0] -= 1
                last = left[0] == 0
            if last:
                self._put(out, self._END)

        for _ in range(threads):
            self._spawn(run)
        return out

    def results(self, source: queue.Queue[Any]) -> Iterator[Any]:
        """Yield the last stage's results in the calling thread; raise what failed in another."""
        while True:
            item = self._get(source)
            if self._error is not None:
                raise self._error
            if item is self._END:
                return
            yield item

    def _spawn(self, run: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                run()
            except BaseException as error:  # raised again by `results`
                with self._lock:
                    self._error = self._error or error
                self._stop.set()

        thread = threading.Thread(target=guarded, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _put(self, target: queue.Queue[Any], item: Any) -> bool:
        while not self._stop.is_set():
            try:
                target.put(item, timeout=0.2)
                return True
            except queue.Full:
                continue
        return False

    def _get(self, source: queue.Queue[Any]) -> Any:
        while not self._stop.is_set():
            try:
                return source.get(timeout=0.2)
            except queue.Empty:
                continue
        return self._END
