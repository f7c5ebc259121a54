"""Exit 2: the command line requests something that is not possible."""

from __future__ import annotations

from gatewayctl.errors.base import GatewayctlError


class UsageProblem(GatewayctlError):
    """The command line requests something that is not possible."""

    code = "usage"
    exit_code = 2
    remedy = "See `gatewayctl --help`."


class UnknownComponent(UsageProblem):
    """A component that gateway.yaml does not declare."""

    remedy = "Declare it under components: in gateway.yaml, or use a declared one."


class EmptyPrompt(UsageProblem):
    """The prompt is empty."""

    remedy = 'Give a prompt, as in `gatewayctl chat "Hello"`, or pipe one in.'


class ConfirmationRequired(UsageProblem):
    """A destructive verb without --yes and without a terminal to confirm."""

    remedy = "Add --yes to confirm without a terminal."


class BackupExists(UsageProblem):
    """A backup would overwrite a file, which never happens."""

    remedy = "Give another file, or none: the default name contains the time."


class UpgradeRefused(UsageProblem):
    """A version that is older, known to be vulnerable, or not selectable here."""

    remedy = "Give another version: `gatewayctl upgrade --to VERSION`."


class NothingToRollBack(UsageProblem):
    """There is no upgrade of this project to undo."""

    remedy = "Restore a backup with `gatewayctl restore FILE`."
