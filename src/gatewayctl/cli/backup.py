"""What keeps data and what loses it: backup, restore, reset."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gatewayctl.cli.context import context
from gatewayctl.cli.options import JsonFlag, TimeoutOption, YesFlag

if TYPE_CHECKING:
    from gatewayctl.settings.model import Secret

PassphraseFlag = Annotated[
    bool, typer.Option("--passphrase-stdin", help="Read the passphrase from standard input.")
]


def backup(
    ctx: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(help="Where to write it; by default .gatewayctl/backups/."),
    ] = None,
    recipient: Annotated[
        list[str] | None,
        typer.Option(help="Encrypt for this public key of age or ssh; may be repeated."),
    ] = None,
    passphrase_stdin: PassphraseFlag = False,
    json_output: JsonFlag = False,
) -> None:
    """Write both databases, .env and gateway.yaml into one file, while all goes on serving."""
    from gatewayctl.operations.backup.create import backup as operation
    from gatewayctl.operations.backup.encryption import Encryption
    from gatewayctl.output import backup as shown

    app = context(ctx)
    seal = Encryption(recipients=tuple(recipient or ()), passphrase=_passphrase(passphrase_stdin))
    events = operation(app.settings, app.resolved_runtime, file, seal=seal)
    app.run("backup", events, shown.render_backup)


def restore(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file that backup wrote.")],
    yes: YesFlag = False,
    identity: Annotated[
        Path | None,
        typer.Option(help="File with the private key an encrypted backup opens with."),
    ] = None,
    passphrase_stdin: PassphraseFlag = False,
    no_backup: Annotated[
        bool, typer.Option("--no-backup", help="Do not back up what is there now.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Also one of another project, or whose secrets do not open."),
    ] = False,
    timeout: TimeoutOption = 300,
    json_output: JsonFlag = False,
) -> None:
    """Put a backup in the place of the project's data; proven before and after."""
    from gatewayctl.cli.confirm import confirm_by_name
    from gatewayctl.operations.backup.encryption import Decryption
    from gatewayctl.operations.backup.restore import RestoreOptions
    from gatewayctl.operations.backup.restore import restore as operation
    from gatewayctl.output import backup as shown

    app = context(ctx)
    confirm_by_name(app.settings.project_name, "the keys, spend and traces of now", yes=yes)
    opener = Decryption(identity=identity, passphrase=_passphrase(passphrase_stdin))
    options = RestoreOptions(opener=opener, force=force, backup=not no_backup, timeout=timeout)
    app.run("restore", operation(file, options, app.afresh), shown.render_restore)


def reset(
    ctx: typer.Context,
    yes: YesFlag = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Drop the traces in Phoenix too.")
    ] = False,
    keep_keys: Annotated[
        bool, typer.Option("--keep-keys", help="The declared keys keep their secrets.")
    ] = False,
    no_backup: Annotated[
        bool, typer.Option("--no-backup", help="Do not back up first what is lost.")
    ] = False,
    timeout: TimeoutOption = 300,
    json_output: JsonFlag = False,
) -> None:
    """Empty LiteLLM's database (keys, spend) and make the declared keys anew; traces stay."""
    from gatewayctl.cli.confirm import confirm_by_name
    from gatewayctl.operations.backup.reset import ResetOptions, measure_loss
    from gatewayctl.operations.backup.reset import reset as operation
    from gatewayctl.output import backup as shown

    app = context(ctx)
    lost = measure_loss(app.settings, app.gateway, app.runtime)
    app.console.say(shown.loss_sentence(lost, everything=everything, kept=not no_backup))
    confirm_by_name(app.settings.project_name, shown.describe_loss(everything=everything), yes=yes)
    options = ResetOptions(
        backup=not no_backup, keep_keys=keep_keys, everything=everything, timeout=timeout
    )
    events = operation(app.settings, app.resolved_runtime, app.gateway, options, lost=lost)
    app.run("reset", events, shown.render_reset)


def _passphrase(wanted: bool) -> Secret | None:
    """The first line of standard input."""
    from gatewayctl.settings.model import Secret

    return Secret(sys.stdin.readline().rstrip("\r\n")) if wanted else None
