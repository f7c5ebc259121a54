"""Renders a reply: the text alone on stdout, where it came from on stderr.

Owns escaping for terminals. Must not know how the reply was received.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Final, TypeVar

from gatewayctl.generators import transform
from gatewayctl.operations.chat.call import Delta
from gatewayctl.output.console import Verbatim
from gatewayctl.output.wording import count, describe_verdict
from gatewayctl.runtimes.base import Progress

if TYPE_CHECKING:
    from rich.console import RenderableType

    from gatewayctl.operations.chat.report import ChatReport
    from gatewayctl.operations.traces.verification import TraceVerification

Report = TypeVar("Report")

# All control characters but tab and line feed: a model may answer with sequences that change a
# terminal's title, color or content.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def escape_control(text: str) -> str:
    r"""Write control characters out, such as ``\x1b``."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match.group()):02x}", text.replace("\r\n", "\n"))


class Screen:
    """Passes a streamed reply on, and tracks whether its last line is still open."""

    def __init__(self, *, terminal: bool) -> None:
        self._terminal = terminal
        self.open_line = False

    def pass_on(
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
    """The reply, unless it was streamed or has no text."""
    if report.reply and not report.streamed:
        yield Verbatim(escape_control(report.reply) if terminal else report.reply)


def render_verification(result: TraceVerification) -> Iterable[str]:
    """The verdict in one line, then each check that did not pass."""
    spans_after = "-" if result.visible_after is None else f"{result.visible_after:.1f} s"
    logs_after = "-" if result.ledger_after is None else f"{result.ledger_after:.1f} s"
    yield (
        f"{describe_verdict(result)}: {count(result.spans, 'span')}, {count(result.calls, 'call')},"
        f" visible after {spans_after}, in the spend logs after {logs_after}"
    )
    for check in result.checks:
        if check.state != "passed":
            yield f"  {check.name} {check.state}: {check.detail}"


def _name_model(report: ChatReport) -> str:
    """The model that was asked, and what answered if that is not the same."""
    by = [
        *([f"fallback {report.fallback}"] if report.fallback else []),
        *([f"by {report.deployment}"] if _is_news(report.deployment, report) else []),
        *(["answered from the cache"] if report.cached else []),
    ]
    return f"{report.model} ({', '.join(by)})" if by else report.model


def _is_news(deployment: str | None, report: ChatReport) -> bool:
    """False for a deployment with the name of its model group, such as openai/gpt-4o."""
    return deployment is not None and deployment.rpartition("/")[2] != (
        report.fallback or report.model
    )


def narrate_reply(report: ChatReport) -> Iterable[str]:
    """The notes beside a reply: decisions, steps, a line of facts, warnings."""
    if report.note is not None:
        yield report.note
    for step in report.steps[:-1]:
        used = "-" if step.usage is None else f"{step.usage.total_tokens} tokens"
        yield f"{step.component}/{step.operation} · {step.model} · {used}"
    facts = [
        f"trace {report.trace_id or '-'}",
        f"{report.component}/{report.operation}",
        _name_model(report),
        "-" if report.usage is None else f"{report.usage.total_tokens} tokens",
        f"{report.latency_ms / 1000:.2f} s",
        *([count(report.retries, "retry", "retries")] if report.retries else []),
    ]
    yield " · ".join(facts)
    if report.verification is not None:
        yield from render_verification(report.verification)
    yield from (f"Warning: {warning}" for warning in report.warnings)
