"""`keys`: the virtual keys of the project."""

from __future__ import annotations

from typing import Annotated

import typer

from gatewayctl.cli.context import context
from gatewayctl.cli.options import JsonFlag

app = typer.Typer(help="Virtual keys: make them, see them.", no_args_is_help=True)


@app.command("create")
def create(
    ctx: typer.Context,
    alias: Annotated[
        str | None, typer.Argument(help="Alias in LiteLLM; without it all declared keys.")
    ] = None,
    env: Annotated[
        str | None, typer.Option(help="Variable of .env. [default: from the alias]", metavar="NAME")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="Model the key may use; all without it.", metavar="M")
    ] = None,
    metadata: Annotated[
        list[str] | None, typer.Option(help="Metadata of the key.", metavar="K=V")
    ] = None,
    duration: Annotated[
        str | None, typer.Option(help="How long it is valid, such as 30d.", metavar="TIME")
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Print the plain keys, and nothing else, on stdout.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Make the virtual keys that are missing, and write them to .env."""
    from gatewayctl.operations.keys_create import create_keys
    from gatewayctl.operations.keys_wanted import KeyAsk, wanted_keys
    from gatewayctl.output import keys

    app = context(ctx)
    ask = KeyAsk(
        alias=alias,
        env=env,
        models=tuple(model or ()),
        metadata=tuple(metadata or ()),
        duration=duration,
    )
    report = create_keys(app.settings, app.gateway, wanted_keys(app.settings, ask))
    if show:
        plain = report.revealed()
        app.show("keys create", plain, lambda made: keys.shown(made, alone=alias is not None))
    else:
        app.show("keys create", report, keys.created)


@app.command("list")
def list_(
    ctx: typer.Context,
    everything: Annotated[
        bool, typer.Option("--all", help="Also the keys that gatewayctl did not make.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """What is declared, what LiteLLM has and what .env holds, joined."""
    from gatewayctl.operations.keys_list import keys_list
    from gatewayctl.output import keys

    app = context(ctx)
    report = keys_list(app.settings, app.gateway)
    app.show("keys list", report, lambda found: keys.listed(found, everything=everything))
