from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gatewayctl.errors import (
    EnvFileUnwritable,
    EnvValueUnsafe,
    FileUnwritable,
    GatewayctlError,
    PartlyDone,
    SettingsInvalid,
    UsageProblem,
)
from gatewayctl.operations.project.gitignore import IGNORED
from gatewayctl.operations.project.init import ensure_project, init
from gatewayctl.operations.state import salt_key
from gatewayctl.settings.gateway_yaml import first_gateway_yaml
from gatewayctl.settings.load import load_settings
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Secret, Settings
from tests.fakes.projects import MASTER_KEY, project

GENERATED = (
    "LITELLM_MASTER_KEY",
    "LITELLM_SALT_KEY",
    "LITELLM_POSTGRES_PASSWORD",
    "POSTGRES_PASSWORD",
    "UI_PASSWORD",
)
KEY = Secret("sk-openai-0123456789abcdef")


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_an_empty_folder_becomes_a_project_that_can_start(tmp_path: Path) -> None:
    report = init(tmp_path, environ={})

    assert report.gateway_yaml == "written"
    assert report.env_added == GENERATED
    assert report.gitignore_added == IGNORED
    assert report.openai_api_key is None
    assert report.provider_keys_missing == ("OPENAI_API_KEY",)
    assert report.changed
    assert report.warnings == ()
    assert report.problem is None
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert require_master_key(load_settings(tmp_path, environ={})).reveal().startswith("sk-")


def test_running_it_twice_changes_nothing_and_reports_that(tmp_path: Path) -> None:
    init(tmp_path, environ={}, openai_api_key=KEY)
    before = contents(tmp_path)

    report = init(tmp_path, environ={}, openai_api_key=KEY)

    changed = {name for name, content in contents(tmp_path).items() if content != before[name]}
    assert changed == {".gatewayctl/audit.jsonl", ".gatewayctl/lock"}
    assert not report.changed
    assert (report.gateway_yaml, report.env_added, report.gitignore_added) == ("kept", (), ())
    assert report.openai_api_key == "unchanged"
    assert report.problem is None


def test_a_missing_folder_is_created(tmp_path: Path) -> None:
    init(tmp_path / "new" / "shop", environ={})

    assert load_settings(tmp_path / "new" / "shop", environ={}).project_name == "shop"


def test_a_folder_that_cannot_be_created_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a file")

    with pytest.raises(FileUnwritable, match="/a is not a folder"):
        init(tmp_path / "a", environ={})


def test_what_exists_is_kept_byte_for_byte(tmp_path: Path) -> None:
    env = f"# mine\nexport LITELLM_MASTER_KEY={MASTER_KEY} # comment\nAPP = 'x y'\n"
    project(tmp_path, "# mine\nruntime: embedded\n", env=env)

    report = init(tmp_path, environ={})

    assert (tmp_path / "gateway.yaml").read_text() == "# mine\nruntime: embedded\n"
    assert (tmp_path / ".env").read_text().startswith(env)
    assert report.env_added == GENERATED[1:]


