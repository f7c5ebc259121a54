"""The one ``except``: turns failures into a sentence, a hint and an exit code.

Owns the mapping from exceptions to exit codes. Must not know any command.
"""

from __future__ import annotations

import os
import sys
from typing import Any, ClassVar, NoReturn

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from gatewayctl.cli.context import App
from gatewayctl.cli.syntax.commands_on_demand import CommandsOnDemand
from gatewayctl.cli.syntax.global_options import accept_globals
from gatewayctl.cli.syntax.metavars import name_values
from gatewayctl.cli.syntax.zsh_completion import answer_first_tab
from gatewayctl.errors import GatewayctlError, Interrupted, UsageProblem


class BoundaryGroup(TyperGroup):
    """The root group. Overrides ``invoke`` so that CliRunner sees exit codes as well."""

    contents: ClassVar[typer.Typer]
    """Its commands."""

    def __init__(self, **attributes: Any) -> None:
        commands = CommandsOnDemand(self.contents, self._prepare)
        super().__init__(**{**attributes, "commands": commands})
        self._options = tuple(self.params)
        answer_first_tab()

    def _prepare(self, command: Any) -> None:
        name_values(command)
        accept_globals(command, self._options)
        for each in getattr(command, "commands", {}).values():
            self._prepare(each)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the global options; with --json their errors are documents too."""
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except TyperException as error:
            if not given or not _wants_json(ctx, given):
                _name_program(ctx)
                raise
            _show(ctx, UsageProblem(error.format_message()), given)

    def invoke(self, ctx: Any) -> Any:
        args = [*ctx._protected_args, *ctx.args]  # noqa: SLF001 - as TyperGroup.invoke reads them
        try:
            return super().invoke(ctx)
        except GatewayctlError as error:
            _show(ctx, error, args)
        except (KeyboardInterrupt, typer.Abort):
            _show(ctx, Interrupted("Interrupted."), args)
        except TyperException as error:
            if not _wants_json(ctx, args):
                from gatewayctl.settings.masking import mask

                _name_program(ctx)
                # It quotes what was typed.
                error.message = mask(error.message)
                raise
            _show(ctx, UsageProblem(error.format_message()), args)
        except (typer.Exit, BrokenPipeError, EOFError):
            raise
        except Exception as error:
            _show_bug(ctx, error, args)


def _name_program(ctx: Any) -> None:
    """Let a usage error name the program as it was called: «Try '.venv/bin/gatewayctl up -h'»."""
    from gatewayctl.output.program import find_program

    ctx.find_root().info_name = find_program()


def _app(ctx: Any) -> App:
    """The App of this run, or a default one if the failure came before it was created."""
    return ctx.obj if isinstance(ctx.obj, App) else App()


def _wants_json(ctx: Any, args: list[str]) -> bool:
    by_environment = os.environ.get("GATEWAYCTL_JSON", "").lower() in {"1", "true", "yes", "on"}
    # Arguments after `--` are not options: a prompt may contain the text --json.
    options = args[: args.index("--")] if "--" in args else args
    return _app(ctx).json or by_environment or "--json" in options


def _show(ctx: Any, error: GatewayctlError, args: list[str]) -> NoReturn:
    app = _app(ctx)
    app.json = _wants_json(ctx, args)
    known = ctx.command.commands
    app.command = app.command or next((arg for arg in args if arg in known), "")
    app.show_error(error)
    raise typer.Exit(error.exit_code) from error


def _show_bug(ctx: Any, error: Exception, args: list[str]) -> NoReturn:
    from gatewayctl.settings.masking import mask

    app = _app(ctx)
    if isinstance(error, OSError):
        from gatewayctl.files.folders import explain_os_error
        from gatewayctl.settings.model import STATE_DIR_NAME

        if found := explain_os_error(error, STATE_DIR_NAME):
            _show(ctx, found, args)
    if app.verbose:
        import traceback

        # Only source lines: locals could hold keys.
        sys.stderr.write(mask("".join(traceback.format_exception(error))))
    text = mask(str(error)) or "no message"
    _show(ctx, GatewayctlError(f"Internal error ({type(error).__name__}): {text}"), args)
