from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from gatewayctl.errors import Drift, PortTaken, RestoreUnfinished, SaltKeyChanged
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.generators import drain
from gatewayctl.operations.keys.create import ensure_declared_keys
from gatewayctl.operations.keys.owners import CONFLICT_REMEDY
from gatewayctl.operations.project.render import render
from gatewayctl.operations.stack.plan import PlanReport, plan
from gatewayctl.operations.state import restore_journal, salt_key
from gatewayctl.runtimes.runtime_marker import write_runtime
from gatewayctl.settings.model import Secret, Settings
from tests.fakes.answers import REFUSED, answers
from tests.fakes.litellm import served
from tests.fakes.projects import project
from tests.fakes.runtime import FakeRuntime, resolved, up_and_running
from tests.unit.operations.keys.desk import SECRET, Desk


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = project(tmp_path / "shop", env="LITELLM_API_KEY=sk-virtual-0123456789\n")
    render(made, runtime="embedded")
    write_runtime(made.state_dir, "embedded")
    return made


def planned(
    settings: Settings, runtime: FakeRuntime, litellm: httpx.Response | Exception = REFUSED
) -> PlanReport:
    with answers([litellm]) as http:
        gateway = GatewayClient(http, settings.gateway_url)
        return drain(plan(settings, resolved(runtime), gateway))


def actions(report: PlanReport) -> dict[str, str]:
    return {change.service: change.action for change in report.services}


def test_a_stack_that_never_ran_is_started_completely(settings: Settings) -> None:
    report = planned(settings, FakeRuntime())

    assert actions(report) == dict.fromkeys(("postgres", "litellm", "phoenix"), "start")
    assert isinstance(report.problem, Drift)
    assert report.problem.exit_code == 8
    assert report.downtime == ()


def test_what_would_make_the_start_fail_is_shown_with_its_remedy(settings: Settings) -> None:
    taken = PortTaken("Port 4000 is used by python (pid 7).", hint="Stop the other process.")

    report = planned(settings, FakeRuntime(raising={"preflight": taken}))

    assert report.conflicts == ("Port 4000 is used by python (pid 7).",)
    assert isinstance(report.problem, Drift)
    assert report.problem.message.endswith("but would fail:\nPort 4000 is used by python (pid 7).")
    assert report.problem.hint.startswith("Stop the other process. Then: ")


def test_a_stack_that_runs_with_the_current_settings_needs_no_change(settings: Settings) -> None:
    report = planned(settings, up_and_running())

    assert actions(report) == dict.fromkeys(("postgres", "litellm", "phoenix"), "untouched")
    assert [file.state for file in report.files] == ["unchanged"] * len(report.files)


def test_looking_starts_nothing_and_writes_nothing(settings: Settings) -> None:
    runtime = up_and_running()
    before = sorted(settings.project_dir.rglob("*"))

    planned(settings, runtime)

    assert set(runtime.calls) <= {"states", "preview_start"}
    assert sorted(settings.project_dir.rglob("*")) == before


def test_what_restarts_is_named_with_its_reason_and_what_it_costs(settings: Settings) -> None:
    runtime = up_and_running()
    runtime.differs = {"litellm"}

    report = planned(settings, runtime)

    assert [(c.service, c.why) for c in report.services if c.action == "restart"] == [
        ("litellm", ("litellm_config.yaml",))
    ]
    assert report.downtime == ("Calls fail while litellm restarts.",)
    assert report.problem is not None
    assert "1 service" in report.problem.message


def test_a_secret_that_data_depends_on_is_a_risk(settings: Settings) -> None:
    runtime = up_and_running()
    runtime.differs, runtime.reason = {"litellm"}, "LITELLM_SALT_KEY"

    (sentence,) = planned(settings, runtime).data_at_risk

    assert "LITELLM_SALT_KEY" in sentence
    assert "put the old one back" in sentence


@pytest.mark.parametrize("name", ["LITELLM_POSTGRES_PASSWORD", "POSTGRES_PASSWORD"])
def test_a_password_that_the_database_will_be_given_is_no_risk(
    name: str, settings: Settings
) -> None:
    runtime = up_and_running()
    runtime.differs, runtime.reason = {"litellm"}, name

    assert planned(settings, runtime).data_at_risk == ()


def test_a_lost_salt_key_that_litellm_still_has_will_be_recovered(settings: Settings) -> None:
    key = Secret("sk-salt-0123456789abcdef")
    secrets = replace(settings.secrets, salt_key=key)
    salt_key.record_salt_key(replace(settings, secrets=secrets))

    report = planned(settings, up_and_running(salt_key=key))

    assert (report.recovered, report.changed) == (("LITELLM_SALT_KEY",), True)
    assert "LITELLM_SALT_KEY" not in report.secrets
    for other in (None, Secret("sk-another-salt-key-0123")):
        with pytest.raises(SaltKeyChanged, match="is not set"):
            planned(settings, up_and_running(salt_key=other))


