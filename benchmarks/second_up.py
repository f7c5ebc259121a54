"""A second `gatewayctl up`, which finds nothing to change, against `gatewayctl --version`."""

from __future__ import annotations

from benchmarks.stack import gatewayctl, project


def measure(rounds: int = 10) -> tuple[list[float], list[float]]:
    """Both in turn on a running stack."""
    ours, other = [], []
    with project() as (folder, _):
        gatewayctl(folder, "up")
        for _ in range(rounds + 2):
            ours.append(gatewayctl(folder, "up"))
            other.append(gatewayctl(folder, "--version"))
    return ours[2:], other[2:]
