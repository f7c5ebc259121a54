"""Wait until the services have done the work that requests leave behind.

LiteLLM writes spend logs in batches, exports spans later, and Phoenix stores them later still: that
is half of what a request costs. Owns when it is over. Must not know who measures.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Final

from gatewayctl.operations.traces.spend_log_times import DEFAULT_DELAY
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.metering.base import Meter, ServiceUsage

LONGEST: Final = 90.0
"""Seconds. Work that takes longer is not waited for; the report says how long was waited."""
_WINDOW: Final = 5
"""Seconds in a row that must be quiet, and of which the idle rate is the mean."""
_CALM: Final = 0.03
"""Cores, more than in the quietest window, that still count as quiet."""
Usages = Mapping[str, ServiceUsage]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The usage at the end, the processor seconds a second of each idle service, and the wait."""

    usage: Usages
    idle: Mapping[str, float]
    seconds: float


def wait_until_quiet(
    meter: Meter,
    subject: str,
    *,
    delay: float = DEFAULT_DELAY,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Generator[Progress, None, Settled]:
    """Wait until spend logs are written, and then until the last seconds were as quiet as any.

    ``delay``: seconds that LiteLLM may take for a spend log.
    """
    start = clock()
    looks: deque[tuple[float, Usages]] = deque([(start, meter.read())], maxlen=_WINDOW + 1)
    quietest = float("inf")
    while True:
        sleep(1)
        looks.append((clock(), meter.read()))
        waited = clock() - start
        yield Progress(
            subject=subject,
            state="working",
            detail=f"waiting for spend logs and traces ({waited:.0f} s)",
            fraction=min(waited / delay, 1.0),
        )
        idle = _rates(*looks[0], *looks[-1])
        busy = sum(idle.values())
        if len(looks) > _WINDOW:
            quietest = min(quietest, busy)
        done = waited >= delay and len(looks) > _WINDOW and busy <= quietest + _CALM
        if done or waited >= max(LONGEST, delay):
            return Settled(usage=looks[-1][1], idle=idle, seconds=waited)


def _rates(start: float, before: Usages, end: float, after: Usages) -> dict[str, float]:
    """Processor seconds a second of each service between two looks."""
    seconds = max(end - start, 1e-9)
    return {
        name: max(usage.cpu_seconds - before[name].cpu_seconds, 0.0) / seconds
        for name, usage in after.items()
        if name in before
    }
