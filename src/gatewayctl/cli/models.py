"""The command models list."""

from __future__ import annotations

from typing import Annotated

import typer

from gatewayctl.cli.context import context
from gatewayctl.cli.options import JsonFlag

app = typer.Typer(help="List model groups.", no_args_is_help=True)


@app.command("list")
def list_(
    ctx: typer.Context,
    check: Annotated[
        bool, typer.Option("--check", help="Call each model once. Providers charge for it.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Compare the models declared in gateway.yaml with those LiteLLM serves."""
    from gatewayctl.operations.models.list import list_models
    from gatewayctl.output import models

    app = context(ctx)
    if check:
        app.console.say("Calling each model once: providers charge for it.")
    app.note_other_project("litellm")
    events = list_models(app.settings, app.gateway, call=check, read_log=app.read_litellm_log)
    app.run(events, models.render_list)
