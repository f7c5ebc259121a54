from __future__ import annotations

import os
import stat
from pathlib import Path

import psutil
import pytest

from gatewayctl.errors import FileUnwritable, RuntimeProblem
from gatewayctl.runtimes.streams import open_psql, run_streamed
from tests.fakes.driving import driven, report_of

ENV = {"PATH": os.defpath}
# Answers as psql does: each line it is told, then the mark behind \echo; «explode» ends it.
PSQL = """\
while read -r line; do
  case "$line" in
    '\\echo '*) echo "${line#* }" ;;
    explode) echo 'ERROR:  it explodes' >&2; exit 3 ;;
    ';') ;;
    *) echo "$line" ;;
  esac
done
"""


def sh(script: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", script)


def test_a_program_runs_between_two_files(tmp_path: Path) -> None:
    source, sink = tmp_path / "in", tmp_path / "out"
    source.write_bytes(bytes(range(256)) * 5000)

    done = report_of(run_streamed(sh("cat"), env=ENV, stdin=source, stdout=sink))

    assert sink.read_bytes() == source.read_bytes()
    assert stat.S_IMODE(sink.stat().st_mode) == 0o600
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_output_is_returned_without_a_file_for_it() -> None:
    done = report_of(run_streamed(sh("echo said; echo wrong >&2; exit 3"), env=ENV))

    assert (done.returncode, done.stdout, done.stderr) == (3, "said\n", "wrong\n")


def test_a_slow_program_reports_how_many_bytes_it_wrote(tmp_path: Path) -> None:
    sink = tmp_path / "out"

    seen, _ = driven(
        run_streamed(sh("printf 12345; sleep 0.5; printf 67890"), env=ENV, stdout=sink)
    )

    assert 5 in seen
    assert sink.read_text() == "1234567890"


def test_bytes_are_counted_as_the_program_reads_them(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.write_bytes(b"1234567890")

    seen, _ = driven(run_streamed(sh("dd bs=1 count=4 of=/dev/null 2>&1; sleep 0.5"), stdin=source))

    assert 4 in seen


def test_closing_the_stream_ends_the_program(tmp_path: Path) -> None:
    running = run_streamed(sh("echo $$; exec sleep 100"), env=ENV, stdout=tmp_path / "out")
    next(running)
    next(running)
    pid = int((tmp_path / "out").read_text())
    assert psutil.pid_exists(pid)

    running.close()

    assert not psutil.pid_exists(pid)


def test_a_missing_program_is_reported(tmp_path: Path) -> None:
    with pytest.raises(RuntimeProblem, match="/nowhere"):
        report_of(run_streamed(("/nowhere",), stdout=tmp_path / "out"))
    with pytest.raises(RuntimeProblem, match="/nowhere"), open_psql(("/nowhere",)):
        pass


def test_a_file_that_cannot_be_created_is_reported_and_links_are_not_followed(
    tmp_path: Path,
) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")

    for sink in (tmp_path / "nowhere" / "out", tmp_path / "link"):
        with pytest.raises(FileUnwritable, match=sink.name):
            report_of(run_streamed(sh("echo"), env=ENV, stdout=sink))

    assert not (tmp_path / "elsewhere").exists()


def test_a_session_runs_one_statement_after_the_other() -> None:
    with open_psql(sh(PSQL), env=ENV) as session:
        assert session.ask("select 1;") == ("select 1;",)
        assert session.ask("one\ntwo") == ("one", "two")
        assert session.ask("") == ("",)


def test_a_failed_statement_ends_the_session_with_postgresqls_message() -> None:
    with open_psql(sh(PSQL), env=ENV) as session:
        with pytest.raises(RuntimeProblem, match="it explodes"):
            session.ask("explode")
        with pytest.raises(RuntimeProblem, match="it explodes"):
            session.ask("anybody there?")


def test_the_errors_of_psql_come_without_file_and_line() -> None:
    script = "echo 'psql:<stdin>:2: ERROR:  no such table' >&2; exit 3"

    with (
        open_psql(sh(script), env=ENV) as session,
        pytest.raises(RuntimeProblem, match=r"^PostgreSQL refused: ERROR:  no such table$"),
    ):
        session.ask("select 1;")


def test_a_session_that_is_left_open_ends_with_its_block() -> None:
    with open_psql(sh("echo $$; echo mark; " + PSQL), env=ENV) as session:
        pid = int(session.ask("x")[0])
    assert not psutil.pid_exists(pid)
