"""The command config pull."""

from __future__ import annotations

import typer

from gatewayctl.cli.context import context
from gatewayctl.cli.options import JsonFlag

app = typer.Typer(help="LiteLLM's own configuration.", no_args_is_help=True)


@app.command("pull")
def pull(ctx: typer.Context, json: JsonFlag = False) -> None:
    """Write what LiteLLM's database holds beside the file into the file."""
    from gatewayctl.operations.config.pull import pull_config
    from gatewayctl.output import config

    app = context(ctx)
    app.require_managed("pull the configuration of")
    app.require_own("litellm")
    report = pull_config(app.settings, app.gateway, app.reload_settings)
    app.show(report, config.render_pull)
