"""Exits 7, 8 and 130: it ran, but not all is as it should be."""

from __future__ import annotations

from gatewayctl.errors.base import GatewayctlError


class NotVerified(GatewayctlError):
    """It ran, but the proof is missing."""

    code = "not_verified"
    exit_code = 7
    remedy = "See which check failed above."


class ProblemsFound(NotVerified):
    """The examination ran, and found errors or warnings."""

    code = "problems_found"
    remedy = "See the remedy of each above; `gatewayctl doctor --fix` does the safe ones."


class PartlyDone(NotVerified):
    """Some of it was done, some was not; running it again does the rest."""

    code = "partly_done"
    remedy = "Correct the cause and run it again: it goes on where it stopped."


class Drift(GatewayctlError):
    """Files or keys differ from what is declared."""

    code = "drift"
    exit_code = 8
    remedy = "Run `gatewayctl render` to write the files anew."


class Interrupted(GatewayctlError):
    """The user pressed Ctrl-C, or the process was told to end."""

    code = "interrupted"
    exit_code = 130
    remedy = "Nothing is half-written; run it again when you like."
