from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from gatewayctl.env_file.read import read
from gatewayctl.env_file.write import update
from gatewayctl.errors import (
    EnvFileUnwritable,
    GatewayctlError,
    GatewayDatabaseMissing,
    GatewayTimeout,
    KeyAliasExists,
    MasterKeyMissing,
    MasterKeyRefused,
    PartlyDone,
    SettingsProblem,
)
from gatewayctl.operations.keys_create import (
    KeysCreateReport,
    create_declared_keys,
    create_keys,
)
from gatewayctl.settings.model import DeclaredKey
from tests.fakes.litellm import FakeLiteLLM, error, served, sha256
from tests.fakes.projects import MASTER_KEY, project

SECRET = "sk-known-0123456789abcdef"
ONE_KEY = "keys:\n  app: {env: APP_KEY, models: [demo], metadata: {team: search}}\n"
TWO_KEYS = "keys:\n  app: APP_KEY\n  eval: EVAL_KEY\n"
OURS = {"created_by": "gatewayctl"}


def create(
    folder: Path,
    fake: FakeLiteLLM,
    *,
    config: str = ONE_KEY,
    values: str | None = "",
    environ: Mapping[str, str] | None = None,
    fresh: bool = False,
) -> KeysCreateReport:
    """Run it in a project whose .env has the master key and ``values``; None keeps the file."""
    env = None if values is None else f"# mine\nLITELLM_MASTER_KEY={MASTER_KEY}\n{values}"
    settings = project(folder, config, env=env, environ=environ)
    with served(fake) as gateway:
        return create_declared_keys(settings, gateway, fresh=fresh)


def held(folder: Path, name: str = "APP_KEY") -> str | None:
    entry = read(folder / ".env").get(name)
    return None if entry is None else entry.value


def statuses(report: KeysCreateReport) -> dict[str, str]:
    return {key.alias: key.status for key in report.keys}


def test_a_missing_key_is_made_in_both_places(tmp_path: Path) -> None:
    fake = FakeLiteLLM()

    report = create(tmp_path, fake)

    secret = held(tmp_path)
    assert secret is not None
    assert re.fullmatch(r"sk-[A-Za-z0-9]{32}", secret)
    assert list(fake.keys) == [sha256(secret)]
    assert statuses(report) == {"app": "created"}
    assert report.changed
    assert fake.sent("/key/generate") == {
        "key": secret,
        "key_alias": "app",
        "models": ["demo"],
        "metadata": {
            "team": "search",
            "created_by": "gatewayctl",
            "project": tmp_path.name.replace("_", "-"),
            "gatewayctl_env": "APP_KEY",
        },
        "key_type": "llm_api",
    }


def test_the_rest_of_env_is_left_as_it_was_and_only_we_may_read_it(tmp_path: Path) -> None:
    create(tmp_path, FakeLiteLLM(), values="OTHER='a b'\n")

    text = (tmp_path / ".env").read_text()
    assert text.startswith(f"# mine\nLITELLM_MASTER_KEY={MASTER_KEY}\nOTHER='a b'\n")
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_doing_it_again_changes_nothing(tmp_path: Path) -> None:
    fake = FakeLiteLLM()
    create(tmp_path, fake)
    text, keys = (tmp_path / ".env").read_text(), dict(fake.keys)
    fake.requests.clear()

    report = create(tmp_path, fake, values=None)

    assert statuses(report) == {"app": "exists"}
    assert not report.changed
    assert ((tmp_path / ".env").read_text(), fake.keys) == (text, keys)
    assert fake.paths() == ["/key/list"]


def test_a_secret_litellm_does_not_know_is_registered_as_it_is(tmp_path: Path) -> None:
    fake = FakeLiteLLM()

    report = create(tmp_path, fake, values=f"APP_KEY={SECRET}\n")

    assert statuses(report) == {"app": "registered"}
    assert list(fake.keys) == [sha256(SECRET)]
    assert held(tmp_path) == SECRET


def test_a_secret_of_the_environment_is_registered_and_not_written(tmp_path: Path) -> None:
    fake = FakeLiteLLM()

    report = create(tmp_path, fake, environ={"APP_KEY": SECRET})

    assert statuses(report) == {"app": "registered"}
    assert held(tmp_path) is None


@pytest.mark.parametrize("values", ["", f"APP_KEY={SECRET}\n"])
def test_our_own_key_whose_secret_is_lost_is_replaced(tmp_path: Path, values: str) -> None:
    fake = FakeLiteLLM()
    lost = fake.add("sk-lost-0123456789abcdef", "app", metadata=OURS)

    report = create(tmp_path, fake, values=values)

    assert statuses(report) == {"app": "replaced"}
    assert lost not in fake.keys
    assert list(fake.keys) == [sha256(held(tmp_path) or "")]


