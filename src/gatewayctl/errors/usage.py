"""Exit 2: the command line is invalid."""

from __future__ import annotations

from gatewayctl.errors.base import GatewayctlError


class UsageProblem(GatewayctlError):
    """The command line is invalid, or asks for something that is not possible."""

    code = "usage"
    exit_code = 2
    remedy = "See `gatewayctl --help`."


class UnknownComponent(UsageProblem):
    """The component is not declared in gateway.yaml."""

    remedy = "Declare it under components: in gateway.yaml, or use a declared one."


class EmptyPrompt(UsageProblem):
    """There is no prompt to send to the model."""

    remedy = 'Give a prompt: gatewayctl chat "Hello", or pipe one in.'


class ConfirmationRequired(UsageProblem):
    """A destructive command has neither a terminal to ask on nor --yes."""

    remedy = "Add --yes to confirm without a terminal."


class BackupExists(UsageProblem):
    """The file for the backup exists already; backups are never overwritten."""

    remedy = "Choose another file, or none: the default name contains the time."


class UpgradeRefused(UsageProblem):
    """The version is older, known to be vulnerable, or not managed by gatewayctl."""

    remedy = "Choose another version: gatewayctl upgrade --to VERSION."


class NothingToRollBack(UsageProblem):
    """The project has no upgrade that could be rolled back."""

    remedy = "Restore a backup with `gatewayctl restore FILE`."
