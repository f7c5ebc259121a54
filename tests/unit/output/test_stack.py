from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import RenderableType

from gatewayctl.generators import drain
from gatewayctl.operations.demo import DemoReport
from gatewayctl.operations.diagnosis.external import ExternalService
from gatewayctl.operations.diagnosis.health import Health, ServiceReport
from gatewayctl.operations.keys.create import KeysCreateReport, ensure_declared_keys
from gatewayctl.operations.stack.down import DownReport
from gatewayctl.operations.stack.env import EnvReport
from gatewayctl.operations.stack.logs import LogsReport
from gatewayctl.operations.stack.restart import RestartReport
from gatewayctl.operations.stack.status import KeyStatus, StatusReport
from gatewayctl.operations.stack.ui import UiReport
from gatewayctl.operations.stack.up import UpReport
from gatewayctl.output import stack
from gatewayctl.output.demo import render_demo
from gatewayctl.runtimes.base import LogLine
from gatewayctl.settings.model import Secret
from tests.fakes.litellm import FakeLiteLLM, served
from tests.fakes.projects import MASTER_KEY, project
from tests.fakes.terminals import piped

KEY = "sk-virtual-0123456789abcdefWXYZ"


def shown(renderables: Iterable[RenderableType]) -> list[str]:
    console, out, _ = piped()
    console.result(renderables)
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def service(name: str, health: Health = "healthy", **fields: object) -> ServiceReport:
    made = ServiceReport(
        service=name,
        state="stopped" if health == "stopped" else "running",
        health=health,
        version="1.106.2",
        address="http://127.0.0.1:4000",
        uptime=187200.0,
        pid=4711,
        detail="",
    )
    return replace(made, **fields)  # type: ignore[arg-type]


SERVICES = (
    service("postgres", version="16.14", address="127.0.0.1:5433"),
    service("litellm"),
    service("phoenix", version="20.26.1", address="http://127.0.0.1:6006"),
)
HIDDEN = "LITELLM_API_KEY in the environment hides the new key of .env."


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeysCreateReport:
    """One key that was just made, and one that was there."""
    env = f"LITELLM_MASTER_KEY={MASTER_KEY}\nLITELLM_EVAL_KEY={KEY}\n"
    settings = project(tmp_path_factory.mktemp("keys"), env=env)
    litellm = FakeLiteLLM()
    litellm.add(KEY, "litellm-eval", metadata={"created_by": "gatewayctl"})
    with served(litellm) as gateway:
        return replace(drain(ensure_declared_keys(settings, gateway)), warnings=(HIDDEN,))


UP = UpReport(
    project="shop",
    runtime="embedded",
    runtime_why="it is the runtime of this version",
    changed=True,
    secrets_added=("LITELLM_MASTER_KEY", "UI_PASSWORD"),
    files=("compose/litellm_config.yaml",),
    started=("postgres", "litellm", "phoenix"),
    restarted=(),
    services=SERVICES,
    keys=None,
    gateway_url="http://127.0.0.1:4000",
    phoenix_url="http://127.0.0.1:6006",
    seconds=21.34,
    warnings=("The master key is weak.",),
)
STATUS = StatusReport(
    project="shop",
    runtime="embedded",
    runtime_why="selected by --runtime",
    healthy=True,
    services=SERVICES,
    keys=(
        KeyStatus(alias="litellm-dev", env="LITELLM_API_KEY", key=Secret(KEY)),
        KeyStatus(alias="litellm-eval", env="LITELLM_EVAL_KEY", key=None),
    ),
    gateway_url="http://127.0.0.1:4000",
    phoenix_url="http://127.0.0.1:6006",
)


def test_the_reference_stack_fits_eighty_columns_one_line_a_service() -> None:
    worst = tuple(replace(s, health="unhealthy", state="starting") for s in SERVICES)

    lines = shown([stack.services_table(worst)])

    assert len(lines) == 4
    assert max(len(line) for line in lines) <= 80
    assert lines[0].split() == ["SERVICE", "STATE", "HEALTH", "VERSION", "ADDRESS", "UPTIME"]
    assert lines[2].split() == [
        *("litellm", "starting", "unhealthy", "1.106.2", "http://127.0.0.1:4000", "2d4h")
    ]


