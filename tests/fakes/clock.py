"""Time that passes only when somebody sleeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(kw_only=True)
class FakeClock:
    """``clock()`` is the time in seconds; ``naps`` are the sleeps that were asked for.

    ``then`` is called after each nap: what happens in the world meanwhile.
    """

    now: float = 1000.0
    naps: list[float] = field(default_factory=list)
    then: Callable[[], None] | None = None

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds
        if self.then is not None:
            self.then()
