"""The command that shows everything once: demo."""

from __future__ import annotations

import typer

from gatewayctl.cli.context import context
from gatewayctl.cli.options import JsonFlag, TimeoutOption
from gatewayctl.cli.stack import bring_up


def demo(ctx: typer.Context, timeout: TimeoutOption = 300, json_output: JsonFlag = False) -> None:
    """The whole story on an offline model: up, keys, a chat, its trace read back."""
    from gatewayctl.operations.demo import demo as operation
    from gatewayctl.output.demo import render_demo
    from gatewayctl.runtimes.runtime_marker import read_runtime

    app = context(ctx)
    # It must work on any machine, so Docker is used only when asked for by name, or there already.
    made_with = read_runtime(app.settings.state_dir) or "embedded"
    app.flags = {"runtime": made_with, **app.flags}
    app.reload_settings()
    events = bring_up(app, timeout=timeout)
    app.run(
        "demo",
        operation(app.settings, app.gateway, events, reload=app.reload_settings),
        render_demo,
    )
