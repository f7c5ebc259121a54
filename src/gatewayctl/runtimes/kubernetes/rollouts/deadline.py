"""The time that a user gives a start. Must not know what is waited for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gatewayctl.errors import NotHealthyInTime


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """The end of ``seconds``, which began at ``began`` of ``clock``; never without them."""

    seconds: float | None
    began: float
    clock: Callable[[], float]

    @classmethod
    def start(cls, seconds: float | None, clock: Callable[[], float]) -> Deadline:
        return cls(seconds=seconds, began=clock(), clock=clock)

    def require(self, service: str, detail: str) -> None:
        """Raise NotHealthyInTime if the time is over; what was applied goes on in the cluster."""
        if self.seconds is None or self.clock() - self.began < self.seconds:
            return
        error = NotHealthyInTime(
            f"{service} is not ready after {self.seconds:g} s ({detail}). Its rollout goes on in"
            " the cluster."
        )
        error.service = service
        raise error
