from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from gatewayctl.errors import (
    EnvFileUnwritable,
    GatewayctlError,
    GatewayDatabaseMissing,
    GatewayTimeout,
    MasterKeyMissing,
    MasterKeyRefused,
    PartlyDone,
    SettingsProblem,
)
from gatewayctl.generators import drain
from gatewayctl.operations.keys.create import ensure_declared_keys
from tests.fakes.litellm import FakeLiteLLM, error, served, sha256
from tests.fakes.projects import MASTER_KEY, project
from tests.unit.operations.keys.creation import (
    ONE_KEY,
    SECRET,
    TWO_KEYS,
    create,
    statuses,
    stored,
)


@pytest.mark.parametrize("value", ["changeme", SECRET])
def test_a_value_of_the_environment_that_litellm_does_not_know_is_never_registered(
    tmp_path: Path, value: str
) -> None:
    fake = FakeLiteLLM()

    with pytest.raises(SettingsProblem, match="Run `unset APP_KEY`"):
        create(tmp_path, fake, environ={"APP_KEY": value})

    assert fake.keys == {}


REFUSED = error(400, "{'error': 'no'}", kind="bad_request_error")
NO_DATABASE = error(500, "{'error': 'DB not connected.'}", kind="internal_server_error")


@pytest.mark.parametrize("answer", [REFUSED, NO_DATABASE])
@pytest.mark.parametrize("values", ["", "APP_KEY=\n", "APP_KEY=changeme\n"])
def test_a_refused_registration_leaves_no_dead_value_in_env(
    tmp_path: Path, answer: httpx.Response, values: str
) -> None:
    fake = FakeLiteLLM()
    fake.planted["/key/generate"] = lambda _: answer

    with pytest.raises(GatewayctlError):
        create(tmp_path, fake, values=values)

    assert stored(tmp_path) in {None, "", "changeme"}


def test_a_registration_of_unknown_outcome_is_finished_by_the_next_run(tmp_path: Path) -> None:
    fake = FakeLiteLLM()

    def late(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("timed out")

    fake.planted["/key/generate"] = late
    with pytest.raises(GatewayTimeout):
        create(tmp_path, fake)
    secret = stored(tmp_path)
    fake.planted.clear()

    report = create(tmp_path, fake, values=None)

    assert secret is not None
    assert statuses(report) == {"app": "registered"}
    assert list(fake.keys) == [sha256(secret)]


def test_an_env_that_cannot_be_written_leaves_no_key_in_litellm(tmp_path: Path) -> None:
    fake = FakeLiteLLM()
    settings = project(tmp_path, ONE_KEY, environ={"LITELLM_MASTER_KEY": MASTER_KEY})
    (tmp_path / ".env").symlink_to(tmp_path / "nowhere" / ".env")

    with served(fake) as gateway, pytest.raises(EnvFileUnwritable):
        drain(ensure_declared_keys(settings, gateway))

    assert fake.keys == {}
    assert "/key/generate" not in fake.paths()


def test_one_failure_among_several_is_reported_with_the_successes(tmp_path: Path) -> None:
    fake = FakeLiteLLM()
    fake.add("sk-theirs-0123456789abcdef", "app")

    report = create(tmp_path, fake, config=TWO_KEYS)

    assert statuses(report) == {"eval": "created"}
    assert [(failure.alias, failure.code) for failure in report.failed] == [
        ("app", "key_alias_exists")
    ]
    assert isinstance(report.problem, PartlyDone)
    assert "1 of 2 keys" in report.problem.message


def refusing(answer: httpx.Response) -> FakeLiteLLM:
    fake = FakeLiteLLM()
    fake.planted["/key/list"] = lambda _: answer
    return fake


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (error(401, "Authentication Error, no", kind="token_not_found_in_db"), MasterKeyRefused),
        (NO_DATABASE, GatewayDatabaseMissing),
    ],
)
def test_a_refused_master_key_and_a_missing_database_are_different_errors(
    tmp_path: Path, answer: httpx.Response, expected: type[GatewayctlError]
) -> None:
    with pytest.raises(expected):
        create(tmp_path, refusing(answer))
    assert stored(tmp_path) is None


def test_without_a_master_key_no_request_is_sent(tmp_path: Path) -> None:
    fake = FakeLiteLLM()
    settings = project(tmp_path, ONE_KEY, env="OTHER=1\n")

    with served(fake) as gateway, pytest.raises(MasterKeyMissing):
        drain(ensure_declared_keys(settings, gateway))
    assert fake.requests == []