def test_what_is_not_known_of_a_service_is_a_dash() -> None:
    unknown = service("litellm", "stopped", version=None, uptime=None, address=None)

    assert shown([stack.services_table([unknown])])[1].split() == [
        *("litellm", "stopped", "stopped", "-", "-", "-")
    ]


# up


def test_up_shows_what_it_did_and_the_next_steps(keys: KeysCreateReport) -> None:
    text = shown(stack.render_up(replace(UP, keys=keys)))

    assert text[0] == "Warning: The master key is weak."
    assert text[1] == f"Warning: {HIDDEN}"
    assert "Generated into .env: LITELLM_MASTER_KEY, UI_PASSWORD" in text
    assert "Rendered: compose/litellm_config.yaml" in text
    assert "Virtual key litellm-dev created, in .env as LITELLM_API_KEY" in text
    assert not any("litellm-eval" in line for line in text), "it was there already"
    why = "embedded runtime: it is the runtime of this version"
    assert f"Ready in 21.3 s ({why})." in text
    assert any(line.startswith("Next: `gatewayctl chat ") for line in text)


def test_up_that_changed_nothing_reports_only_that() -> None:
    same = replace(UP, changed=False, secrets_added=(), files=(), warnings=(), keys=None)

    text = shown(stack.render_up(same))

    why = "embedded runtime: it is the runtime of this version"
    assert text[-1] == f"Nothing changed: everything runs as declared ({why})."
    assert len(text) == 5


def test_no_key_is_shown_unmasked(keys: KeysCreateReport) -> None:
    text = "\n".join(
        shown(stack.render_up(replace(UP, keys=keys))) + shown(stack.render_status(STATUS))
    )

    assert not [key for key in keys.keys if key.key.reveal() in text]


# down, restart


def test_down_shows_what_was_stopped_and_where_the_data_is() -> None:
    report = DownReport(
        project="shop",
        stopped=("postgres", "litellm"),
        data_place="Docker's volumes",
        data_removed=False,
        changed=True,
    )

    assert shown(stack.render_down(report)) == [
        "Stopped: postgres, litellm.",
        "Data stays in Docker's volumes; start again with `gatewayctl up`.",
    ]


def test_down_of_nothing_and_down_with_its_data() -> None:
    report = DownReport(
        project="shop", stopped=(), data_place=".gatewayctl/", data_removed=True, changed=True
    )

    assert shown(stack.render_down(report)) == [
        "Nothing was running.",
        "All data was deleted: keys, spend, traces.",
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [("orphan_processes", "orphan processes"), ("leftover_containers", "leftover containers")],
)
def test_down_shows_leftovers_in_words(value: str, words: str) -> None:
    report = DownReport(
        project="shop", stopped=(value,), data_place=None, data_removed=False, changed=True
    )

    assert shown(stack.render_down(report)) == [f"Stopped: {words}."]


def test_down_without_data_does_not_mention_data() -> None:
    report = DownReport(
        project="shop", stopped=(), data_place=None, data_removed=False, changed=False
    )

    assert shown(stack.render_down(report)) == ["Nothing was running."]


def test_a_restart_shows_what_was_restarted_and_the_state_of_all() -> None:
    text = shown(stack.render_restart(RestartReport(restarted=("litellm",), services=SERVICES)))

    assert text[0] == "Restarted: litellm."
    assert len(text) == 5


# status


def test_status_shows_runtime_services_and_keys() -> None:
    text = shown(stack.render_status(STATUS))

    assert text[0] == "Project shop, embedded runtime (selected by --runtime)"
    assert max(len(line) for line in text) <= 80
    assert text[-2].split() == ["litellm-dev", "LITELLM_API_KEY", "sk-…WXYZ"]
    assert text[-1].split() == ["litellm-eval", "LITELLM_EVAL_KEY", "missing"]


