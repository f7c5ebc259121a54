"""The commands about virtual keys: create, list, show, check, rotate, revoke, sync."""

from __future__ import annotations

from typing import Annotated

import typer

from gatewayctl.cli.confirm import confirm_by_name
from gatewayctl.cli.context import context
from gatewayctl.cli.options import JsonFlag, YesFlag, parse_pairs

Alias = Annotated[str, typer.Argument(metavar="ALIAS", help="Alias of the key in LiteLLM.")]

app = typer.Typer(
    help="Create, list, check, rotate and revoke virtual keys.",
    no_args_is_help=True,
)


@app.command("create")
def create(
    ctx: typer.Context,
    alias: Annotated[
        str | None,
        typer.Argument(metavar="ALIAS", help="Alias (default: all declared keys)."),
    ] = None,
    env: Annotated[
        str | None,
        typer.Option(help="Variable in .env (default: derived from the alias).", metavar="NAME"),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="Allow this model; repeatable (default: all).", metavar="NAME"),
    ] = None,
    metadata: Annotated[
        list[str] | None, typer.Option(help="Add metadata; repeatable.", metavar="K=V")
    ] = None,
    duration: Annotated[
        str | None, typer.Option(help="Validity period, for example 30d.", metavar="TIME")
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Print the keys in plain text, and nothing else.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Create missing virtual keys and write them to .env."""
    from gatewayctl.operations.keys.create import create_keys
    from gatewayctl.operations.keys.request import KeyRequest
    from gatewayctl.output import keys

    app = context(ctx)
    request = KeyRequest(
        alias=alias,
        env=env,
        models=tuple(model or ()),
        metadata=parse_pairs(metadata, option="--metadata"),
        duration=duration,
    )
    app.require_own()
    report = app.follow(create_keys(app.settings, app.gateway, request))
    if show:
        one = alias is not None
        plain = report.reveal()
        app.show(plain, lambda keys_: keys.render_secrets(keys_, alone=one), reveal=True)
    else:
        app.show(report, keys.render_create)


@app.command("list")
def list_(
    ctx: typer.Context,
    everything: Annotated[
        bool, typer.Option("--all", help="Include keys that gatewayctl did not create.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Compare the declared keys with those in LiteLLM and .env."""
    from gatewayctl.operations.keys.list import list_keys
    from gatewayctl.output import keys

    app = context(ctx)
    app.note_other_project("litellm")
    app.run(
        list_keys(app.settings, app.gateway),
        lambda found: keys.render_list(found, everything=everything),
    )


@app.command("show")
def show(ctx: typer.Context, alias: Alias, json: JsonFlag = False) -> None:
    """Show the details of one key, with its secret masked."""
    from gatewayctl.operations.keys.show import show_key
    from gatewayctl.output import keys

    app = context(ctx)
    app.note_other_project("litellm")
    app.show(show_key(app.settings, app.gateway, alias), keys.render_show)


@app.command("check")
def check(
    ctx: typer.Context,
    fix: Annotated[bool, typer.Option("--fix", help="Fix differences first.")] = False,
    json: JsonFlag = False,
) -> None:
    """Check each key with real calls. Exits with 8 if one differs."""
    from gatewayctl.operations.keys.check import check_keys
    from gatewayctl.output import keys

    app = context(ctx)
    if fix:
        app.require_own()
    else:
        app.note_other_project("litellm")
    app.run(check_keys(app.settings, app.gateway, fix=fix), keys.render_check)


@app.command("rotate")
def rotate(
    ctx: typer.Context,
    alias: Alias,
    grace: Annotated[
        str | None,
        typer.Option(help="Keep the old key valid this long, for example 1h.", metavar="TIME"),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Replace a key with a new one under the same alias."""
    from gatewayctl.operations.keys.rotate import rotate_key
    from gatewayctl.output import keys

    app = context(ctx)
    app.require_own()
    app.show(rotate_key(app.settings, app.gateway, alias, grace=grace), keys.render_rotate)


@app.command("revoke")
def revoke(ctx: typer.Context, alias: Alias, yes: YesFlag = False, json: JsonFlag = False) -> None:
    """Delete a key in LiteLLM and in .env."""
    from gatewayctl.operations.keys.revoke import require_revocable, revoke_key
    from gatewayctl.output import keys

    app = context(ctx)
    app.require_own()
    require_revocable(app.settings, app.gateway, alias)
    confirm_by_name(alias, f"the key {alias}, for all who use it", yes=yes, what="the key's alias")
    app.show(revoke_key(app.settings, app.gateway, alias), keys.render_revoke)


@app.command("sync")
def sync(
    ctx: typer.Context,
    prune: Annotated[
        bool,
        typer.Option("--prune", help="Delete keys, teams and users of this project not declared."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan only. Exits with 8 on drift.")
    ] = False,
    yes: YesFlag = False,
    json: JsonFlag = False,
) -> None:
    """Make the keys in LiteLLM and .env match gateway.yaml."""
    from gatewayctl.operations.keys.sync import find_prunable, sync_keys
    from gatewayctl.output import keys

    app = context(ctx)
    if dry_run:
        app.note_other_project("litellm")
    else:
        app.require_own()
    doomed: tuple[str, ...] = ()
    if prune and not dry_run:
        doomed = app.follow(find_prunable(app.settings, app.gateway))
    if doomed:
        lost = f"the keys {', '.join(doomed)}, for all who use them"
        if yes:
            app.console.say(f"This deletes {lost}.")
        confirm_by_name(app.settings.project_name, lost, yes=yes)
    app.run(sync_keys(app.settings, app.gateway, prune=prune, dry_run=dry_run), keys.render_sync)
