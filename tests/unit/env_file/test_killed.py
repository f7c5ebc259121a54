from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from gatewayctl.env_file.document import EnvDocument
from tests.unit.env_file.killed_writer import OLD, VALUES


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], str]:
    """What was found after each kill, and the calls at which the kills fell."""
    folder = tmp_path_factory.mktemp("killed")
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.env_file.killed_writer", str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_every_important_call_is_killed_before_and_after(
    report: tuple[list[dict[str, Any]], str],
) -> None:
    kills, calls = report
    assert len(kills) >= 50
    for call in ("flock", "open", "fchmod", "write", "fsync", "rename"):
        assert f"c_call {call}\n" in calls
        assert f"c_return {call}\n" in calls


def test_a_kill_leaves_the_old_file_or_the_new_one(
    report: tuple[list[dict[str, Any]], str],
) -> None:
    new = {
        kind: EnvDocument.parse(text).with_values(VALUES).text
        for kind, text in (("existing", OLD.decode()), ("linked", OLD.decode()), ("missing", ""))
    }
    old = {"existing": OLD.decode(), "linked": OLD.decode(), "missing": None}
    for kill in report[0]:
        assert kill["found"] in {old[kill["kind"]], new[kill["kind"]]}
    assert {kill["found"] for kill in report[0]} == {*old.values(), *new.values()}


def test_the_next_update_works_and_cleans_up(report: tuple[list[dict[str, Any]], str]) -> None:
    assert any(kill["leftover"] for kill in report[0])
    for kill in report[0]:
        assert not kill["leftover_after_next"]
        assert kill["next_added"] == ["NEXT"]
        assert kill["mode_after_next"] == 0o600
        before = EnvDocument.parse(kill["found"] or "").values
        assert kill["read_after_next"] == {**before, "NEXT": "1"}