def test_status_explains_only_services_that_are_not_healthy() -> None:
    ill = service("litellm", "starting", detail="HTTP 503, \x1b[31mdatabase\x1b[0m disconnected")
    well = service("phoenix", detail="answers")

    text = shown(stack.render_status(replace(STATUS, services=(ill, well))))

    assert "  litellm: HTTP 503, database disconnected" in text
    assert not any("answers" in line for line in text)


def test_status_shows_a_database_that_was_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    other = ExternalService(
        name="postgres", kind="postgres", address="db:5432/x", usable=None, detail="that needs it"
    )

    text = shown(stack.render_status(replace(STATUS, external=(other,))))

    assert any(line.endswith("not checked: that needs it") for line in text)


def test_status_for_scripts_is_lines_of_name_and_value() -> None:
    assert shown(stack.render_status_env(STATUS)) == [
        "GATEWAYCTL_PROJECT_NAME=shop",
        "GATEWAYCTL_RUNTIME=embedded",
        "LLM_BASE_URL=http://127.0.0.1:4000",
        "PHOENIX_URL=http://127.0.0.1:6006",
    ]


# demo


DEMO = DemoReport(
    prompt="Hello, gateway!",
    reply="I am \x1b[2Jthe demo [bold]model[/bold].",
    model="demo",
    trace_id="a" * 32,
    component="passthrough",
    operation="chat",
    spans=3,
    parent_found=True,
    gateway_url="http://127.0.0.1:4000",
    phoenix_url="http://127.0.0.1:6006",
    trace_url="http://127.0.0.1:6006/redirects/traces/" + "a" * 32,
    services=SERVICES,
    runtime="embedded",
    runtime_why="it works on any machine",
    seconds=30.0,
)


def test_the_demo_shows_reply_verification_and_addresses() -> None:
    text = shown(render_demo(DEMO))

    assert "reply       I am the demo [bold]model[/bold]." in text
    assert f"trace id    {'a' * 32}" in text
    assert "component passthrough (read from Phoenix: 3 spans, one LLM call)" in text
    assert "Runtime     embedded (it works on any machine)" in text
    assert f"Trace       {DEMO.trace_url}" in text


def test_the_demo_claims_no_component_that_was_not_read_back() -> None:
    text = shown(render_demo(replace(DEMO, component=None)))

    assert not any(line.startswith("component") for line in text)


# ui, env


def test_an_address_is_alone_on_its_line() -> None:
    report = UiReport(page="phoenix", url="http://127.0.0.1:6006", login=None)

    assert shown(stack.render_ui(report)) == ["http://127.0.0.1:6006"]


VARIABLES = {"LLM_BASE_URL": "http://127.0.0.1:4000", "LLM_API_KEY": KEY}


def test_the_environment_as_lines_of_dotenv() -> None:
    assert list(stack.render_env("dotenv")(EnvReport(variables=VARIABLES))) == [
        "LLM_BASE_URL=http://127.0.0.1:4000",
        f"LLM_API_KEY={KEY}",
    ]


def test_the_environment_as_json() -> None:
    text = "\n".join(map(str, stack.render_env("json")(EnvReport(variables=VARIABLES))))

    assert json.loads(text) == VARIABLES


@pytest.mark.parametrize("value", [KEY, 'it\'s $HOME `id` \\ "x"', "two\nlines", ""])
def test_a_shell_reads_the_exact_values(value: str) -> None:
    console, out, _ = piped()
    report = EnvReport(variables={"LLM_API_KEY": value})
    console.result(stack.render_env("shell")(report), reveal=True)

    script = f"{out.getvalue()}printf '%s' \"$LLM_API_KEY\""
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout == value
    assert shlex.split(out.getvalue())[0] == "export"


# logs


def test_lines_of_logs_have_their_time_and_service_and_move_no_cursor() -> None:
    at = datetime(2026, 11, 23, 14, 0, 1, 234000, tzinfo=UTC)
    report = LogsReport(
        lines=(
            LogLine(service="litellm", text="\x1b[92mINFO\x1b[0m: [bold]up[/bold]", at=at),
            LogLine(service="pg", text="no time"),
        )
    )

    assert shown(stack.render_logs(report)) == [
        "2026-11-23T14:00:01.234+00:00 litellm  INFO: [bold]up[/bold]",
        "- pg       no time",
    ]
