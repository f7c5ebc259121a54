"""Exit 2: the command line asks for something that cannot be."""

from __future__ import annotations

from gatewayctl.errors.base import GatewayctlError


class UsageProblem(GatewayctlError):
    """The command line asks for something that cannot be done."""

    code = "usage"
    exit_code = 2
    remedy = "See `gatewayctl --help`."


class UnknownComponent(UsageProblem):
    """A component that gateway.yaml does not declare."""

    code = "unknown_component"
    remedy = "Declare it under components: in gateway.yaml, or name a declared one."


class EmptyPrompt(UsageProblem):
    """Nothing to say to the model."""

    code = "empty_prompt"
    remedy = 'Give a prompt: gatewayctl chat "Hello", or pipe one in.'


class ConfirmationRequired(UsageProblem):
    """A destructive verb without a terminal to ask on and without --yes."""

    code = "confirmation_required"
    remedy = "Add --yes to confirm without a terminal."


class BackupExists(UsageProblem):
    """A backup is to be written where a file is already; it is never overwritten."""

    code = "backup_exists"
    remedy = "Name another file, or none: the default name holds the time."


class UpgradeRefused(UsageProblem):
    """A version that is older, known to be vulnerable, or not this program's to choose."""

    code = "upgrade_refused"
    remedy = "Name another version: gatewayctl upgrade --to VERSION."


class NothingToRollBack(UsageProblem):
    """There is no upgrade of this project that could be taken back."""

    code = "nothing_to_roll_back"
    remedy = "Put a backup back with `gatewayctl restore FILE`."
