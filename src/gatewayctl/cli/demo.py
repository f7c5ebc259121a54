"""The command demo."""

from __future__ import annotations

import typer

from gatewayctl.cli.context import context
from gatewayctl.cli.options import JsonFlag, TimeoutOption
from gatewayctl.cli.stack import bring_up


def demo(ctx: typer.Context, timeout: TimeoutOption = None, json: JsonFlag = False) -> None:
    """Start the stack, chat with an offline model, and verify the trace."""
    from gatewayctl.operations.demo import demo as operation
    from gatewayctl.output.demo import render_demo

    app = context(ctx)
    app.require_managed("start")
    app.portable = "runtime" not in app.flags
    events = bring_up(app, timeout=timeout)
    story = operation(app.settings, app.gateway, events, reload=app.reload_settings)
    app.run(story, render_demo)
