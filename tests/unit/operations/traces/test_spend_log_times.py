from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gatewayctl.operations.state.audit import NAME, record_verb
from gatewayctl.operations.traces.spend_log_times import (
    explain_deleted_log,
    find_spend_log_deadline,
    find_spend_log_delay,
    find_verification_timeout,
)
from gatewayctl.settings.model import Settings
from tests.fakes.projects import project


def every(folder: Path, interval: str) -> Settings:
    return project(folder, f"litellm: {{general_settings: {{proxy_batch_write_at: {interval}}}}}")


@pytest.mark.parametrize(("interval", "delay"), [("60", 65), ("2", 7), ("7.5", 12.5), ("-9", 5)])
def test_litellm_writes_spend_logs_after_its_interval_and_up_to_five_seconds(
    tmp_path: Path, interval: str, delay: float
) -> None:
    assert find_spend_log_delay(every(tmp_path, interval)) == delay


@pytest.mark.parametrize("interval", ["null", "soon", "true", ".inf", ".nan", "'60'", "[60]"])
def test_an_interval_that_litellm_does_not_take_counts_as_its_default(
    tmp_path: Path, interval: str
) -> None:
    assert find_spend_log_delay(every(tmp_path, interval)) == 15


@pytest.mark.parametrize("text", ["", "profile: production", "litellm: {general_settings: {}}"])
def test_without_an_interval_it_is_that_of_litellm(tmp_path: Path, text: str) -> None:
    assert find_spend_log_delay(project(tmp_path, text)) == 15


def test_a_long_interval_makes_every_wait_longer(tmp_path: Path) -> None:
    usual, slow = project(tmp_path / "usual"), every(tmp_path / "slow", "60")

    assert (find_spend_log_deadline(usual), find_verification_timeout(usual)) == (20, 30)
    assert (find_spend_log_deadline(slow), find_verification_timeout(slow)) == (70, 70)


def test_only_what_was_there_before_a_reset_is_deleted_by_it(tmp_path: Path) -> None:
    settings, before = project(tmp_path), datetime.now(UTC) - timedelta(seconds=1)
    settings.state_dir.mkdir()
    with record_verb(settings.state_dir, "reset"):
        pass
    after = datetime.now(UTC) + timedelta(seconds=1)

    assert explain_deleted_log(settings, before, after) == "the spend logs were replaced by reset"
    assert explain_deleted_log(settings, after, after) is None


def test_nothing_is_known_to_be_deleted_in_a_new_project(tmp_path: Path) -> None:
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)

    assert explain_deleted_log(project(tmp_path), long_ago, datetime.now(UTC)) is None


def test_without_the_audit_log_nobody_can_say_what_was_deleted(tmp_path: Path) -> None:
    settings = project(tmp_path)
    (settings.state_dir / NAME).mkdir(parents=True)

    why = explain_deleted_log(settings, datetime.now(UTC), datetime.now(UTC))

    assert why is not None
    assert why.startswith("it may have been deleted. Cannot read")
