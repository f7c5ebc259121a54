"""Exits 7, 8 and 130: it ran, but not everything is as it should be."""

from __future__ import annotations

from gatewayctl.errors.base import GatewayctlError


class NotVerified(GatewayctlError):
    """It ran, but the result could not be verified."""

    exit_code = 7
    remedy = "See which check failed above."


class TraceStoreNotQueryable(NotVerified):
    """No declared trace store can be asked which spans it has."""

    remedy = (
        "Look in the trace store itself; or add a Phoenix to tracing: in gateway.yaml, which can"
        " be asked."
    )


class ProblemsFound(NotVerified):
    """The checks found errors or warnings, or could not run."""

    remedy = "See the remedy of each finding; `gatewayctl doctor --fix` applies the safe fixes."


class PartlyDone(NotVerified):
    """Some of it was done, some was not; running it again does the rest."""

    remedy = "Fix the cause and run the command again: it continues where it stopped."


class BenchRegressed(NotVerified):
    """A benchmark is past its limit against a stored run."""

    remedy = (
        "See what differs above. If the machine was busy, run it again; if the change is wanted,"
        " store this run with --save."
    )


class Drift(GatewayctlError):
    """Files or keys differ from what is declared."""

    exit_code = 8
    label = "Note"
    remedy = "Run `gatewayctl render` to regenerate the files."


class Interrupted(GatewayctlError):
    """The user pressed Ctrl-C, or the process received a signal to end."""

    exit_code = 130
    remedy = "Run the command again to finish it."
