"""Every test sees a clean environment: nothing of the person who runs it."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis
import pytest

from gatewayctl.network import VARIABLES

USUAL = 30
"""The examples of a test with hypothesis that names no other number."""

hypothesis.settings.register_profile("usual", max_examples=USUAL, deadline=None)
hypothesis.settings.register_profile("thorough", max_examples=10 * USUAL, deadline=None)
hypothesis.settings.load_profile("usual")

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
        *VARIABLES,
    }
)
_E2E = Path(__file__).with_name("e2e")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--as-macos", action="store_true", help="Let every test see a system like macOS."
    )


def pytest_configure() -> None:
    """Signals reach the programs of the tests, also where `make test` runs under nohup or with &.

    What is ignored here would be ignored by them; a handler ends with this program.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Thousands of tests are made now and stay to the end: to look through them for garbage, now
    and with every test, takes a tenth of the time of all.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


@pytest.fixture
def macos(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system like macOS: see tests/fakes/macos.py."""
    from tests.fakes.macos import behave_as_macos

    behave_as_macos(monkeypatch)


@pytest.fixture(autouse=True)
def _as_macos(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--as-macos"):
        if marker := request.node.get_closest_marker("linux"):
            pytest.skip(f"needs Linux: {marker.args[0]}")
        request.getfixturevalue("macos")


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


@pytest.fixture(autouse=True)
def _secrets_of_other_tests_are_forgotten() -> None:
    from gatewayctl.settings import masking

    masking.forget()


@pytest.fixture(scope="session", autouse=True)
def _nobody_guesses_a_salt_key() -> None:
    """Its hash is slow on purpose, and made by each `up` of a test."""
    from gatewayctl.operations.state import salt_key

    salt_key._ITERATIONS = 2  # type: ignore[misc]


@pytest.fixture
def shared_path() -> Iterator[Path]:
    """A folder that every user may write; pytest's own are closed to others."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)
