"""Options that several commands share, declared once."""

from __future__ import annotations

from typing import Annotated

import typer

from gatewayctl.cli.context import App


def _store_json(ctx: typer.Context, value: bool) -> bool:
    """Store mode and command in the App, so that results and errors are documents of it."""
    app = ctx.find_root().obj
    if isinstance(app, App):
        app.json = app.json or value
        app.command = ctx.command_path.removeprefix("gatewayctl").strip()
    return value


JsonFlag = Annotated[
    bool,
    typer.Option(
        "--json",
        envvar="GATEWAYCTL_JSON",
        callback=_store_json,
        help="Print one JSON document instead of text.",
    ),
]
YesFlag = Annotated[bool, typer.Option("--yes", "-y", help="Skip confirmation.")]
NoBackupFlag = Annotated[
    bool, typer.Option("--no-backup", help="Do not back up the current data first.")
]
TimeoutOption = Annotated[
    float,
    typer.Option("--timeout", min=1, metavar="SECONDS", help="Maximum wait for healthy services."),
]
