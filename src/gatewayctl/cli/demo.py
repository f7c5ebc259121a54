"""The command demo."""

from __future__ import annotations

import typer

from gatewayctl.cli.context import context
from gatewayctl.cli.options import JsonFlag, TimeoutOption
from gatewayctl.cli.stack import bring_up


def demo(ctx: typer.Context, timeout: TimeoutOption = 300, json: JsonFlag = False) -> None:
    """Start the stack, chat with an offline model, and verify the trace."""
    from gatewayctl.operations.demo import demo as operation
    from gatewayctl.output.demo import render_demo
    from gatewayctl.runtimes.runtime_marker import read_runtime

    app = context(ctx)
    # The demo must work on any machine: Docker only with --runtime, or if the stack runs there.
    runtime = read_runtime(app.settings.state_dir) or "embedded"
    app.flags = {"runtime": runtime, **app.flags}
    app.reload_settings()
    events = bring_up(app, timeout=timeout)
    story = operation(app.settings, app.gateway, events, reload=app.reload_settings)
    app.run(story, render_demo)
