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
    from gatewayctl.operations.keys.create import create_keys
    from gatewayctl.operations.keys.request import KeyRequest
    from gatewayctl.output import keys

    app = context(ctx)
    ask = KeyRequest(
        alias=alias,
        env=env,
        models=tuple(model or ()),
        metadata=tuple(metadata or ()),
        duration=duration,
    )
    report = create_keys(app.settings, app.gateway, ask)
    if show:
        plain = report.revealed()
        app.show(
            "keys create", plain, lambda made: keys.render_secrets(made, alone=alias is not None)
        )
    else:
        app.show("keys create", report, keys.render_create)


@app.command("list")
def list_(
    ctx: typer.Context,
    everything: Annotated[
        bool, typer.Option("--all", help="Every key, also those gatewayctl did not make.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """What is declared, what LiteLLM has and what .env holds, joined."""
    from gatewayctl.operations.keys.list import list_keys
    from gatewayctl.output import keys

    app = context(ctx)
    report = list_keys(app.settings, app.gateway)
    app.show("keys list", report, lambda found: keys.render_list(found, everything=everything))


@app.command("show")
def show(ctx: typer.Context, alias: Alias, json: JsonFlag = False) -> None:
    """All there is to know about one key; its secret stays masked."""
    from gatewayctl.operations.keys.show import show_key
    from gatewayctl.output import keys

    app = context(ctx)
    app.show("keys show", show_key(app.settings, app.gateway, alias), keys.render_show)


@app.command("check")
def check(
    ctx: typer.Context,
    fix: Annotated[bool, typer.Option("--fix", help="First put right what differs.")] = False,
    json: JsonFlag = False,
) -> None:
    """Prove each key with real calls; exit 8 when one is not as declared."""
    from gatewayctl.operations.keys.check import check_keys
    from gatewayctl.output import keys

    app = context(ctx)
    app.show("keys check", check_keys(app.settings, app.gateway, fix=fix), keys.render_check)


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
    from gatewayctl.operations.keys.rotate import rotate_key
    from gatewayctl.output import keys

    app = context(ctx)
    app.show(
        "keys rotate", rotate_key(app.settings, app.gateway, alias, grace=grace), keys.render_rotate
    )


@app.command("revoke")
def revoke(ctx: typer.Context, alias: Alias, yes: YesFlag = False, json: JsonFlag = False) -> None:
    """Delete a key in LiteLLM, and take it out of .env."""
    from gatewayctl.cli.confirm import confirm_by_name
    from gatewayctl.operations.keys.revoke import revoke_key
    from gatewayctl.output import keys

    app = context(ctx)
    confirm_by_name(alias, f"the key {alias}, for all who use it", yes=yes, what="the key's alias")
    app.show("keys revoke", revoke_key(app.settings, app.gateway, alias), keys.render_revoke)


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
    from gatewayctl.operations.keys.sync import sync_keys
    from gatewayctl.output import keys

    app = context(ctx)
    report = sync_keys(app.settings, app.gateway, prune=prune, dry_run=dry_run)
    app.show("keys sync", report, keys.render_sync)
