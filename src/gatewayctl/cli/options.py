"""Options that several commands share, declared once."""

from __future__ import annotations

from typing import Annotated

import typer

from gatewayctl.cli.context import App


def _note_json(ctx: typer.Context, value: bool) -> bool:
    """Remember the mode on the App, so that errors raised later come out as JSON too."""
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
        callback=_note_json,
        help="Print one JSON document instead of text.",
    ),
]
YesFlag = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]
TimeoutOption = Annotated[
    float, typer.Option("--timeout", min=1, help="Seconds to wait until everything is ready.")
]
