"""Work done ahead in threads while earlier results are used."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


@contextmanager
def computed_ahead(
    function: Callable[[T], R], items: Iterable[T], *, threads: int = 1, ahead: int = 1
) -> Iterator[Iterator[R]]:
    """Give a function's results for items, in order, computed in threads from now on.

    An error of the function or of the items is raised where its result is asked for. No further
    item is begun once the context is left.

    Args:
        function: Applied to each item; by one thread in the items' order.
        items: What it is applied to; drawn by the thread that takes the results.
        threads: How many at a time.
        ahead: Results that are computed, or wait, while one is used.
    """
    left = iter(items)
    with ThreadPoolExecutor(threads) as pool:
        waiting = deque(pool.submit(function, item) for item in islice(left, ahead))

        def results() -> Iterator[R]:
            while waiting:
                result = waiting.popleft().result()
                # not before: what waits takes memory
                waiting.extend(pool.submit(function, item) for item in islice(left, 1))
                yield result

        try:
            yield results()
        finally:
            pool.shutdown(cancel_futures=True)