@pytest.mark.parametrize("values", ["", f"APP_KEY={SECRET}\n"])
def test_a_foreign_key_of_that_alias_is_never_touched(tmp_path: Path, values: str) -> None:
    fake = FakeLiteLLM()
    foreign = fake.add("sk-theirs-0123456789abcdef", "app")

    with pytest.raises(KeyAliasExists, match="did not make"):
        create(tmp_path, fake, values=values)

    assert list(fake.keys) == [foreign]
    assert held(tmp_path) == (SECRET if values else None)
    assert not {"/key/generate", "/key/delete"} & set(fake.paths())


def test_a_foreign_key_whose_secret_env_holds_simply_exists(tmp_path: Path) -> None:
    fake = FakeLiteLLM()
    fake.add(SECRET, "app")

    report = create(tmp_path, fake, values=f"APP_KEY={SECRET}\n")

    assert statuses(report) == {"app": "exists"}


def test_a_secret_known_under_another_alias_is_not_claimed(tmp_path: Path) -> None:
    fake = FakeLiteLLM()
    fake.add(SECRET, "other", metadata=OURS)

    with pytest.raises(KeyAliasExists, match="holds the key 'other', not 'app'"):
        create(tmp_path, fake, values=f"APP_KEY={SECRET}\n")
    assert "/key/generate" not in fake.paths()


@pytest.mark.parametrize("value", ["changeme", "sk-short", MASTER_KEY])
def test_a_value_that_is_no_virtual_key_is_replaced(tmp_path: Path, value: str) -> None:
    fake = FakeLiteLLM()

    report = create(tmp_path, fake, values=f"APP_KEY={value}\n")

    assert statuses(report) == {"app": "created"}
    assert list(fake.keys) == [sha256(held(tmp_path) or "")]
    assert held(tmp_path) != value


def test_an_empty_line_is_filled(tmp_path: Path) -> None:
    create(tmp_path, FakeLiteLLM(), values="APP_KEY=\n")

    assert (held(tmp_path) or "").startswith("sk-")
    assert (tmp_path / ".env").read_text().count("APP_KEY=") == 1


def test_a_value_of_the_environment_that_is_no_key_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsProblem, match="in the environment is no virtual key"):
        create(tmp_path, FakeLiteLLM(), environ={"APP_KEY": "changeme"})


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

    assert held(tmp_path) in {None, "", "changeme"}


