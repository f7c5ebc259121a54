"""The commands backup, restore and reset."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gatewayctl.cli.confirm import confirm_by_name
from gatewayctl.cli.context import context
from gatewayctl.cli.options import JsonFlag, NoBackupFlag, TimeoutOption, YesFlag

if TYPE_CHECKING:
    from gatewayctl.settings.model import Secret

PassphraseFlag = Annotated[
    bool, typer.Option("--passphrase-stdin", help="Read the passphrase from standard input.")
]


def backup(
    ctx: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="File to write (default: in .gatewayctl/backups)."),
    ] = None,
    recipient: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY", help="Encrypt for this age or ssh public key; repeatable."),
    ] = None,
    passphrase_stdin: PassphraseFlag = False,
    json: JsonFlag = False,
) -> None:
    """Back up databases, .env, gateway.yaml and its files, without downtime."""
    from gatewayctl.operations.backup.create import backup as operation
    from gatewayctl.operations.backup.encryption import Encryption
    from gatewayctl.output import backup as shown

    app = context(ctx)
    app.require_managed("back up")
    passphrase = _read_passphrase(passphrase_stdin)
    encryption = Encryption(recipients=tuple(recipient or ()), passphrase=passphrase)
    events = operation(app.settings, app.resolved_runtime, file, encryption=encryption)
    app.run(events, shown.render_backup)


def restore(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Backup file.")],
    yes: YesFlag = False,
    identity: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Private key file that decrypts the backup."),
    ] = None,
    passphrase_stdin: PassphraseFlag = False,
    no_backup: NoBackupFlag = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Allow a backup of another project, or undecryptable credentials.",
        ),
    ] = False,
    timeout: TimeoutOption = None,
    json: JsonFlag = False,
) -> None:
    """Replace project data with a backup, verified before and after."""
    from gatewayctl.operations.backup.encryption import Decryption, is_encrypted
    from gatewayctl.operations.backup.restore import RestoreOptions
    from gatewayctl.operations.backup.restore import restore as operation
    from gatewayctl.output import backup as shown
    from gatewayctl.settings.overrides import require_no_overrides

    app = context(ctx)
    app.require_managed("restore a backup to")
    # What would be refused is reported before the question.
    require_no_overrides(app.settings)
    is_encrypted(file)
    confirm_by_name(app.settings.project_name, "the current keys, spend and traces", yes=yes)
    decryption = Decryption(identity=identity, passphrase=_read_passphrase(passphrase_stdin))
    options = RestoreOptions(
        decryption=decryption, force=force, backup=not no_backup, timeout=timeout
    )
    app.run(operation(file, options, app.load_project), shown.render_restore)


def reset(
    ctx: typer.Context,
    yes: YesFlag = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Delete the traces in Phoenix too.")
    ] = False,
    keep_keys: Annotated[
        bool,
        typer.Option("--keep-keys", help="Keep all virtual keys, with their teams and budgets."),
    ] = False,
    no_backup: NoBackupFlag = False,
    timeout: TimeoutOption = None,
    json: JsonFlag = False,
) -> None:
    """Empty LiteLLM's database (keys, spend) and recreate declared keys."""
    from gatewayctl.operations.backup.loss import measure_loss
    from gatewayctl.operations.backup.reset import ResetOptions
    from gatewayctl.operations.backup.reset import reset as operation
    from gatewayctl.output import backup as shown

    app = context(ctx)
    app.require_managed("reset")
    app.require_own()
    lost = measure_loss(app.settings, app.gateway, app.runtime)
    options = ResetOptions(
        backup=not no_backup, keep_keys=keep_keys, everything=everything, timeout=timeout
    )
    app.console.say(shown.loss_sentence(lost, options))
    confirm_by_name(app.settings.project_name, shown.describe_loss(lost, options), yes=yes)
    events = operation(app.settings, app.load_project, options, lost=lost)
    app.run(events, shown.render_reset)


def _read_passphrase(wanted: bool) -> Secret | None:
    """Read the first line of standard input, if wanted."""
    from gatewayctl.settings.model import Secret

    return Secret(sys.stdin.readline().rstrip("\r\n")) if wanted else None