def test_files_that_differ_are_shown_and_not_written(settings: Settings) -> None:
    file = settings.compose_dir / "litellm_config.yaml"
    file.write_text("by hand\n")

    report = planned(settings, up_and_running())

    assert [(f.path.name, f.state) for f in report.files if f.state != "unchanged"] == [
        ("litellm_config.yaml", "changed")
    ]
    assert "-by hand" in ({f.path.name: f.diff for f in report.files}["litellm_config.yaml"] or "")
    assert file.read_text() == "by hand\n"


def test_while_the_gateway_does_not_answer_only_keys_missing_in_env_are_planned(
    settings: Settings,
) -> None:
    report = planned(settings, up_and_running(), REFUSED)

    assert {key.alias: key.action for key in report.keys} == {
        "litellm-dev": "unknown",
        "litellm-eval": "create",
    }


def test_a_key_set_in_the_environment_is_not_created_again(tmp_path: Path) -> None:
    desk = Desk(folder=tmp_path)
    desk.write()
    desk.add()
    settings = project(tmp_path, desk.config, environ={"APP_KEY": SECRET})

    with served(desk.fake) as gateway:
        report = drain(plan(settings, resolved(up_and_running(data=False)), gateway))
        made = drain(ensure_declared_keys(settings, gateway))

    assert report.keys == ()
    assert not made.changed


def test_a_key_set_in_the_environment_is_not_planned_while_the_gateway_does_not_answer(
    tmp_path: Path,
) -> None:
    settings = project(
        tmp_path, "keys: {app: APP_KEY}\n", env="", environ={"APP_KEY": "sk-virtual-0123456789"}
    )

    runtime = up_and_running(data=False)
    assert [key.action for key in planned(settings, runtime).keys] == ["unknown"]


def test_secrets_that_up_would_generate_are_named(tmp_path: Path) -> None:
    bare = project(tmp_path / "bare", env="")
    (bare.project_dir / ".env").write_text("")

    from gatewayctl.settings.load import load_settings

    report = planned(load_settings(bare.project_dir), FakeRuntime(data=False))

    assert "LITELLM_SALT_KEY" in report.secrets
    assert "REDIS_PASSWORD" not in report.secrets


def test_what_up_would_refuse_is_refused(settings: Settings) -> None:
    restore_journal.begin(settings.state_dir, settings.project_dir / "a.bak")
    with pytest.raises(RestoreUnfinished):
        planned(settings, up_and_running())

    restore_journal.end(settings.state_dir)
    made_with = project(settings.project_dir, env="LITELLM_SALT_KEY=sk-salt-0123456789abcdef\n")
    salt_key.record_salt_key(made_with)
    with pytest.raises(SaltKeyChanged):
        planned(settings, up_and_running())


def test_a_key_and_a_team_that_differ_are_shown_and_left_to_keys_sync(tmp_path: Path) -> None:
    desk = Desk(folder=tmp_path)
    desk.config = (
        "project_name: desk\nteams: {t: {rpm_limit: 5}, new: {}}\n"
        "keys: {app: {env: APP_KEY, max_budget: 5}}\n"
    )
    desk.healthy(max_budget=7.0, metadata={"gatewayctl_fields": ["max_budget"]})
    marks = {"created_by": "gatewayctl", "project": "desk", "gatewayctl_fields": ["rpm_limit"]}
    desk.fake.add_team("t", rpm_limit=6, metadata=marks)
    settings = project(tmp_path, desk.config)

    with served(desk.fake) as gateway:
        report = drain(plan(settings, resolved(up_and_running(data=False)), gateway))

    assert [(key.action, key.changes) for key in report.keys] == [
        ("update", ("max_budget: 7 → 5",))
    ]
    assert [(team.name, team.action, team.changes) for team in report.teams] == [
        ("t", "update", ("rpm_limit: 6 → 5",)),
        ("new", "create", ()),
    ]
    assert report.problem is not None
    assert "1 team; not as declared: team t, app." in report.problem.message
    assert "keys sync" in report.problem.hint


def test_a_field_that_needs_a_license_is_what_up_would_fail_with(tmp_path: Path) -> None:
    desk = Desk(folder=tmp_path)
    desk.config = "project_name: desk\nkeys: {app: {env: APP_KEY, guardrails: [g]}}\n"
    desk.write()
    settings = project(tmp_path, desk.config)

    with served(desk.fake) as gateway:
        report = drain(plan(settings, resolved(up_and_running(data=False)), gateway))

    assert "keys.app.guardrails (gateway.yaml line 2" in report.conflicts[0]


def test_a_team_of_others_is_drift_that_keys_sync_cannot_change(tmp_path: Path) -> None:
    desk = Desk(folder=tmp_path)
    desk.config = "project_name: desk\nteams: {theirs: {}}\nkeys: {app: {env: APP_KEY}}\n"
    desk.healthy()
    desk.fake.add_team("theirs", metadata={"owner": "them"})
    settings = project(tmp_path, desk.config)

    with served(desk.fake) as gateway:
        report = drain(plan(settings, resolved(up_and_running(data=False)), gateway))

    assert report.problem is not None
    assert "team theirs" in report.problem.message
    assert CONFLICT_REMEDY in report.problem.hint
    assert "keys sync" not in report.problem.hint
