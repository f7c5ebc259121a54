"""LiteLLM's own loader on the operator's configuration, and packages of the project, for real."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from gatewayctl.rendering.plan import plan_files
from gatewayctl.runtimes.config_loader.embedded import EmbeddedConfigLoader
from gatewayctl.runtimes.embedded.environment import Environment
from gatewayctl.settings.load import load_settings
from tests.e2e.conftest import Project, own_stack

_CONFIG = """\
model_list:
  - model_name: a
    litellm_params: {model: openai/gpt-4o, mock_response: fixed}
litellm_settings:
  callbacks: [prometheus, hook.one]
  success_callback: [langfuse]
  failure_callback: [langfuse, sentry]
"""
_HOOK = """\
import ulid
from litellm.integrations.custom_logger import CustomLogger

one = CustomLogger()
"""


@pytest.fixture(scope="module")
def project(
    embedded_environment: Environment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    with own_stack(tmp_path_factory.mktemp("load-check")) as made:
        with (made.folder / "gateway.yaml").open("a") as file:
            # No test of this file reads traces: without them there is no Phoenix to start.
            file.write("litellm: litellm.yaml\ntracing: none\n")
            file.write("embedded: {packages: [python-ulid]}\n")
            file.write("services: {litellm: {environment: [LANGFUSE_PUBLIC_KEY")
            file.write(", LANGFUSE_SECRET_KEY, SENTRY_DSN]}}\n")
        (made.folder / "litellm.yaml").write_text(_CONFIG)
        (made.folder / "hook.py").write_text(_HOOK)
        (made.folder / ".env").write_text(
            "LANGFUSE_PUBLIC_KEY=pk-1234567890abcdef\nLANGFUSE_SECRET_KEY=sk-fake-1234567890abcdef\n"
            "SENTRY_DSN=https://abcdef0123456789@127.0.0.1/1\n"
        )
        made.ok("up", "--timeout", "240")
        yield made


def test_usual_callbacks_and_a_package_of_the_project_work(project: Project) -> None:
    master = project.secrets()["LITELLM_MASTER_KEY"]
    metrics = httpx.get(
        f"{project.gateway_url}/metrics/",
        headers={"Authorization": f"Bearer {master}"},
        trust_env=False,
        timeout=30,
    )

    assert metrics.status_code == 200
    assert "python-ulid==" in (project.folder / "embedded-packages.lock").read_text()
    assert project.data("up")["changed"] is False


def test_a_hook_that_raises_is_refused_and_nothing_is_restarted(project: Project) -> None:
    before = {each["service"]: each["pid"] for each in project.data("status")["services"]}
    (project.folder / "hook.py").write_text(f'{_HOOK}\nraise RuntimeError("no")\n')

    done = project.run("up")

    assert done.returncode == 3
    assert "litellm.yaml line 5 column 27: hook.one: " in done.stderr
    assert "RuntimeError: no (hook.py line 6)" in done.stderr
    assert "RuntimeError" not in (project.folder / "compose" / "hook.py").read_text()
    assert {s["service"]: s["pid"] for s in project.data("status")["services"]} == before
    (project.folder / "hook.py").write_text(_HOOK)


@pytest.mark.full
def test_a_reference_as_a_model_and_a_mounted_file_are_loaded_as_they_will_be(
    project: Project,
) -> None:
    """LiteLLM's own loader on files that are not written yet, without a start."""
    (project.folder / "words.txt").write_text("marmalade\n")
    (project.folder / "hook.py").write_text(f"WORDS = open('words.txt').read()\n{_HOOK}")
    model = "{model_name: r, litellm_params: {model: os.environ/MY_MODEL, mock_response: x}}"
    config = _CONFIG.replace("model_list:\n", f"model_list:\n  - {model}\n")
    (project.folder / "litellm.yaml").write_text(config)
    gateway = project.folder / "gateway.yaml"
    before = gateway.read_text()
    gateway.write_text(
        before.replace("{litellm: {", "{litellm: {mounts: {/app/words.txt: words.txt}, ")
    )
    environ = {**project.environment(), "MY_MODEL": "openai/gpt-4o"}
    settings = load_settings(project.folder, environ=environ)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MY_MODEL", "openai/gpt-4o")
            loader = EmbeddedConfigLoader(settings)
            found = loader.load(plan_files(settings, runtime="embedded"))
    finally:
        gateway.write_text(before)
        (project.folder / "litellm.yaml").write_text(_CONFIG)
        (project.folder / "hook.py").write_text(_HOOK)

    assert (found.state, found.error, found.dropped) == ("loaded", "", ())
    assert found.models >= 2


def test_an_unknown_package_is_refused_before_anything_is_stopped(project: Project) -> None:
    config = project.folder / "gateway.yaml"
    text = config.read_text()
    config.write_text(text.replace("[python-ulid]", "[gatewayctl-no-such-package]"))

    done = project.run("up")

    config.write_text(text)
    assert done.returncode == 4
    assert "gatewayctl-no-such-package" in done.stderr
    assert all(each["health"] == "healthy" for each in project.data("status")["services"])
