"""Running generators that yield progress and return a result.

Owns the one loop around ``StopIteration``. Must not know what is yielded.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from typing import TypeVar

Item = TypeVar("Item")
Other = TypeVar("Other")
Result = TypeVar("Result")


def drain(
    items: Generator[Item, None, Result], handle: Callable[[Item], object] = lambda _: None
) -> Result:
    """Run a generator to its end, pass each item to ``handle``, and return its result."""
    while True:
        try:
            item = next(items)
        except StopIteration as end:
            result: Result = end.value
            return result
        handle(item)


def transform(
    items: Generator[Item, None, Result], convert: Callable[[Item], Iterable[Other]]
) -> Generator[Other, None, Result]:
    """Yield what ``convert`` makes of each item; closing this closes the generator too."""
    with closing(items):
        while True:
            try:
                item = next(items)
            except StopIteration as end:
                result: Result = end.value
                return result
            yield from convert(item)
