from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gatewayctl.errors import FileUnreadable, PartlyDone, PortTaken
from gatewayctl.operations.state.audit import NAME, read_audit, record_verb

WORKER = """
import sys
from pathlib import Path
from gatewayctl.operations.state.audit import record_verb
with record_verb(Path(sys.argv[1]), "up"):
    print("began", flush=True)
    sys.stdin.read()
"""


def test_a_verb_that_is_done_is_written_down_with_who_and_how_long(tmp_path: Path) -> None:
    with record_verb(tmp_path, "keys rotate", "litellm-dev"):
        pass

    (entry,) = read_audit(tmp_path).entries
    assert (entry.verb, entry.subject, entry.outcome, entry.code) == (
        "keys rotate", "litellm-dev", "done", None,
    )  # fmt: skip
    assert entry.pid == os.getpid()
    assert entry.user
    assert entry.seconds is not None
    assert entry.seconds >= 0
    assert entry.at.tzinfo is not None


def test_a_failure_is_logged_by_its_code_and_never_its_message(tmp_path: Path) -> None:
    with pytest.raises(PortTaken), record_verb(tmp_path, "up"):
        raise PortTaken("Port 4000 is used by sk-canary-0123456789.")

    (entry,) = read_audit(tmp_path).entries
    assert (entry.outcome, entry.code) == ("failed", "port_taken")
    assert "sk-canary" not in (tmp_path / NAME).read_text()


@pytest.mark.parametrize("ended", [KeyboardInterrupt, GeneratorExit])
def test_ctrl_c_is_an_interruption(ended: type[BaseException], tmp_path: Path) -> None:
    with pytest.raises(ended), record_verb(tmp_path, "up"):
        raise ended

    assert read_audit(tmp_path).entries[0].outcome == "interrupted"


def test_a_bug_is_written_down_as_one(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), record_verb(tmp_path, "up"):
        raise ZeroDivisionError

    assert (read_audit(tmp_path).entries[0].outcome, read_audit(tmp_path).entries[0].code) == (
        "failed", "bug",
    )  # fmt: skip


def test_a_report_with_a_problem_is_partly_done(tmp_path: Path) -> None:
    with record_verb(tmp_path, "up") as record:
        record.problem = PartlyDone("One key of two.")

    assert (read_audit(tmp_path).entries[0].outcome, read_audit(tmp_path).entries[0].code) == (
        "partial", "partly_done",
    )  # fmt: skip


def test_a_verb_that_was_killed_is_seen_to_have_died_and_to_run_before_that(
    tmp_path: Path,
) -> None:
    argv = [sys.executable, "-c", WORKER, str(tmp_path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        worker.stdout.readline()
        meanwhile = read_audit(tmp_path).entries[0].outcome
        worker.send_signal(signal.SIGKILL)
        worker.wait()

    (entry,) = read_audit(tmp_path).entries
    assert (meanwhile, entry.outcome, entry.seconds) == ("running", "died", None)


def test_the_last_entries_are_selected_by_their_number(tmp_path: Path) -> None:
    for verb in ("up", "restart", "down"):
        with record_verb(tmp_path, verb):
            pass

    assert [entry.verb for entry in read_audit(tmp_path, tail=2).entries] == ["restart", "down"]
    assert len(read_audit(tmp_path, tail=10).entries) == 3


@pytest.mark.parametrize(
    "line", ["{", "[]", "null", '{"event": "x", "id": 1}', '{"event": "began", "id": "a"}', "\xff"]
)
def test_garbage_in_the_log_is_counted_and_hides_nothing(line: str, tmp_path: Path) -> None:
    with record_verb(tmp_path, "up"):
        pass
    with (tmp_path / NAME).open("a", encoding="latin-1") as log:
        log.write(line + "\n")

    report = read_audit(tmp_path)

    assert [entry.verb for entry in report.entries] == ["up"]
    assert report.unreadable == 1


def test_a_project_without_a_log_has_no_entries(tmp_path: Path) -> None:
    assert read_audit(tmp_path).entries == ()


def test_a_log_that_is_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()

    with pytest.raises(FileUnreadable, match=r"audit\.jsonl"):
        read_audit(tmp_path)


def test_a_log_that_cannot_be_written_stops_no_verb(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    done = []

    with record_verb(tmp_path, "up"):
        done.append("work")

    assert done == ["work"]


def test_the_log_is_readable_by_its_owner_only_and_has_one_json_object_per_line(
    tmp_path: Path,
) -> None:
    with record_verb(tmp_path, "up"):
        pass

    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600
    events = [json.loads(line) for line in (tmp_path / NAME).read_text().splitlines()]
    assert [event["event"] for event in events] == ["began", "ended"]