def test_a_copied_example_with_empty_values_is_filled(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("LITELLM_MASTER_KEY=\nOPENAI_API_KEY=\n")

    report = init(tmp_path, environ={}, openai_api_key=KEY)

    assert set(report.env_added) == {*GENERATED, "OPENAI_API_KEY"}
    assert report.openai_api_key == "added"
    assert load_settings(tmp_path, environ={}).environment["OPENAI_API_KEY"] == KEY
    assert (tmp_path / ".env").read_text().count("LITELLM_MASTER_KEY=") == 1


def test_a_secret_set_in_the_environment_is_not_generated(tmp_path: Path) -> None:
    report = init(tmp_path, environ={"LITELLM_MASTER_KEY": MASTER_KEY})

    assert report.env_added == GENERATED[1:]


def test_the_key_of_openai_is_written_without_the_line_end(tmp_path: Path) -> None:
    report = init(tmp_path, environ={}, openai_api_key=Secret(f"{KEY.reveal()}\n"))

    assert report.openai_api_key == "added"
    assert "OPENAI_API_KEY" in report.env_added
    assert report.provider_keys_missing == ()
    assert f"OPENAI_API_KEY={KEY.reveal()}\n" in (tmp_path / ".env").read_text()


@pytest.mark.parametrize("value", ["", "\n", "  \n"])
def test_an_empty_key_is_a_usage_problem_and_nothing_is_written(tmp_path: Path, value: str) -> None:
    with pytest.raises(UsageProblem, match="Standard input holds no key"):
        init(tmp_path / "shop", environ={}, openai_api_key=Secret(value))

    assert not (tmp_path / "shop").exists()


def test_another_openai_key_is_kept_and_reported_as_partly_done(tmp_path: Path) -> None:
    init(tmp_path, environ={}, openai_api_key=KEY)

    report = init(tmp_path, environ={}, openai_api_key=Secret("sk-another-0123456789"))

    assert report.openai_api_key == "kept"
    assert not report.changed
    assert isinstance(report.problem, PartlyDone)
    assert report.problem.exit_code == 7
    assert "--force" in report.problem.hint
    assert "sk-" not in str(report.problem)
    assert load_settings(tmp_path, environ={}).environment["OPENAI_API_KEY"] == KEY


def test_force_with_a_key_replaces_the_key_alone(tmp_path: Path) -> None:
    project(tmp_path, "runtime: embedded\n", env=f"OPENAI_API_KEY={KEY.reveal()}\n")
    init(tmp_path, environ={})
    secrets = load_settings(tmp_path, environ={}).secrets

    report = init(tmp_path, environ={}, openai_api_key=Secret("sk-another"), force=True)

    settings = load_settings(tmp_path, environ={})
    assert (report.openai_api_key, report.gateway_yaml) == ("replaced", "kept")
    assert report.changed
    assert settings.environment["OPENAI_API_KEY"] == Secret("sk-another")
    assert settings.secrets == secrets
    assert settings.runtime == "embedded"


def test_force_rewrites_gateway_yaml_and_keeps_every_old_one(tmp_path: Path) -> None:
    project(tmp_path / "shop", "runtime: embedded\n", env=f"LITELLM_MASTER_KEY={MASTER_KEY}\n")

    first = init(tmp_path / "shop", environ={}, force=True)
    (tmp_path / "shop" / "gateway.yaml").write_text("runtime: docker\n")
    second = init(tmp_path / "shop", environ={}, force=True)

    assert (first.gateway_yaml, second.gateway_yaml) == ("replaced", "replaced")
    assert first.backup is not None
    assert second.backup is not None
    assert (first.backup.name, second.backup.name) == ("gateway.yaml.bak", "gateway.yaml.bak2")
    assert first.backup.read_text() == "runtime: embedded\n"
    assert second.backup.read_text() == "runtime: docker\n"
    assert (tmp_path / "shop" / "gateway.yaml").read_text() == first_gateway_yaml("shop")
    assert load_settings(tmp_path / "shop", environ={}).secrets.master_key == Secret(MASTER_KEY)


def test_force_is_a_way_out_of_a_broken_gateway_yaml(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text("{")

    assert init(tmp_path, environ={}, force=True).gateway_yaml == "replaced"
    assert (tmp_path / "gateway.yaml.bak").read_text() == "{"


def test_force_without_anything_to_replace_is_no_change(tmp_path: Path) -> None:
    init(tmp_path, environ={})

    report = init(tmp_path, environ={}, force=True)

    assert not report.changed
    assert report.backup is None
    assert not (tmp_path / "gateway.yaml.bak").exists()


def test_force_cannot_replace_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").mkdir()

    with pytest.raises(FileUnwritable, match="Cannot read"):
        init(tmp_path, environ={}, force=True)


def test_a_wrong_gateway_yaml_stops_it_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text("prots: 1\n")

    with pytest.raises(SettingsInvalid, match="did you mean 'ports'"):
        init(tmp_path, environ={})

    assert [path.name for path in tmp_path.iterdir()] == ["gateway.yaml"]


def test_gitignore_is_written_before_any_secret(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").mkdir()

    with pytest.raises(FileUnwritable):
        init(tmp_path, environ={})

    assert not (tmp_path / ".env").exists()


def test_an_env_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    project(tmp_path)
    settings = load_settings(tmp_path, environ={})
    (tmp_path / ".env").mkdir()

    with pytest.raises(GatewayctlError) as caught:
        ensure_project(settings)

    assert caught.value.exit_code == EnvFileUnwritable.exit_code


def test_a_key_that_readers_would_not_agree_on_is_refused_without_its_value(
    tmp_path: Path,
) -> None:
    with pytest.raises(EnvValueUnsafe) as caught:
        init(tmp_path, environ={}, openai_api_key=Secret("sk-a'b\"c$d`e\\"))

    assert "sk-a" not in str(caught.value)


def test_an_env_file_open_to_others_is_closed_with_a_warning(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=b\n")
    (tmp_path / ".env").chmod(0o644)

    report = init(tmp_path, environ={})

    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert len(report.warnings) == 1
    assert re.search(r"was accessible to other users \(mode 0644\)", report.warnings[0])


def test_a_weak_master_key_is_kept_with_a_warning(tmp_path: Path) -> None:
    project(tmp_path, env="LITELLM_MASTER_KEY=sk-1234\n")

    report = init(tmp_path, environ={})

    assert len(report.warnings) == 1
    assert "LITELLM_MASTER_KEY (.env line 1) is a publicly known key" in report.warnings[0]
    assert "LITELLM_MASTER_KEY=sk-1234\n" in (tmp_path / ".env").read_text()


@pytest.mark.parametrize(
    "name", ["LITELLM_MASTER_KEY", "LITELLM_POSTGRES_PASSWORD", "POSTGRES_PASSWORD", "UI_PASSWORD"]
)
def test_a_lost_secret_that_can_be_replaced_is_generated_without_a_warning(
    name: str, tmp_path: Path
) -> None:
    made = with_data(tmp_path)
    remove_line(made.env_file, name)

    ensured = ensure_project(load_settings(tmp_path, environ={}))

    assert (ensured.env_added, ensured.warnings) == ((name,), ())


def test_a_lost_salt_key_is_not_replaced_while_data_needs_it(tmp_path: Path) -> None:
    made = with_data(tmp_path)
    remove_line(made.env_file, "LITELLM_SALT_KEY")
    kept = made.env_file.read_bytes()

    first, second = init(tmp_path, environ={}), init(tmp_path, environ={})

    assert first.warnings == second.warnings
    assert "LITELLM_SALT_KEY was not generated" in first.warnings[0]
    assert "`gatewayctl up` recovers it" in first.warnings[0]
    assert made.env_file.read_bytes() == kept


def test_a_recovered_salt_key_is_written_back(tmp_path: Path) -> None:
    made = with_data(tmp_path)
    remove_line(made.env_file, "LITELLM_SALT_KEY")

    found = made.secrets.salt_key
    ensured = ensure_project(load_settings(tmp_path, environ={}), recovered=found)

    assert ensured.settings.secrets.salt_key == found
    assert ensured.env_added == ()
    assert "was recovered from LiteLLM" in ensured.warnings[0]


def test_a_verb_that_replaces_the_data_gets_a_new_salt_key(tmp_path: Path) -> None:
    made = with_data(tmp_path)
    remove_line(made.env_file, "LITELLM_SALT_KEY")

    ensured = ensure_project(load_settings(tmp_path, environ={}), replaces_data=True)

    assert ensured.env_added == ("LITELLM_SALT_KEY",)
    assert ensured.settings.secrets.salt_key not in (None, made.secrets.salt_key)


def with_data(folder: Path) -> Settings:
    """A project whose stack was started once."""
    init(folder, environ={})
    made = load_settings(folder, environ={})
    made.state_dir.mkdir(exist_ok=True)
    salt_key.record_salt_key(made)
    return made


def remove_line(path: Path, name: str) -> None:
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith(f"{name}=")))


def test_a_key_in_the_environment_that_wins_over_the_given_one_is_warned_of(
    tmp_path: Path,
) -> None:
    report = init(tmp_path, environ={"OPENAI_API_KEY": "sk-outside"}, openai_api_key=KEY)
    same = init(tmp_path, environ={"OPENAI_API_KEY": KEY.reveal()}, openai_api_key=KEY)

    assert report.warnings == (
        (
            "environment variable OPENAI_API_KEY differs from the key in .env and takes precedence "
            "over it."
        ),
    )
    assert same.warnings == ()


def test_ensuring_hands_back_settings_with_the_new_secrets(tmp_path: Path) -> None:
    ensured = ensure_project(project(tmp_path))

    assert ensured.env_added == GENERATED
    assert ensured.settings.secrets == load_settings(tmp_path, environ={}).secrets
    assert require_master_key(ensured.settings).reveal().startswith("sk-")
    assert ensured.settings.source_of("LITELLM_MASTER_KEY").name == ".env"
    assert not (tmp_path / "gateway.yaml").exists()


def test_ensuring_a_complete_project_changes_nothing(tmp_path: Path) -> None:
    first = ensure_project(project(tmp_path))

    again = ensure_project(load_settings(tmp_path, environ={}))

    assert (again.env_added, again.gitignore_added) == ((), ())
    assert again.settings.secrets == first.settings.secrets


def test_ensuring_needs_no_env_file_where_the_environment_has_every_secret(
    tmp_path: Path,
) -> None:
    environ = dict.fromkeys(GENERATED, MASTER_KEY)

    ensured = ensure_project(project(tmp_path, environ=environ))

    assert ensured.env_added == ()
    assert not (tmp_path / ".env").exists()


def test_two_at_once_agree_on_one_set_of_secrets(tmp_path: Path) -> None:
    settings = [project(tmp_path) for _ in range(6)]

    with ThreadPoolExecutor(6) as pool:
        ensured = list(pool.map(ensure_project, settings))

    keys = {one.settings.secrets.master_key for one in ensured}
    assert keys == {load_settings(tmp_path, environ={}).secrets.master_key}
    assert sorted(len(one.env_added) for one in ensured) == [0, 0, 0, 0, 0, 5]


def test_no_secret_is_in_the_report(tmp_path: Path) -> None:
    report = init(tmp_path, environ={}, openai_api_key=KEY)
    values = [
        line.split("=", 1)[1]
        for line in (tmp_path / ".env").read_text().splitlines()
        if "=" in line
    ]

    assert len(values) == 6
    assert not any(value in repr(report) for value in values)


def test_nothing_is_generated_for_a_gateway_that_others_operate(tmp_path: Path) -> None:
    flags = {"runtime": "external"}
    report = init(tmp_path, flags=flags, environ={"GATEWAYCTL_EXTERNAL_URL": "https://a.example"})

    assert (report.external, report.env_added, report.warnings) == (True, (), ())
    assert not (tmp_path / ".env").exists()
