"""Whole commands through Typer's runner, on a command line that is built once."""

from __future__ import annotations

import functools

import pytest
import typer.testing


@pytest.fixture(scope="session", autouse=True)
def _built_once() -> None:
    """The runner builds all commands for each run, which takes longer than running most."""
    build = typer.testing._get_command  # type: ignore[attr-defined]
    typer.testing._get_command = functools.cache(build)  # type: ignore[attr-defined]