def test_a_registration_of_unknown_outcome_is_finished_by_the_next_run(tmp_path: Path) -> None:
    fake = FakeLiteLLM()

    def late(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("timed out")

    fake.planted["/key/generate"] = late
    with pytest.raises(GatewayTimeout):
        create(tmp_path, fake)
    secret = held(tmp_path)
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
        create_declared_keys(settings, gateway)

    assert fake.keys == {}
    assert "/key/generate" not in fake.paths()


def test_somebody_elses_secret_that_came_first_is_the_one_registered(tmp_path: Path) -> None:
    fake = FakeLiteLLM()

    def meanwhile(request: httpx.Request) -> httpx.Response:
        update(tmp_path / ".env", {"APP_KEY": SECRET})
        return fake._key_list(request)

    fake.planted["/key/list"] = meanwhile

    report = create(tmp_path, fake)

    assert held(tmp_path) == SECRET
    assert list(fake.keys) == [sha256(SECRET)]
    assert statuses(report) == {"app": "registered"}


def test_a_registration_that_somebody_else_finished_counts_as_existing(tmp_path: Path) -> None:
    fake = FakeLiteLLM()

    def meanwhile(request: httpx.Request) -> httpx.Response:
        fake.add(SECRET, "app", metadata=OURS)
        return fake._key_generate(request)

    fake.planted["/key/generate"] = meanwhile

    report = create(tmp_path, fake, values=f"APP_KEY={SECRET}\n")

    assert statuses(report) == {"app": "exists"}


def test_one_failure_among_several_is_told_beside_the_rest(tmp_path: Path) -> None:
    fake = FakeLiteLLM()
    fake.add("sk-theirs-0123456789abcdef", "app")

    report = create(tmp_path, fake, config=TWO_KEYS)

    assert statuses(report) == {"eval": "created"}
    assert [(failure.alias, failure.code) for failure in report.failed] == [
        ("app", "key_alias_exists")
    ]
    assert isinstance(report.problem, PartlyDone)
    assert "1 of 2 keys" in report.problem.message


def test_after_the_database_was_emptied_every_secret_is_new(tmp_path: Path) -> None:
    fake = FakeLiteLLM()
    create(tmp_path, fake, config=TWO_KEYS)
    old = {held(tmp_path), held(tmp_path, "EVAL_KEY")}
    fake.keys.clear()

    report = create(tmp_path, fake, config=TWO_KEYS, values=None, fresh=True)

    new = {held(tmp_path), held(tmp_path, "EVAL_KEY")}
    assert statuses(report) == {"app": "created", "eval": "created"}
    assert not old & new
    assert set(fake.keys) == {sha256(secret or "") for secret in new}


def test_a_new_secret_that_the_environment_hides_is_warned_of(tmp_path: Path) -> None:
    report = create(tmp_path, FakeLiteLLM(), environ={"APP_KEY": SECRET}, fresh=True)

    assert report.warnings == ("APP_KEY in the environment hides that of .env.",)


def test_a_project_without_declared_keys_has_nothing_to_make(tmp_path: Path) -> None:
    fake = FakeLiteLLM()

    report = create(tmp_path, fake, config="keys: {}\n")

    assert (report.keys, report.problem, fake.requests) == ((), None, [])


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
def test_a_refused_master_key_is_told_apart_from_a_missing_database(
    tmp_path: Path, answer: httpx.Response, expected: type[GatewayctlError]
) -> None:
    with pytest.raises(expected):
        create(tmp_path, refusing(answer))
    assert held(tmp_path) is None


def test_without_a_master_key_nothing_is_asked(tmp_path: Path) -> None:
    fake = FakeLiteLLM()
    settings = project(tmp_path, ONE_KEY, env="OTHER=1\n")

    with served(fake) as gateway, pytest.raises(MasterKeyMissing):
        create_declared_keys(settings, gateway)
    assert fake.requests == []


def test_no_secret_is_in_the_report_until_it_is_asked_for(tmp_path: Path) -> None:
    report = create(tmp_path, FakeLiteLLM())

    secret = held(tmp_path) or ""
    assert secret not in repr(report)
    assert [key.plain for key in report.keys] == [None]
    assert [key.plain for key in report.revealed().keys] == [secret]
    assert secret not in repr(report.revealed())


def test_a_key_of_the_command_line_expires_as_litellm_says(tmp_path: Path) -> None:
    wanted: dict[str, Any] = {"alias": "mine", "env": "MINE_KEY", "duration": "30d"}
    settings = project(tmp_path, env=f"LITELLM_MASTER_KEY={MASTER_KEY}\n")
    fake = FakeLiteLLM()

    with served(fake) as gateway:
        report = create_keys(settings, gateway, [DeclaredKey(**wanted)])

    assert fake.sent("/key/generate")["duration"] == "30d"
    assert str(report.keys[0].expires) == "2027-01-01 00:00:00+00:00"


def again(
    folder: Path, fake: FakeLiteLLM, wanted: DeclaredKey, env: str = "MINE_KEY=\n"
) -> KeysCreateReport:
    """Ask for a key of the command line, in a project that holds ``env``."""
    settings = project(folder, env=f"LITELLM_MASTER_KEY={MASTER_KEY}\n{env}")
    with served(fake) as gateway:
        return create_keys(
            settings, gateway, [wanted], now=lambda: datetime(2026, 12, 31, tzinfo=UTC)
        )


def test_a_lost_key_of_the_command_line_is_not_replaced_by_a_wider_one(tmp_path: Path) -> None:
    fake = FakeLiteLLM()
    fake.add(
        "sk-lost-0123456789abcdef",
        "mine",
        models=["demo"],
        metadata={**OURS, "team": "search"},
        expires="2027-01-01T00:00:00Z",
    )

    report = again(tmp_path, fake, DeclaredKey(alias="mine", env="MINE_KEY"))

    body = fake.sent("/key/generate")
    assert statuses(report) == {"mine": "replaced"}
    assert (body["models"], body["metadata"]["team"]) == (["demo"], "search")
    assert body["duration"] == "86400s"


def test_a_key_that_exists_for_other_models_is_left_and_told(tmp_path: Path) -> None:
    fake = FakeLiteLLM()
    fake.add(SECRET, "mine", models=["demo"], metadata=OURS)
    env = f"MINE_KEY={SECRET}\n"

    other = DeclaredKey(alias="mine", env="MINE_KEY", models=("gpt-4o",))
    unsaid = DeclaredKey(alias="mine", env="MINE_KEY")

    told = again(tmp_path, fake, other, env)
    assert told.warnings == ("mine exists for the models demo, not gpt-4o; it was left so.",)
    assert told.keys[0].models == ("demo",)
    assert again(tmp_path, fake, unsaid, env).warnings == ()


@pytest.mark.parametrize(("values", "written"), [("", True), (f"APP_KEY={SECRET}\n", False)])
def test_the_report_says_whether_env_was_changed(
    tmp_path: Path, values: str, written: bool
) -> None:
    report = create(tmp_path, FakeLiteLLM(), values=values)

    assert [key.written for key in report.keys] == [written]


def test_a_secret_that_was_rotated_since_the_settings_were_read_stays_the_key(
    tmp_path: Path,
) -> None:
    fake = FakeLiteLLM()
    env = f"LITELLM_MASTER_KEY={MASTER_KEY}\nAPP_KEY=sk-older-0123456789abcdef\n"
    settings = project(tmp_path, ONE_KEY, env=env)
    update(tmp_path / ".env", {"APP_KEY": SECRET})
    rotated = fake.add(SECRET, "app", models=["demo"], metadata=OURS)

    with served(fake) as gateway:
        report = create_declared_keys(settings, gateway)

    assert statuses(report) == {"app": "exists"}
    assert list(fake.keys) == [rotated]
