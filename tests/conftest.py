"""Every test sees a clean environment: nothing of the person who runs it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

_PREFIXES = ("LITELLM_", "GATEWAYCTL_", "PHOENIX_", "LLM_", "OTEL_", "POSTGRES_", "TRACE")
_NAMES = frozenset(
    {
        "OPENAI_API_KEY",
        "UI_PASSWORD",
        "DATABASE_URL",
        "NO_COLOR",
        "FORCE_COLOR",
        "CI",
        "COLUMNS",
        "LINES",
        "TERMINAL_WIDTH",
    }
)
_E2E = Path(__file__).with_name("e2e")


def pytest_configure() -> None:
    """Signals reach the programs of the tests, also where `make test` runs under nohup or with &.

    What is ignored here would be ignored by them; a handler ends with this program.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.fixture(autouse=True)
def nobodys_environment(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """No variable that gatewayctl reads, and a cache without an embedded environment."""
    if _E2E in request.node.path.parents:
        return  # those run the real stack, in an environment that each makes for itself
    for name in list(os.environ):
        if name.startswith(_PREFIXES) or name in _NAMES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
