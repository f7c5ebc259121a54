"""A reply as it is shown: on stdout the text alone, on stderr where it came from.

Owns making a reply harmless for a terminal. Must not know how it was got.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Final, TypeVar

from gatewayctl.generators import transform
from gatewayctl.operations.chat.call import Delta
from gatewayctl.operations.chat.report import ChatReport
from gatewayctl.runtimes.base import Progress

if TYPE_CHECKING:
    from rich.console import RenderableType

    from gatewayctl.operations.traces.verification import TraceVerification

Report = TypeVar("Report")

# All control characters but tab and line feed: a model may answer with sequences that
# retitle, recolour or write into a terminal.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def escape_control(text: str) -> str:
    r"""The text with control characters written out, such as ``\x1b``."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", text.replace("\r\n", "\n"))


class Screen:
    """Passes a streamed reply on, and knows whether its last line is still open."""

    def __init__(self, *, terminal: bool) -> None:
        self._terminal = terminal
        self.open_line = False

    def passing(
        self, events: Generator[Delta | Progress, None, Report]
    ) -> Generator[Delta | Progress, None, Report]:
        """Pass on the events; escape control characters on a terminal, end lines before news."""
        return transform(events, self._convert)

    def _convert(self, event: Delta | Progress) -> Iterator[Delta | Progress]:
        if isinstance(event, Progress):
            if self.open_line:
                self.open_line = False
                yield Delta(text="\n")
            yield event
            return
        text = escape_control(event.text) if self._terminal else event.text
        self.open_line = not text.endswith("\n")
        yield Delta(text=text)


def render_reply(report: ChatReport, *, terminal: bool) -> Iterable[RenderableType]:
    """The reply, unless its parts were shown as they arrived."""
    if not report.streamed:
        yield escape_control(report.reply) if terminal else report.reply


def render_verification(proof: TraceVerification) -> Iterable[str]:
    """The answer in one line, then each check that is not passed."""
    after = "-" if proof.visible_after is None else f"{proof.visible_after:.1f} s"
    booked = "-" if proof.ledger_after is None else f"{proof.ledger_after:.1f} s"
    yield (
        f"{proof.verdict}: {proof.spans} spans, {proof.calls} calls,"
        f" visible after {after}, in the ledger after {booked}"
    )
    for check in proof.checks:
        if check.state != "passed":
            yield f"  {check.name} {check.state}: {check.detail}"


def narrate_reply(report: ChatReport) -> Iterable[str]:
    """What is worth knowing beside the reply: what was decided, one line, each warning."""
    if report.note is not None:
        yield report.note
    for step in report.steps[:-1]:
        used = "-" if step.usage is None else f"{step.usage.total_tokens} tokens"
        yield f"{step.component}/{step.operation} · {step.model} · {used}"
    facts = [
        f"trace {report.trace_id or '-'}",
        f"{report.component}/{report.operation}",
        report.model,
        "-" if report.usage is None else f"{report.usage.total_tokens} tokens",
        f"{report.latency_ms / 1000:.2f} s",
    ]
    yield " · ".join(facts)
    if report.verification is not None:
        yield from render_verification(report.verification)
    yield from (f"Warning: {warning}" for warning in report.warnings)
