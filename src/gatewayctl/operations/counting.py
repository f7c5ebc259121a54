"""How far a verb is with its many calls or keys. Must not know what it does with them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Final, TypeVar

from gatewayctl.runtimes.base import Progress

READ_STEP: Final = 1000
"""Calls or keys; LiteLLM needs one or two seconds to send as many."""
FEWEST: Final = 20
"""Keys; each needs some requests, so these take half a second and more."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def tell_read(subject: str, count: int, *, done: bool = False) -> Iterator[Progress]:
    """Tell how many were read: after each thousand, and at the end if there were as many."""
    if count >= READ_STEP and (done or count % READ_STEP == 0):
        yield Progress(
            subject=subject, state="ready" if done else "working", detail=f"{count:,} read"
        )


def read_all(subject: str, items: Iterable[Item]) -> Generator[Progress, None, tuple[Item, ...]]:
    """Read them to the end, and tell how many were read."""
    found: list[Item] = []
    for item in items:
        found.append(item)
        yield from tell_read(subject, len(found))
    yield from tell_read(subject, len(found), done=True)
    return tuple(found)


def handle_all(
    subject: str, items: Sequence[Item], handle: Callable[[Item], Result], *, handled: str
) -> Generator[Progress, None, list[Result]]:
    """Handle one after the other, and tell how many are ``handled`` unless they are few."""
    results: list[Result] = []
    many = len(items) >= FEWEST
    for item in items:
        results.append(handle(item))
        if many:
            done = len(results)
            yield Progress(
                subject=subject,
                state="ready" if done == len(items) else "working",
                detail=f"{done} of {len(items)} {handled}",
                fraction=done / len(items),
            )
    return results
