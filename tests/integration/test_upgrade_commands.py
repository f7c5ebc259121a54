"""``gatewayctl upgrade`` and ``rollback``, as scripts see them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.litellm import sha256
from tests.fakes.releases import NEW, OLD, ReleasedRuntime
from tests.integration.stack_project import Project, document, master_key_of


@pytest.fixture
def serving(tmp_path: Path) -> Project:
    """A project that runs the old release."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "gateway.yaml").write_text(f"images:\n  litellm: {OLD}\n")
    made = Project(folder=folder, runtime=ReleasedRuntime(folder=folder, image=None))
    made.litellm.master = master_key_of(made)
    assert made.run("up").exit_code == 0
    made.runtime.server.databases["litellm"].tokens = [
        sha256(made.secrets()[name]) for name in ("LITELLM_API_KEY", "LITELLM_EVAL_KEY")
    ]
    return made


def config(project: Project) -> str:
    return (project.folder / "gateway.yaml").read_text()


def test_an_upgrade_shows_what_was_verified_and_the_way_back(serving: Project) -> None:
    result = serving.run("upgrade", "--to", "1.108.14")

    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == "LiteLLM of shop: 1.106.2 -> 1.108.14"
    assert "  pre-flight of configuration: passed (config OK)" in lines
    assert "  chat: demo answers; its trace is verified" in lines
    assert lines[-1] == f"Go back with: `gatewayctl -C {serving.folder} rollback`"
    assert config(serving) == f"images:\n  litellm: {NEW}\n"
    assert "sk-" not in result.stdout + result.stderr


def test_an_upgrade_as_a_document(serving: Project) -> None:
    data = document(serving.run("upgrade", "--json"))["data"]

    assert data["before"] == {"name": OLD, "version": "1.106.2"}
    assert data["after"] == {"name": NEW, "version": "1.108.14"}
    assert (data["changed"], data["restarted"]) == (True, ["litellm"])
    assert data["proof"]["keys"] == ["LITELLM_API_KEY", "LITELLM_EVAL_KEY"]


def test_nothing_to_do_is_reported(serving: Project) -> None:
    result = serving.run("upgrade", "--to", "v1.106.2")

    assert (result.exit_code, result.stdout) == (
        0,
        "Nothing to do: LiteLLM 1.106.2 runs already.\n",
    )


@pytest.mark.parametrize(("to", "code"), [("1.83.5", "upgrade_refused"), ("newest", "usage")])
def test_a_bad_version_is_exit_code_2(serving: Project, to: str, code: str) -> None:
    result = serving.run("upgrade", "--to", to, "--json")

    assert (result.exit_code, document(result)["error"]["code"]) == (2, code)


def test_a_failing_release_is_exit_code_4_and_can_be_rolled_back(serving: Project) -> None:
    runtime = serving.runtime
    assert isinstance(runtime, ReleasedRuntime)
    runtime.crashing.add(NEW)

    failed = serving.run("upgrade", "--timeout", "1")
    back = serving.run("rollback")

    assert failed.exit_code == 4
    assert f"`gatewayctl -C {serving.folder} rollback`" in failed.stderr
    assert back.exit_code == 0, back.stderr
    assert "all data stays" in back.stderr
    assert "Its database was not migrated: all data was kept." in back.stdout
    assert config(serving) == f"images:\n  litellm: {OLD}\n"


def test_a_rollback_that_loses_data_asks_and_shows_how_much(serving: Project) -> None:
    serving.run("upgrade")
    serving.runtime.server.databases["litellm"].rows["LiteLLM_SpendLogs"] = 9

    asked = serving.run("rollback")
    done = serving.run("rollback", "--yes", "--json")

    assert asked.exit_code == 2
    assert "2 virtual keys and 7 logged requests, instead of 2 virtual keys and 9" in asked.stderr
    data = document(done)["data"]
    assert (data["restored"], data["after"]["version"]) == (True, "1.106.2")
    assert Path(data["kept"]).is_file()


def test_a_rollback_of_a_stopped_stack_asks_because_the_loss_is_unknown(serving: Project) -> None:
    serving.run("upgrade")
    serving.run("down")

    asked = serving.run("rollback")
    done = serving.run("rollback", "--yes")

    assert (asked.exit_code, "not known yet" in asked.stderr) == (2, True)
    assert done.exit_code == 0, done.stderr
    assert "Its database was restored from" in done.stdout


def test_without_an_upgrade_a_rollback_is_exit_code_2(serving: Project) -> None:
    result = serving.run("rollback", "--json")

    assert (result.exit_code, document(result)["error"]["code"]) == (2, "nothing_to_roll_back")


def test_a_malicious_release_is_refused_unless_its_risk_is_accepted(serving: Project) -> None:
    before = config(serving)

    refused = serving.run("upgrade", "--to", "1.107.0")

    assert refused.exit_code == 2
    assert ":v1.107.0 is known to be malicious: LiteLLM-48117: " in refused.stderr
    assert config(serving) == before
    accepted = serving.run("upgrade", "--to", "1.107.0", "--accept-risk", "LiteLLM-48117")
    assert accepted.exit_code == 0, accepted.stderr
    assert "Warning: " in accepted.stdout
