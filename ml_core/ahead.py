"""Work done ahead in threads while earlier results are used."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def computed_ahead(
    function: Callable[[T], R], items: Iterable[T], *, threads: int = 1, ahead: int = 1
) -> Generator[R, None, None]:
    """Yield a function's results for items, in order, while further ones are computed in threads.

    An error ends the iteration, and so does closing it; no further item is then begun.

    Args:
        function: Applied to each item; by one thread in the items' order.
        items: What it is applied to.
        threads: How many at a time.
        ahead: Results that may wait beside the one that is used.
    """
    waiting: deque[Future[R]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
