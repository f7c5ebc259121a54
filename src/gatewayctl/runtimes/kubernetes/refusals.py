"""What kubectl says when it fails, as errors of ours.

Must not know which command was run.
"""

from __future__ import annotations

from gatewayctl.errors import RuntimeProblem


def explain(stderr: str, *, context: str | None, namespace: str) -> RuntimeProblem:
    """The error that a refusal of kubectl or of the API server stands for."""
    return RuntimeProblem(f"kubectl failed: {stderr.strip()}")
