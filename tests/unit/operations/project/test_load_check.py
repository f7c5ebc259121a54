from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gatewayctl.errors import RuntimeProblem, RuntimeUnavailable, SettingsInvalid
from gatewayctl.generators import drain
from gatewayctl.operations.project.load_check import ConfigCheck, check_config
from gatewayctl.rendering.plan import RenderedFile
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.config_loader.base import DroppedDeployment, LoadResult
from gatewayctl.runtimes.registry import ResolvedRuntime
from gatewayctl.settings.model import Settings
from tests.fakes.projects import project
from tests.fakes.runtime import FakeRuntime

_CONFIG = """\
model_list:
  - model_name: a
    litellm_params: {model: openai/gpt-4o, api_key: os.environ/OPENAI_API_KEY}
  - model_name: b
    litellm_params: {model: nothing, api_key: os.environ/OPENAI_API_KEY}
litellm_settings:
  callbacks: [hook.one]
mcp_servers:
  clock:
    url: http://clock.example.internal/sse
    static_headers: {X-Token: os.environ/CLOCK_TOKEN}
"""
_LOADED = LoadResult(state="loaded", models=2)


@dataclass(kw_only=True)
class FakeLoader:
    """Satisfies ``ConfigLoader``; ``loads`` counts how often LiteLLM was asked."""

    result: LoadResult = _LOADED
    ready: bool = True
    release: str = "one"
    missing: str = "the embedded environment"
    loads: int = 0
    fetched: list[str] = field(default_factory=list)
    unavailable: RuntimeProblem | None = None

    def of(self, settings: Settings) -> FakeLoader:
        return self

    def require_packages(self) -> None:
        pass

    def is_ready(self) -> bool:
        if self.unavailable is not None:
            raise self.unavailable
        return self.ready

    def fetch(self, *, refresh: bool = False) -> Generator[Progress, None, None]:
        self.fetched.append(self.release)
        yield from ()

    def load(self, files: Sequence[RenderedFile]) -> LoadResult:
        self.loads += 1
        return self.result


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "l.yaml").write_text(_CONFIG)
    (tmp_path / "hook.py").write_text("one = None\n")
    (tmp_path / ".gatewayctl").mkdir()
    return project(tmp_path, "litellm: l.yaml\n")


def check(
    settings: Settings, loader: FakeLoader, *, fetch: bool = True, refresh: bool = False
) -> ConfigCheck:
    runtime = FakeRuntime()
    resolved = ResolvedRuntime(name="embedded", why="", runtime=runtime, loader=loader)
    return drain(check_config(settings, resolved, fetch=fetch, refresh=refresh))


def refused(settings: Settings, **result: object) -> str:
    loader = FakeLoader(result=LoadResult(**{"state": "failed", **result}))  # type: ignore[arg-type]
    with pytest.raises(SettingsInvalid) as caught:
        check(settings, loader)
    return str(caught.value)


def test_a_configuration_is_loaded_once_until_it_or_the_release_changes(
    settings: Settings,
) -> None:
    loader = FakeLoader()

    assert check(settings, loader).state == "loaded"
    assert check(settings, loader).state == "unchanged"
    assert check(settings, loader, fetch=False).state == "unchanged"
    assert loader.loads == 1
    loader.release = "two"
    assert check(settings, loader).state == "loaded"
    (settings.project_dir / "hook.py").write_text("one = 1\n")
    assert check(settings, loader).state == "loaded"


@pytest.mark.parametrize(
    "section",
    [
        "{environment: {A: other}}",
        "{environment: [SET]}",
        "{mounts: {/app/file: hook.py}}",
        "{mounts: {/app/file: l.yaml}}",
    ],
)
def test_what_the_service_gets_is_a_part_of_what_was_checked(
    section: str, settings: Settings
) -> None:
    loader = FakeLoader()
    assert check(settings, loader).state == "loaded"

    changed = project(
        settings.project_dir,
        f"litellm: l.yaml\nservices: {{litellm: {section}}}\n",
        environ={"SET": "x"},
    )

    assert check(changed, loader).state == "loaded"
    assert check(changed, loader).state == "unchanged"


def test_newer_images_are_fetched_before_they_are_checked(settings: Settings) -> None:
    loader = FakeLoader()

    check(settings, loader, refresh=True)

    assert loader.fetched == ["one"]


def test_a_timeout_is_not_remembered(settings: Settings) -> None:
    loader = FakeLoader(result=LoadResult(state="timed_out"))

    assert [check(settings, loader).state for _ in range(2)] == ["timed_out", "timed_out"]
    assert loader.loads == 2


def test_without_an_engine_a_plan_says_that_it_was_not_checked_and_why(
    settings: Settings,
) -> None:
    loader = FakeLoader(unavailable=RuntimeUnavailable("No Docker engine answers."))

    assert "No Docker engine answers." in check(settings, loader, fetch=False).warnings[0]
    with pytest.raises(RuntimeUnavailable):
        check(settings, loader)


def test_the_reference_stack_is_not_checked(tmp_path: Path) -> None:
    loader = FakeLoader()

    assert check(project(tmp_path), loader).state == "not_needed"
    assert loader.loads == 0


def test_a_plan_installs_nothing_and_says_that_it_was_not_checked(settings: Settings) -> None:
    loader = FakeLoader(ready=False)

    found = check(settings, loader, fetch=False)

    assert found.state == "not_checked"
    assert "the embedded environment is not installed yet" in found.warnings[0]
    assert loader.fetched == []


def test_a_module_that_raises_is_named_with_both_lines(settings: Settings) -> None:
    found = refused(settings, object="hook.one", error="RuntimeError: no", file="hook.py", line=4)

    assert found == (
        "l.yaml line 7 column 15: hook.one: LiteLLM does not load this: RuntimeError: no"
        " (hook.py line 4)"
    )


def test_a_header_without_a_value_is_named_with_its_line(settings: Settings) -> None:
    found = refused(settings, error="ValidationError: 1 validation error for MCPServer\n x")

    assert found.startswith("l.yaml line 11 column 31: CLOCK_TOKEN is not set")
    assert "\\x0a" not in found


def test_any_other_failure_is_placed_at_the_value_that_it_quotes(settings: Settings) -> None:
    found = refused(settings, error="ValueError: cannot use http://clock.example.internal/sse")

    assert found.startswith("l.yaml line 10 column 10: LiteLLM does not load this")


def test_a_dropped_deployment_is_named_with_its_line(settings: Settings) -> None:
    dropped = DroppedDeployment(name="b", model="nothing", reason="Provider NOT provided")
    found = refused(settings, state="loaded", dropped=(dropped,))

    assert found == (
        "l.yaml line 4 column 5: LiteLLM drops this deployment of b: Provider NOT provided"
    )


def test_a_load_that_hangs_is_a_warning_that_names_the_hosts(settings: Settings) -> None:
    found = check(settings, FakeLoader(result=LoadResult(state="timed_out")))

    assert found.state == "timed_out"
    assert "http://clock.example.internal/sse" in found.warnings[0]


def test_a_model_that_its_provider_ends_is_a_warning_with_date(settings: Settings) -> None:
    ending = LoadResult(state="loaded", models=2, deprecated=(("a", "2026-12-11"),))

    found = check(settings, FakeLoader(result=ending))

    assert found.warnings[0].startswith("l.yaml line 2 column 5: a: ")
    assert "2026-12-11" in found.warnings[0]
    assert check(settings, FakeLoader(result=ending)).warnings == found.warnings
