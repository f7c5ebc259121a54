"""`models`: the model groups of the gateway."""

from __future__ import annotations

from typing import Annotated

import typer

from gatewayctl.cli.context import context
from gatewayctl.cli.options import JsonFlag

app = typer.Typer(help="Models: declared against served.", no_args_is_help=True)


@app.command("list")
def list_(
    ctx: typer.Context,
    check: Annotated[
        bool, typer.Option("--check", help="Call each model once; providers charge for it.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """The models gateway.yaml declares against those LiteLLM serves."""
    from gatewayctl.operations.models.list import list_models
    from gatewayctl.output import models

    app = context(ctx)
    if check:
        app.console.say("Calling each model once: providers charge for it.")
    events = list_models(app.settings, app.gateway, call=check)
    app.run("models list", events, models.render_list)
