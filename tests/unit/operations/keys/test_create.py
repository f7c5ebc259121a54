from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from gatewayctl.errors import KeyAliasExists
from tests.fakes.litellm import FakeLiteLLM, sha256
from tests.fakes.projects import MASTER_KEY
from tests.unit.operations.keys.creation import OURS, SECRET, TWO_KEYS, create, statuses, stored


def test_a_missing_key_is_created_in_both_places(tmp_path: Path) -> None:
    fake = FakeLiteLLM()

    report = create(tmp_path, fake)

    secret = stored(tmp_path)
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


def test_other_lines_of_env_are_unchanged_and_its_mode_is_private(tmp_path: Path) -> None:
    create(tmp_path, FakeLiteLLM(), values="OTHER='a b'\n")

    text = (tmp_path / ".env").read_text()
    assert text.startswith(f"# mine\nLITELLM_MASTER_KEY={MASTER_KEY}\nOTHER='a b'\n")
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    fake = FakeLiteLLM()
    create(tmp_path, fake)
    text, keys = (tmp_path / ".env").read_text(), dict(fake.keys)
    fake.requests.clear()

    report = create(tmp_path, fake, values=None)

    assert statuses(report) == {"app": "exists"}
    assert not report.changed
    assert ((tmp_path / ".env").read_text(), fake.keys) == (text, keys)
    assert fake.paths() == ["/key/list"]


def test_a_secret_that_litellm_does_not_know_is_registered_unchanged(tmp_path: Path) -> None:
    fake = FakeLiteLLM()

    report = create(tmp_path, fake, values=f"APP_KEY={SECRET}\n")

    assert statuses(report) == {"app": "registered"}
    assert list(fake.keys) == [sha256(SECRET)]
    assert stored(tmp_path) == SECRET


def test_a_key_that_only_the_environment_holds_is_recognized_and_not_written(
    tmp_path: Path,
) -> None:
    fake = FakeLiteLLM()
    fake.add(SECRET, "app", models=["demo"], metadata=OURS)

    report = create(tmp_path, fake, environ={"APP_KEY": SECRET})

    assert statuses(report) == {"app": "exists"}
    assert stored(tmp_path) is None


def test_a_deleted_key_in_env_is_replaced_and_not_registered_again(tmp_path: Path) -> None:
    fake = FakeLiteLLM()
    key_hash = fake.add(SECRET, "app", metadata=OURS)
    fake.deleted[key_hash] = fake.keys.pop(key_hash)

    report = create(tmp_path, fake, values=f"APP_KEY={SECRET}\n")

    assert statuses(report) == {"app": "created"}
    assert stored(tmp_path) not in {None, SECRET}
    assert sha256(SECRET) not in fake.keys


@pytest.mark.parametrize("values", ["", f"APP_KEY={SECRET}\n"])
def test_our_own_key_whose_secret_is_lost_is_replaced(tmp_path: Path, values: str) -> None:
    fake = FakeLiteLLM()
    lost = fake.add("sk-lost-0123456789abcdef", "app", metadata=OURS)

    report = create(tmp_path, fake, values=values)

    assert statuses(report) == {"app": "replaced"}
    assert lost not in fake.keys
    assert list(fake.keys) == [sha256(stored(tmp_path) or "")]


@pytest.mark.parametrize("values", ["", f"APP_KEY={SECRET}\n"])
def test_a_foreign_key_of_that_alias_is_never_changed(tmp_path: Path, values: str) -> None:
    fake = FakeLiteLLM()
    foreign = fake.add("sk-theirs-0123456789abcdef", "app")

    with pytest.raises(KeyAliasExists, match="not created by gatewayctl"):
        create(tmp_path, fake, values=values)

    assert list(fake.keys) == [foreign]
    assert stored(tmp_path) == (SECRET if values else None)
    assert not {"/key/generate", "/key/delete"} & set(fake.paths())


def test_a_foreign_key_whose_secret_env_holds_exists(tmp_path: Path) -> None:
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
def test_a_value_that_is_not_a_virtual_key_is_replaced(tmp_path: Path, value: str) -> None:
    fake = FakeLiteLLM()

    report = create(tmp_path, fake, values=f"APP_KEY={value}\n")

    assert statuses(report) == {"app": "created"}
    assert list(fake.keys) == [sha256(stored(tmp_path) or "")]
    assert stored(tmp_path) != value


def test_an_empty_line_is_filled(tmp_path: Path) -> None:
    create(tmp_path, FakeLiteLLM(), values="APP_KEY=\n")

    assert (stored(tmp_path) or "").startswith("sk-")
    assert (tmp_path / ".env").read_text().count("APP_KEY=") == 1


def test_after_the_database_was_emptied_every_secret_is_new(tmp_path: Path) -> None:
    fake = FakeLiteLLM()
    create(tmp_path, fake, config=TWO_KEYS)
    old = {stored(tmp_path), stored(tmp_path, "EVAL_KEY")}
    fake.keys.clear()

    report = create(tmp_path, fake, config=TWO_KEYS, values=None, fresh=True)

    new = {stored(tmp_path), stored(tmp_path, "EVAL_KEY")}
    assert statuses(report) == {"app": "created", "eval": "created"}
    assert not old & new
    assert set(fake.keys) == {sha256(secret or "") for secret in new}


def test_a_new_secret_that_the_environment_overrides_is_warned_of(tmp_path: Path) -> None:
    report = create(tmp_path, FakeLiteLLM(), environ={"APP_KEY": SECRET}, fresh=True)

    warning = "APP_KEY in the environment overrides that of .env. Run `unset APP_KEY`."
    assert report.warnings == (warning,)


def test_a_project_without_declared_keys_has_nothing_to_create(tmp_path: Path) -> None:
    fake = FakeLiteLLM()

    report = create(tmp_path, fake, config="keys: {}\n")

    assert (report.keys, report.problem, fake.requests) == ((), None, [])


def test_the_report_contains_secrets_only_on_request(tmp_path: Path) -> None:
    report = create(tmp_path, FakeLiteLLM())

    secret = stored(tmp_path) or ""
    assert secret not in repr(report)
    assert [key.plain for key in report.keys] == [None]
    assert [key.plain for key in report.reveal().keys] == [secret]
    assert secret not in repr(report.reveal())


@pytest.mark.parametrize(("values", "written"), [("", True), (f"APP_KEY={SECRET}\n", False)])
def test_the_report_tells_whether_env_was_changed(
    tmp_path: Path, values: str, written: bool
) -> None:
    report = create(tmp_path, FakeLiteLLM(), values=values)

    assert [key.written for key in report.keys] == [written]
