"""Renders the demo: services, the reply, the verified trace, and where to look."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gatewayctl.output.console import strip_control
from gatewayctl.output.stack import services_table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from gatewayctl.operations.demo import DemoReport


def render_demo(report: DemoReport) -> Iterator[RenderableType]:
    """The reply, the verification, and where to look."""
    yield services_table(report.services)
    yield ""
    yield f"prompt      {report.prompt}"
    yield f"reply       {strip_control(report.reply)}"
    yield f"model       {report.model}"
    yield f"trace id    {report.trace_id}"
    if report.component is not None:
        read = f"read from Phoenix: {report.spans} spans, one LLM call"
        yield f"component {report.component} ({read})"
    yield ""
    yield f"Runtime     {report.runtime} ({report.runtime_why})"
    yield f"Gateway     {report.gateway_url}"
    yield f"Admin UI    {report.gateway_url}/ui (user admin, password: UI_PASSWORD in .env)"
    yield f"Trace       {report.trace_url or '-'}"
    yield ""
    yield 'Next: `gatewayctl chat --component passthrough "Hello"`'
    yield "      `gatewayctl status`"
    yield "      `gatewayctl down`"
