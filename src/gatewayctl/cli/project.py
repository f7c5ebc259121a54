"""The commands that make a project's files: init, render."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gatewayctl.cli.context import context
from gatewayctl.cli.options import JsonFlag
from gatewayctl.errors import UsageProblem

if TYPE_CHECKING:
    from gatewayctl.settings.model import Secret

_LONGEST: Final = 16 * 1024
"""Bytes of a secret; more than any provider's key has."""


def init(
    ctx: typer.Context,
    openai_api_key_stdin: Annotated[
        bool,
        typer.Option(
            "--openai-api-key-stdin", help="Read OPENAI_API_KEY from standard input into .env."
        ),
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Write gateway.yaml anew, keeping the old one as gateway.yaml.bak;"
            " with --openai-api-key-stdin, replace that key instead.",
        ),
    ] = False,
    json_output: JsonFlag = False,
) -> None:
    """Make this folder a gateway project: gateway.yaml, .env with secrets, .gitignore."""
    from gatewayctl.operations.project import init as operation
    from gatewayctl.output.project import render_init

    app = context(ctx)
    key = _secret_of_stdin("OpenAI API key") if openai_api_key_stdin else None
    report = operation.init(app.project_dir, openai_api_key=key, force=force, flags=app.flags)
    app.show("init", report, render_init)


def render(
    ctx: typer.Context,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 8 if a file differs.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show what differs, secrets masked.")
    ] = False,
    json_output: JsonFlag = False,
) -> None:
    """Write compose/ from gateway.yaml."""
    from gatewayctl.operations.project import render as operation
    from gatewayctl.output.project import render_render

    app = context(ctx)
    name = app.resolved_runtime.name
    report = operation.render(app.settings, check=check, diff=diff, runtime=name)
    app.show("render", report, render_render)


def _secret_of_stdin(what: str) -> Secret:
    """One secret: typed unseen on a terminal, else all that is piped in."""
    from gatewayctl.settings.model import Secret

    if sys.stdin is not None and sys.stdin.isatty():
        return Secret(typer.prompt(what, hide_input=True, err=True, default="", show_default=False))
    piped = b"" if sys.stdin is None else typer.get_binary_stream("stdin").read(_LONGEST + 1)
    try:
        text = piped.decode().strip()
    except UnicodeDecodeError:
        text = ""
    # The text itself may be the secret, so no message quotes it.
    if not text or len(piped) > _LONGEST or len(text.split()) != 1:
        raise UsageProblem(f"Standard input must hold one {what} and nothing else.")
    return Secret(text)
