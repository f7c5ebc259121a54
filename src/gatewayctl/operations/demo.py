"""The verb demo: up, keys, one chat with the offline model, and its trace read from Phoenix."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gatewayctl.errors import GatewayctlError
from gatewayctl.generators import transform
from gatewayctl.operations.chat.plan import ChatInput
from gatewayctl.operations.chat.send import send_chat
from gatewayctl.operations.diagnosis.health import ServiceReport
from gatewayctl.operations.stack.up import UpReport
from gatewayctl.operations.traces.verification import TraceVerification
from gatewayctl.runtimes.base import Progress
from gatewayctl.settings.model import RuntimeName, Settings

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient

PROMPT: Final = "Hello, gateway!"
COMPONENT: Final = "passthrough"
MODEL: Final = "demo"
_PATIENCE: Final = 30
"""Seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoReport:
    """The call and its verification. ``component`` is the one read from Phoenix, or None."""

    prompt: str
    reply: str
    model: str
    trace_id: str
    component: str | None
    operation: str | None
    spans: int
    parent_found: bool
    gateway_url: str
    phoenix_url: str | None
    trace_url: str | None
    services: tuple[ServiceReport, ...]
    runtime: RuntimeName
    runtime_why: str
    seconds: float
    proof: TraceVerification | None = None

    @property
    def problem(self) -> GatewayctlError | None:
        """Set unless the trace of this call is verified."""
        return None if self.proof is None else self.proof.problem


def demo(
    settings: Settings,
    gateway: GatewayClient,
    bring_up: Generator[Progress, None, UpReport],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    reload: Callable[[], Settings] | None = None,
) -> Generator[Progress, None, DemoReport]:
    """Run the demo; ``bring_up`` is the verb up, not started yet.

    Raises the errors of up and chat, also for a reply that breaks off; a trace that does not
    arrive is the report's problem.
    """
    start = clock()
    up = yield from bring_up
    settings = reload() if reload else settings
    yield Progress(subject="chat", state="working", detail=f"component {COMPONENT}")
    prompt = ChatInput(prompt=PROMPT, component=COMPONENT, model=MODEL, verify=_PATIENCE)
    events = send_chat(settings, gateway, prompt, clock=clock, sleep=sleep)
    # The reply is shown at the end.
    chat = yield from transform(events, lambda each: [each] if isinstance(each, Progress) else [])
    verification = chat.verification
    if verification is None and chat.problem is not None:
        raise chat.problem
    assert verification is not None  # noqa: S101 - requested above
    trace_id = str(chat.trace_id)
    return DemoReport(
        prompt=PROMPT,
        reply=chat.reply,
        model=chat.model,
        trace_id=trace_id,
        component=chat.component if _has_passed(verification, "component") else None,
        operation=chat.operation if _has_passed(verification, "operation") else None,
        spans=verification.spans,
        parent_found=_has_passed(verification, "gateway_descends")
        and _has_passed(verification, "no_missing_parent"),
        gateway_url=settings.gateway_url,
        phoenix_url=settings.traces_page,
        trace_url=settings.traces_page and f"{settings.traces_page}/redirects/traces/{trace_id}",
        services=up.services,
        runtime=up.runtime,
        runtime_why=up.runtime_why,
        seconds=clock() - start,
        proof=verification,
    )


def _has_passed(verification: TraceVerification, name: str) -> bool:
    return any(check.name == name and check.state == "passed" for check in verification.checks)
