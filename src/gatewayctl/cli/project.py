"""The commands that write a project's files: init, render."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from gatewayctl.cli.context import context
from gatewayctl.cli.options import JsonFlag
from gatewayctl.errors import UsageProblem

if TYPE_CHECKING:
    from gatewayctl.cli.context import App
    from gatewayctl.operations.project.init import InitReport
    from gatewayctl.settings.model import Secret

_LONGEST: Final = 16 * 1024
"""Maximum bytes of a secret; longer than any provider's key."""


def init(
    ctx: typer.Context,
    openai_api_key_stdin: Annotated[
        bool,
        typer.Option(
            "--openai-api-key-stdin", help="Read OPENAI_API_KEY from standard input into .env."
        ),
    ] = False,
    from_: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Adopt a LiteLLM configuration, or a Compose file that mounts one.",
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Replace gateway.yaml (kept as .bak), or the key given on standard input.",
        ),
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Create gateway.yaml, .env with secrets, and lines of .gitignore."""
    from gatewayctl.operations.project import init as operation
    from gatewayctl.output.project import render_init

    app = context(ctx)
    if from_ is not None:
        app.show(_adopt(app, from_, openai_api_key_stdin, force=force), render_init)
        return
    key = _read_secret("OpenAI API key") if openai_api_key_stdin else None
    report = operation.init(app.project_dir, openai_api_key=key, force=force, flags=app.flags)
    app.show(report, render_init)


def render(
    ctx: typer.Context,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing. Exits with 8 if a file differs.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show the differences, with secrets masked.")
    ] = False,
    target: Annotated[
        Literal["compose", "kubernetes", "helm"] | None,
        typer.Option(
            "--target",
            help="Render for another runtime, or values for the official Helm charts.",
            show_default="that of the runtime",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="DIR", help="Write to this folder instead of compose/."),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Write the files in compose/ from gateway.yaml."""
    from gatewayctl.operations.project import render as operation
    from gatewayctl.output.project import render_render

    app = context(ctx)
    app.require_managed("render the files of")
    events = operation.render_project(
        app.settings,
        app.resolved_runtime if target is None else None,
        check=check,
        diff=diff,
        target=target,
        output=None if output is None else output.absolute(),
    )
    app.run(events, render_render)


def _adopt(app: App, file: Path, key_on_stdin: bool, *, force: bool) -> InitReport:
    from gatewayctl.operations.project.adopt.run import adopt

    if key_on_stdin:
        raise UsageProblem(
            "--from and --openai-api-key-stdin cannot be combined.",
            hint="Run `gatewayctl init --openai-api-key-stdin` afterwards.",
        )
    if str(file) == "-":
        raise UsageProblem(
            "--from cannot read standard input.",
            hint="Give the file: what it names is looked for beside it.",
        )
    return adopt(app.project_dir, file, force=force, flags=app.flags)


def _read_secret(what: str) -> Secret:
    """Read one secret: typed without echo on a terminal, else all of standard input."""
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
        raise UsageProblem(f"Standard input must contain one {what} and nothing else.")
    return Secret(text)
