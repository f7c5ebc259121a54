"""An embedded environment whose required files are all empty."""

from __future__ import annotations

from gatewayctl.runtimes.embedded.environment import Environment


def fake_install(environment: Environment) -> Environment:
    """Create every required file and the mark, as an install does."""
    for path in environment.required_paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    environment.complete_mark.write_text("{}")
    return environment
