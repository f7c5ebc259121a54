"""Options that several commands share, declared once."""

from __future__ import annotations

from typing import Annotated

import typer

from gatewayctl.cli.context import App
from gatewayctl.errors import UsageProblem


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
    float | None,
    typer.Option(
        "--timeout",
        min=1,
        metavar="SECONDS",
        help="Maximum wait for healthy services. Default: 300, Docker 600, Kubernetes 900.",
    ),
]

AcceptRiskOption = Annotated[
    list[str] | None,
    typer.Option(
        "--accept-risk", metavar="ID", help="Accept the risk of this advisory; repeatable."
    ),
]


def parse_pairs(texts: list[str] | None, *, option: str) -> dict[str, str]:
    """Parse ``K=V`` options. Raises UsageProblem for any other form and for repeated names."""
    pairs: dict[str, str] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or not text.isprintable():
            raise UsageProblem(
                f"Invalid {option} {text!r}: expected K=V.",
                hint=f"For example: {option} team=search.",
            )
        if name in pairs:
            raise UsageProblem(f"{option} sets {name!r} twice.")
        pairs[name] = value
    return pairs
