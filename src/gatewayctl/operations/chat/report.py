"""What a chat comes to: the reply, each call it took, and the proof if one was asked for."""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import TYPE_CHECKING

from gatewayctl.errors import GatewayctlError
from gatewayctl.gateway.chat import Usage

if TYPE_CHECKING:
    from gatewayctl.operations.traces.verification import TraceVerification


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """One model call of a route, in the order they were made."""

    component: str
    operation: str
    model: str
    span_id: str | None
    call_id: str | None
    usage: Usage | None
    latency_ms: float


@dataclass(frozen=True, kw_only=True)
class ChatReport:
    """A reply and where it came from.

    ``streamed`` tells that the reply was yielded in parts already. ``verified`` is None
    when nobody asked, or when nobody can say (``verification`` tells which). ``latency_ms``
    runs from sending the request to the reply's end. On a route ``component`` to
    ``usage`` are those of the last call, and ``steps`` has all of them. ``warnings`` are
    failures beside the reply, such as a trace that Phoenix did not take.
    """

    reply: str
    model: str
    component: str
    operation: str
    routing_path: str | None
    trace_id: str | None
    span_id: str | None
    call_id: str | None
    finish_reason: str | None
    usage: Usage | None
    latency_ms: float
    key_env: str
    streamed: bool
    trace_exported: bool
    route: str | None = None
    steps: tuple[StepReport, ...] = ()
    verified: bool | None = None
    verification: TraceVerification | None = None
    note: str | None = None
    warnings: tuple[str, ...] = ()
    broken_by: InitVar[GatewayctlError | None] = None

    def __post_init__(self, broken_by: GatewayctlError | None) -> None:
        object.__setattr__(self, "_problem", broken_by)

    @property
    def problem(self) -> GatewayctlError | None:
        """Why the reply is not whole, or its trace not proven."""
        problem: GatewayctlError | None = self.__dict__["_problem"]
        if problem is None and self.verification is not None:
            return self.verification.problem
        return problem
