"""An embedded environment without anything in it: every part is an empty file."""

from __future__ import annotations

from gatewayctl.runtimes.embedded.environment import Environment


def made(environment: Environment) -> Environment:
    """Whole and marked, as after an install."""
    for path in environment.required_paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    environment.complete_mark.write_text("{}")
    return environment
