"""Importing OpenTelemetry's SDK as `chat` does, without psutil, against importing it as it is."""

from __future__ import annotations

import sys

from benchmarks.stack import seconds

WITHOUT_PSUTIL = "import gatewayctl.tracing.client_spans"
AS_IT_IS = f"import psutil; {WITHOUT_PSUTIL}"


def measure(rounds: int = 15) -> tuple[list[float], list[float]]:
    """Both in turn, after one round to warm the caches."""
    ours, other = [], []
    for _ in range(rounds + 1):
        ours.append(seconds([sys.executable, "-c", WITHOUT_PSUTIL]))
        other.append(seconds([sys.executable, "-c", AS_IT_IS]))
    return ours[1:], other[1:]
