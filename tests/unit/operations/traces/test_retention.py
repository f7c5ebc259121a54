"""Retention as declared, against the policy that Phoenix has, in every verb that follows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from gatewayctl.errors import Drift, PhoenixUnreachable
from gatewayctl.operations.project.render import render
from gatewayctl.operations.stack.plan import PlanReport, plan
from gatewayctl.operations.stack.restart import RestartReport, restart
from gatewayctl.operations.stack.start import start_stack
from gatewayctl.operations.stack.up import UpOptions, UpReport, up
from gatewayctl.operations.traces.retention import (
    SCHEDULE,
    RetentionChange,
    apply_retention,
    compare_retention,
    find_spend_log_period,
)
from gatewayctl.runtimes.runtime_marker import write_runtime
from gatewayctl.settings.model import Settings
from tests.fakes.driving import report_of
from tests.fakes.litellm import FakeLiteLLM, served
from tests.fakes.phoenix import FakePhoenix
from tests.fakes.phoenix_policy import FakePolicy
from tests.fakes.projects import MASTER_KEY, SALT_KEY, project
from tests.fakes.runtime import loading, resolved, up_and_running

ENV = f"LITELLM_MASTER_KEY={MASTER_KEY}\nLITELLM_SALT_KEY={SALT_KEY}\n"
DECLARED = "retention: {traces: 30d}\n"
DAY = timedelta(days=1)


@dataclass(kw_only=True)
class Stack:
    """A running stack whose Phoenix has a policy."""

    folder: Path
    policy: FakePolicy = field(default_factory=FakePolicy)
    litellm: FakeLiteLLM = field(default_factory=FakeLiteLLM)

    def __post_init__(self) -> None:
        FakePhoenix(litellm=self.litellm, policy=self.policy)

    def settings(self, text: str) -> Settings:
        is_new = not (self.folder / ".env").exists()
        return project(self.folder, text, env=ENV if is_new else None)

    def compare(self, text: str) -> RetentionChange | None:
        with served(self.litellm) as gateway:
            return compare_retention(self.settings(text), gateway.http)

    def apply(self, text: str) -> tuple[str | None, tuple[str, ...]]:
        with served(self.litellm) as gateway:
            done = apply_retention(self.settings(text), gateway.http)
        return (str(done.change) if done.change else None), done.warnings

    def up(self, text: str) -> UpReport:
        settings = self.settings(text)
        with served(self.litellm) as gateway:
            load = loading(settings, up_and_running(), gateway)
            return report_of(up(settings, load, UpOptions(timeout=2)))

    def plan(self, text: str, *, rendered: bool = True) -> PlanReport:
        settings = self.settings(text)
        if rendered:
            render(settings, runtime="embedded")
        write_runtime(settings.state_dir, "embedded")
        with served(self.litellm) as gateway:
            return report_of(plan(settings, resolved(up_and_running()), gateway))

    def restart(self, text: str) -> RestartReport:
        with served(self.litellm) as gateway:
            runtime = resolved(up_and_running())
            return report_of(restart(self.settings(text), runtime, gateway.http, [], timeout=2))


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(folder=tmp_path / "shop")


def test_the_declared_period_is_written_once(stack: Stack) -> None:
    change, warnings = stack.apply(DECLARED)

    assert (change, warnings) == ("Retention of traces in Phoenix: all → 30d", ())
    assert (stack.policy.days, stack.policy.cron) == (30, SCHEDULE)
    assert stack.apply(DECLARED) == (None, ())
    assert len(stack.policy.patches) == 1


def test_half_a_day_is_not_rounded(stack: Stack) -> None:
    stack.apply("retention: {traces: 12h}")

    assert stack.policy.days == 0.5
    assert stack.compare("retention: {traces: 12h}") is None


@pytest.mark.parametrize("text", ["", "retention: {spend_logs: 90d}\n"])
def test_a_policy_of_the_operator_stays_without_a_declared_one(stack: Stack, text: str) -> None:
    stack.policy.days, stack.policy.cron = 14, "0 0 * * 0"

    assert stack.compare(text) is None
    assert stack.apply(text) == (None, ())
    assert (stack.policy.days, stack.policy.patches) == (14, [])


def test_without_the_section_its_policy_is_undone(stack: Stack) -> None:
    stack.apply(DECLARED)

    assert stack.apply("")[0] == "Retention of traces in Phoenix: 30d → all"
    assert (stack.policy.days, stack.policy.cron) == (0, "0 0 * * 0")
    assert stack.apply("") == (None, ())


@pytest.mark.parametrize(
    ("policy", "before"),
    [
        (FakePolicy(days=7, cron=SCHEDULE), "7d"),
        (FakePolicy(days=30), "30d (schedule 0 0 * * 0)"),
        (FakePolicy(days=30, count=9, cron=SCHEDULE), "30d and the newest 9"),
        (FakePolicy(days=1e12, cron=SCHEDULE), "999999999d"),
        (FakePolicy(other="mine"), "policy 'mine'"),
    ],
)
def test_what_was_changed_in_phoenix_is_named_and_written_over(
    tmp_path: Path, policy: FakePolicy, before: str
) -> None:
    stack = Stack(folder=tmp_path, policy=policy)

    assert stack.compare(DECLARED) == RetentionChange(before=before, after="30d")
    stack.apply(DECLARED)
    assert stack.compare(DECLARED) is None
    assert (policy.days, policy.count, policy.cron, policy.other) == (30, 0, SCHEDULE, "")


def test_another_policy_of_the_project_stays_without_a_declared_one(stack: Stack) -> None:
    stack.policy.other = "mine"

    assert stack.apply("") == (None, ())


def test_a_refusal_is_a_warning_only_where_something_is_declared(stack: Stack) -> None:
    stack.policy.error = "the database is full"

    _, (warning,) = stack.apply(DECLARED)

    assert warning.startswith("The retention of traces is not applied: ")
    assert "the database is full" in warning
    assert stack.apply("") == (None, ())
    with pytest.raises(PhoenixUnreachable):
        stack.compare(DECLARED)


@pytest.mark.parametrize(
    "text",
    [
        "tracing: none",
        "tracing: http://phoenix.example.com:6006",
        "runtime: external\nexternal: {url: http://gw:4000, phoenix_url: http://phoenix:6006}",
    ],
)
def test_the_phoenix_of_others_is_never_asked(stack: Stack, text: str) -> None:
    stack.policy.cron = SCHEDULE

    assert stack.compare(text) is None
    assert stack.apply(text) == (None, ())
    assert not [each for each in stack.litellm.requests if each.url.path == "/graphql"]


def test_up_applies_it_and_a_second_up_changes_nothing(stack: Stack) -> None:
    first, second = stack.up(DECLARED), stack.up(DECLARED)

    assert (str(first.retention), first.changed) == (
        "Retention of traces in Phoenix: all → 30d",
        True,
    )
    assert (second.retention, second.changed) == (None, False)


def test_restart_applies_it(stack: Stack) -> None:
    assert str(stack.restart(DECLARED).retention) == "Retention of traces in Phoenix: all → 30d"
    assert stack.restart(DECLARED).retention is None


def test_a_stack_with_a_restored_database_gets_it_again(stack: Stack) -> None:
    settings = stack.settings(DECLARED)
    with served(stack.litellm) as gateway:
        load = loading(settings, up_and_running(), gateway)
        report_of(start_stack(load(), timeout=2))

    assert stack.policy.days == 30


def test_plan_says_it_beforehand_and_changes_nothing(stack: Stack) -> None:
    report = stack.plan(DECLARED)

    assert report.changed
    assert isinstance(report.problem, Drift)
    assert report.problem.message.endswith("retention policy.")
    assert str(report.retention) == "Retention of traces in Phoenix: all → 30d"
    assert stack.policy.patches == []


def test_plan_says_what_will_be_deleted(stack: Stack) -> None:
    settings = stack.settings("")
    render(settings, runtime="embedded")
    assert stack.plan("", rendered=False).data_at_risk == ()

    both = "retention: {traces: 30d, spend_logs: 90d}"
    assert stack.plan(both, rendered=False).data_at_risk == (
        "Traces older than 30d will be deleted, from the next hour on.",
        "Spend logs older than 90d will be deleted, from the next hour on.",
    )
    stack.apply(both)
    assert stack.plan(both).data_at_risk == ()
    # Nothing is deleted by keeping all.
    assert stack.plan("", rendered=False).data_at_risk == ()


def test_plan_does_not_depend_on_phoenix(stack: Stack) -> None:
    stack.policy.error = "no"

    assert stack.plan(DECLARED).retention is None


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("", None),
        ("retention: {traces: 1d}", None),
        ("retention: {spend_logs: 90d}", 90 * DAY),
        ("litellm: {general_settings: {maximum_spend_logs_retention_period: 7d}}", 7 * DAY),
        ("litellm: {general_settings: {maximum_spend_logs_retention_period: 7}}", 7 * DAY),
        ("litellm: {general_settings: {maximum_spend_logs_retention_period: soon}}", None),
        ("litellm: {general_settings: {master_key: os.environ/LITELLM_MASTER_KEY}}", None),
        (
            (
                "retention: {spend_logs: 90d}\n"
                "litellm: {general_settings: {maximum_spend_logs_retention_period: 7d}}"
            ),
            90 * DAY,
        ),
    ],
)
def test_litellms_own_setting_is_known_too(
    stack: Stack, text: str, period: timedelta | None
) -> None:
    assert find_spend_log_period(stack.settings(text)) == period
