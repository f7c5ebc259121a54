"""`keys`: the virtual keys of the project, their whole life."""

from __future__ import annotations

from typing import Annotated

import typer

from gatewayctl.cli.context import context
from gatewayctl.cli.options import JsonFlag, YesFlag

Alias = Annotated[str, typer.Argument(help="Alias of the key in LiteLLM.")]

app = typer.Typer(
    help="Virtual keys: make them, see them, prove them, rotate and revoke them.",
    no_args_is_help=True,
)


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
    from gatewayctl.operations.keys.create import keys_create
    from gatewayctl.operations.keys.request import KeyAsk
    from gatewayctl.output import keys

    app = context(ctx)
    ask = KeyAsk(
        alias=alias,
        env=env,
        models=tuple(model or ()),
        metadata=tuple(metadata or ()),
        duration=duration,
    )
    report = keys_create(app.settings, app.gateway, ask)
    if show:
        plain = report.revealed()
        app.show("keys create", plain, lambda made: keys.shown(made, alone=alias is not None))
    else:
        app.show("keys create", report, keys.created)


@app.command("list")
def list_(
    ctx: typer.Context,
    everything: Annotated[
        bool, typer.Option("--all", help="Every key, also those gatewayctl did not make.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """What is declared, what LiteLLM has and what .env holds, joined."""
    from gatewayctl.operations.keys.list import keys_list
    from gatewayctl.output import keys

    app = context(ctx)
    report = keys_list(app.settings, app.gateway)
    app.show("keys list", report, lambda found: keys.listed(found, everything=everything))


@app.command("show")
def show(ctx: typer.Context, alias: Alias, json: JsonFlag = False) -> None:
    """All there is to know about one key; its secret stays masked."""
    from gatewayctl.operations.keys.show import keys_show
    from gatewayctl.output import keys

    app = context(ctx)
    app.show("keys show", keys_show(app.settings, app.gateway, alias), keys.details)


@app.command("check")
def check(
    ctx: typer.Context,
    fix: Annotated[bool, typer.Option("--fix", help="First put right what differs.")] = False,
    json: JsonFlag = False,
) -> None:
    """Prove each key with real calls; exit 8 when one is not as declared."""
    from gatewayctl.operations.keys.check import keys_check
    from gatewayctl.output import keys

    app = context(ctx)
    app.show("keys check", keys_check(app.settings, app.gateway, fix=fix), keys.checked)


@app.command("rotate")
def rotate(
    ctx: typer.Context,
    alias: Alias,
    grace: Annotated[
        str | None,
        typer.Option(help="How long the old key stays valid, such as 1h.", metavar="TIME"),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """A new key under the same alias; the old one is revoked, or valid for the grace."""
    from gatewayctl.operations.keys.rotate import keys_rotate
    from gatewayctl.output import keys

    app = context(ctx)
    app.show(
        "keys rotate", keys_rotate(app.settings, app.gateway, alias, grace=grace), keys.rotated
    )


@app.command("revoke")
def revoke(ctx: typer.Context, alias: Alias, yes: YesFlag = False, json: JsonFlag = False) -> None:
    """Delete a key in LiteLLM, and take it out of .env."""
    from gatewayctl.cli.confirm import by_name
    from gatewayctl.operations.keys.revoke import keys_revoke
    from gatewayctl.output import keys

    app = context(ctx)
    by_name(alias, f"the key {alias}, for all who use it", yes=yes, what="the key's alias")
    app.show("keys revoke", keys_revoke(app.settings, app.gateway, alias), keys.revoked)


@app.command("sync")
def sync(
    ctx: typer.Context,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete keys gatewayctl made that are not declared.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan, change nothing; exit 8 on drift.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Make LiteLLM and .env what gateway.yaml declares; keys of others are left alone."""
    from gatewayctl.operations.keys.sync import keys_sync
    from gatewayctl.output import keys

    app = context(ctx)
    report = keys_sync(app.settings, app.gateway, prune=prune, dry_run=dry_run)
    app.show("keys sync", report, keys.synced)
