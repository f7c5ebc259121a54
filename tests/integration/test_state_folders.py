"""Something else in the place of a folder of `.gatewayctl`: every command names it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gatewayctl.cli.app import app
from tests.fakes.other_user import NOBODY, as_nobody
from tests.integration.stack_project import document
from tests.unit.files.test_folders import be_a_file, be_forbidden, lead_nowhere, lead_to_itself

VERBS = ("up", "plan", "status", "logs", "backup", "restart", "down", "keys create", "keys list",
         "doctor", "audit", "reset --yes", "upgrade")  # fmt: skip
EMBEDDED = ("logs", "run", "postgres", "postgres/data", "phoenix", "litellm")
CASES = [
    *(("embedded", "", plant) for plant in (be_a_file, lead_nowhere, lead_to_itself, be_forbidden)),
    *(("embedded", path, plant) for path in EMBEDDED for plant in (be_a_file, lead_nowhere)),
    ("embedded", "logs", lead_to_itself),
    ("embedded", "logs", be_forbidden),
    ("embedded", "backups", lead_nowhere),
    ("docker", "", be_a_file),
    ("docker", "", lead_nowhere),
    ("docker", "backups", lead_nowhere),
]


def refused(runtime: str, path: str) -> set[str]:
    """The commands that cannot work: those that change the project, or need the path."""
    if not path:
        asking = {"status", "keys list", "audit", "doctor"}
        return set(VERBS) - asking - ({"logs", "plan"} if runtime == "docker" else set())
    if path == "backups":
        return {"backup"}
    return {"up", "plan", "backup", "restart", *(["logs"] if path == "logs" else [])}


@pytest.mark.parametrize(("runtime", "path", "plant"), CASES)
def test_every_command_names_what_is_in_the_place_of_a_folder(
    runtime: str,
    path: str,
    plant: Callable[[Path], None],
    shared_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(shared_path / "cache"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{shared_path}/none.sock")
    folder = shared_path / "shop"
    place = folder / ".gatewayctl" / path
    folder.mkdir()
    (folder / "gateway.yaml").write_text(f"project_name: shop\nruntime: {runtime}\n")
    assert run(folder, "init").exit_code == 0
    place.parent.mkdir(exist_ok=True)
    if not path:
        shutil.rmtree(place)
    if plant is be_forbidden:
        # Another user may not be able to import what is not imported yet.
        be_a_file(place)
        check_commands(folder, runtime, path)
        place.unlink()
        os.chown(folder, NOBODY, NOBODY)
        for each in folder.rglob("*"):
            os.chown(each, NOBODY, NOBODY)
        plant(place)
        with as_nobody():
            check_commands(folder, runtime, path)
    else:
        plant(place)
        check_commands(folder, runtime, path)


def check_commands(folder: Path, runtime: str, path: str) -> None:
    place, before = folder / ".gatewayctl" / path, (folder / ".env").read_bytes()
    # With everything else in order, `up` would start the stack.
    for verb in ("backup", "status", "logs", "down") if path == "backups" else VERBS:
        result = run(folder, *verb.split(), "--json")

        said = f"{verb}: {result.stdout} {result.stderr}"
        error = document(result).get("error", {})
        assert error.get("code") != "bug", said
        assert "restore was interrupted" not in result.stdout, said
        if verb in refused(runtime, path):
            assert (result.exit_code, error["code"]) == (3, "folder_unusable"), said
            assert f"{place} " in error["message"], said
        if verb == "doctor" and path != "backups":
            assert f"{place} " in result.stdout, said
    assert (folder / ".env").read_bytes() == before


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["-C", str(folder), *words])
