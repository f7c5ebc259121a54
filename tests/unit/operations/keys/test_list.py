from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatewayctl.errors import MasterKeyRefused
from gatewayctl.generators import drain
from gatewayctl.operations.keys.list import KeyRow, KeysListReport, list_keys
from tests.fakes.litellm import FakeLiteLLM, served
from tests.fakes.projects import MASTER_KEY, project

DEV = "sk-dev-0123456789abcdef"
OURS = {"created_by": "gatewayctl"}
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def look(folder: Path, fake: FakeLiteLLM, values: str = "") -> KeysListReport:
    settings = project(folder, env=f"LITELLM_MASTER_KEY={MASTER_KEY}\n{values}")
    with served(fake) as gateway:
        return drain(list_keys(settings, gateway, now=lambda: NOW))


def states(report: KeysListReport) -> dict[str | None, str]:
    return {row.alias: row.state for row in report.keys}


def test_a_key_that_is_everywhere_is_ok_and_masked(tmp_path: Path) -> None:
    fake = FakeLiteLLM()
    fake.add(DEV, "litellm-dev", spend=1.25, models=["demo"], metadata=OURS)

    report = look(tmp_path, fake, f"LITELLM_API_KEY={DEV}\n")

    assert report.keys[0] == KeyRow(
        alias="litellm-dev",
        env="LITELLM_API_KEY",
        declared=True,
        in_gateway=True,
        in_env=True,
        state="ok",
        key="sk-…cdef",
        models=("demo",),
        expires=None,
        spend=1.25,
        differs=(
            "models: demo → all",
            "metadata.environment: - → development",
            "env: - → LITELLM_API_KEY",
        ),
    )


def test_a_declared_key_in_neither_place_is_missing_and_its_spend_unknown(tmp_path: Path) -> None:
    report = look(tmp_path, FakeLiteLLM())

    assert states(report) == {"litellm-dev": "missing", "litellm-eval": "missing"}
    assert (report.keys[0].spend, report.keys[0].key) == (None, None)


def test_a_secret_that_the_gateway_does_not_know_is_not_in_the_gateway(tmp_path: Path) -> None:
    report = look(tmp_path, FakeLiteLLM(), f"LITELLM_API_KEY={DEV}\n")

    assert report.keys[0].state == "not_in_gateway"
    assert (report.keys[0].in_env, report.keys[0].in_gateway) == (True, False)


def test_a_secret_that_differs_from_the_gateways_is_another_key(tmp_path: Path) -> None:
    fake = FakeLiteLLM()
    fake.add("sk-older-0123456789abcdef", "litellm-dev", metadata=OURS)

    report = look(tmp_path, fake, f"LITELLM_API_KEY={DEV}\n")

    assert report.keys[0].state == "other_key_in_env_file"


def test_a_key_whose_secret_is_lost_is_not_in_env(tmp_path: Path) -> None:
    fake = FakeLiteLLM()
    fake.add(DEV, "litellm-dev", metadata=OURS)

    report = look(tmp_path, fake)

    assert report.keys[0].state == "not_in_env_file"
    assert report.keys[0].key == "sk-...cdef"


def test_an_expired_and_a_blocked_key_are_not_ok(tmp_path: Path) -> None:
    fake = FakeLiteLLM()
    fake.add(DEV, "litellm-dev", expires="2026-11-22T00:00:00Z")
    fake.add("sk-eval-0123456789abcdef", "litellm-eval", blocked=True)

    report = look(
        tmp_path,
        fake,
        f"LITELLM_API_KEY={DEV}\nLITELLM_EVAL_KEY=sk-eval-0123456789abcdef\n",
    )

    assert states(report) == {"litellm-dev": "expired", "litellm-eval": "blocked"}


def test_a_key_of_the_command_line_knows_its_variable(tmp_path: Path) -> None:
    fake = FakeLiteLLM()
    fake.add(DEV, "my-app", metadata={**OURS, "gatewayctl_env": "MY_APP_KEY"})

    report = look(tmp_path, fake, f"MY_APP_KEY={DEV}\n")

    row = report.keys[-1]
    assert (row.alias, row.env, row.declared, row.state) == ("my-app", "MY_APP_KEY", False, "ok")


def test_keys_of_others_are_last_and_foreign(tmp_path: Path) -> None:
    fake = FakeLiteLLM()
    fake.add("sk-theirs-0123456789abcdef", "theirs")
    fake.add("sk-nameless-0123456789ab")
    fake.add(DEV, "litellm-dev")

    report = look(tmp_path, fake, f"LITELLM_API_KEY={DEV}\n")

    assert [row.alias for row in report.own] == ["litellm-dev", "litellm-eval"]
    assert [row.alias for row in report.foreign] == ["theirs", None]


def test_two_keys_with_one_alias_are_both_listed(tmp_path: Path) -> None:
    fake = FakeLiteLLM()
    fake.add(DEV, "litellm-dev", metadata=OURS)
    fake.add("sk-older-0123456789abcdef", "litellm-dev", metadata=OURS)

    report = look(tmp_path, fake, f"LITELLM_API_KEY={DEV}\n")

    assert [row.state for row in report.keys if row.alias == "litellm-dev"] == [
        "ok",
        "not_in_env_file",
    ]


def test_a_thousand_keys_take_ten_requests(tmp_path: Path) -> None:
    fake = FakeLiteLLM()
    for number in range(1000):
        fake.add(f"sk-{number:020d}", f"key-{number}")

    report = look(tmp_path, fake)

    assert len(report.foreign) == 1000
    assert len(fake.requests) == 10


def test_a_refused_master_key_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MasterKeyRefused):
        look(tmp_path, FakeLiteLLM(master="sk-other-0123456789abcdef"))


def test_no_secret_is_in_the_report(tmp_path: Path) -> None:
    fake = FakeLiteLLM()
    fake.add(DEV, "litellm-dev")

    assert DEV not in repr(look(tmp_path, fake, f"LITELLM_API_KEY={DEV}\n"))
