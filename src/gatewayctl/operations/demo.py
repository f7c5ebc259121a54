"""The verb demo: the whole story on the offline model, ending with a trace read back.

up, keys, one chat through a component, the span of that very call found in Phoenix.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gatewayctl.errors import NotVerified
from gatewayctl.operations.chat import ChatReport, chat
from gatewayctl.operations.chat_plan import ChatAsk
from gatewayctl.operations.health import ServiceReport
from gatewayctl.operations.up import UpReport
from gatewayctl.runtimes.base import Progress
from gatewayctl.settings.model import PHOENIX_PROJECT, Settings
from gatewayctl.tracing.spans import Patience, Span, SpanQuery, SpanStore, Waited, wait_for

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient

PROMPT: Final = "Hello, gateway!"
COMPONENT: Final = "passthrough"
MODEL: Final = "demo"
_PATIENCE: Final = Patience(timeout=30, interval=0.3)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoReport:
    """The call and its proof. ``component`` is what was read back from Phoenix, or None."""

    prompt: str
    reply: str
    model: str
    trace_id: str
    component: str | None
    operation: str | None
    spans: int
    parent_found: bool
    gateway_url: str
    phoenix_url: str
    trace_url: str
    services: tuple[ServiceReport, ...]
    seconds: float

    @property
    def problem(self) -> NotVerified | None:
        """Set unless the LLM span of this call was found under our own root span."""
        if self.component is not None and self.parent_found:
            return None
        return NotVerified(
            f"The span of trace {self.trace_id} did not arrive in Phoenix as it should "
            f"within {_PATIENCE.timeout:g} s.",
            hint="See `gatewayctl logs litellm` and `gatewayctl logs phoenix`.",
        )


def demo(
    settings: Settings,
    gateway: GatewayClient,
    bring_up: Generator[Progress, None, UpReport],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    reload: Callable[[], Settings] | None = None,
) -> Generator[Progress, None, DemoReport]:
    """Run the story; ``bring_up`` is the verb up, ready to be driven.

    Raises what up and chat raise; a trace that does not arrive is the report's problem.
    """
    began = clock()
    up = yield from bring_up
    settings = reload() if reload else settings
    yield Progress(subject="chat", state="working", detail=f"component {COMPONENT}")
    ask = ChatAsk(prompt=PROMPT, component=COMPONENT, model=MODEL, stream=True)
    said = _whole(chat(settings, gateway, ask))
    trace_id = str(said.trace_id)
    yield Progress(subject="chat", state="ready", detail=f"trace {trace_id}")
    yield Progress(subject="trace", state="working", detail="waiting for Phoenix")
    store = SpanStore(gateway.http, settings.phoenix_url)
    waited = yield from _look(store, trace_id, clock, sleep)
    proof = _call_of(waited.spans)
    found = waited.state == "found"
    yield Progress(subject="trace", state="ready" if found else "failed", detail=waited.state)
    metadata = proof.attributes if proof else {}
    return DemoReport(
        prompt=PROMPT,
        reply=said.reply,
        model=said.model,
        trace_id=trace_id,
        component=metadata.get("metadata.component"),
        operation=metadata.get("metadata.operation"),
        spans=len(waited.spans),
        parent_found=_rooted(waited.spans, said.span_id),
        gateway_url=settings.gateway_url,
        phoenix_url=settings.phoenix_url,
        trace_url=f"{settings.phoenix_url}/redirects/traces/{trace_id}",
        services=up.services,
        seconds=clock() - began,
    )


def _whole(events: Generator[Any, None, ChatReport]) -> ChatReport:
    """Drive a chat without showing its parts: the reply is shown at the end."""
    while True:
        try:
            next(events)
        except StopIteration as done:
            report: ChatReport = done.value
            return report


def _look(
    store: SpanStore, trace_id: str, clock: Callable[[], float], sleep: Callable[[float], None]
) -> Generator[Progress, None, Waited]:
    query = SpanQuery(trace_id=trace_id)
    looks = wait_for(
        lambda: store.find(PHOENIX_PROJECT, query),
        lambda spans: _call_of(spans) is not None and not _orphans(spans),
        patience=_PATIENCE,
        clock=clock,
        sleep=sleep,
    )
    while True:
        try:
            spans = next(looks)
        except StopIteration as done:
            waited: Waited = done.value
            return waited
        yield Progress(subject="trace", state="working", detail=f"{len(spans)} spans so far")


def _call_of(spans: tuple[Span, ...]) -> Span | None:
    """The one LLM span of the call."""
    calls = [span for span in spans if span.kind == "LLM"]
    return calls[0] if len(calls) == 1 else None


def _orphans(spans: tuple[Span, ...]) -> list[Span]:
    """Spans whose parent has not arrived; the root has none."""
    known = {span.span_id for span in spans}
    return [span for span in spans if span.parent_id is not None and span.parent_id not in known]


def _rooted(spans: tuple[Span, ...], root: str | None) -> bool:
    """True when our own span arrived and every other one hangs from a span that did."""
    return root in {span.span_id for span in spans} and not _orphans(spans)
