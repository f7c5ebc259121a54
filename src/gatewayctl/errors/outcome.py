"""Exits 7, 8 and 130: the command ran, but did not finish or found something wrong."""

from __future__ import annotations

from gatewayctl.errors.base import GatewayctlError


class NotVerified(GatewayctlError):
    """The command ran, but its result could not be verified."""

    exit_code = 7
    remedy = "See which check failed above."


class ProblemsFound(NotVerified):
    """`doctor` found errors or warnings, or could not run a check."""

    remedy = "Follow the remedy of each finding; `gatewayctl doctor --fix` applies the safe fixes."


class PartlyDone(NotVerified):
    """Some of the work is done; running the command again does the rest."""

    remedy = "Correct the cause and run the command again: it continues where it stopped."


class Drift(GatewayctlError):
    """Files or keys differ from what is declared."""

    exit_code = 8
    remedy = "Run `gatewayctl render` to regenerate the files."


class Interrupted(GatewayctlError):
    """The user pressed Ctrl-C, or the process received a signal to terminate."""

    exit_code = 130
    remedy = "Run the command again to finish."
