from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import psutil
import pytest

from gatewayctl.errors import RuntimeProblem
from gatewayctl.generators import drain
from gatewayctl.runtimes.process import Completed, follow, map_lines, run, start
from gatewayctl.runtimes.streams import run_streamed
from tests.fakes.driving import driven

SECRET = "sk-very-secret-0123456789"
IGNORES_TERM = (
    "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print(os.getpid(), flush=True); time.sleep(60)"
)


def shell(script: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", script)


def test_a_program_runs_to_its_end_and_its_exit_code_is_returned() -> None:
    done = run(shell("echo out; echo err >&2; exit 3"))

    assert done == Completed(returncode=3, stdout="out\n", stderr="err\n")


def test_the_environment_is_replaced_entirely() -> None:
    done = run(("/usr/bin/env",), env={"ONLY": "this"})

    assert done.stdout.splitlines() == ["ONLY=this"]


def test_standard_input_is_the_given_text_or_empty() -> None:
    assert run(("/bin/cat",), stdin="a secret\n").stdout == "a secret\n"
    assert run(("/bin/cat",)).stdout == ""


def test_a_program_runs_in_the_given_folder(tmp_path: Path) -> None:
    assert run(("/bin/pwd",), cwd=tmp_path).stdout.strip() == str(tmp_path)


def test_invalid_utf_8_does_not_fail() -> None:
    assert run(shell("printf 'a\\377b'")).stdout == "a\ufffdb"


def test_input_and_output_are_utf_8_whatever_the_locale() -> None:
    script = (
        "from gatewayctl.runtimes.process import follow, run;"
        r"said = run(('/bin/cat',), stdin='\u00e9').stdout;"
        r"lines = list(follow(('printf', '\\303\\251')));"
        "print(ascii((said, lines)))"
    )
    # Without these Python itself would take UTF-8 for the plainest locale.
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PATH": os.defpath}

    done = run((sys.executable, "-X", "utf8=0", "-c", script), env=plain)

    assert (done.stderr, done.stdout) == ("", r"('\xe9', ['\xe9'])" + "\n")


def test_a_missing_program_is_reported_without_its_arguments(tmp_path: Path) -> None:
    missing = str(tmp_path / "psql")

    with pytest.raises(RuntimeProblem) as refused:
        run((missing, SECRET), env={"PGPASSWORD": SECRET})

    assert refused.value.message == f"Cannot run {missing}: No such file or directory."
    assert SECRET not in repr(refused.value)


def test_a_program_that_takes_too_long_is_ended_and_reported() -> None:
    with pytest.raises(RuntimeProblem, match=r"/bin/sleep did not end within 0\.05 s"):
        run(("/bin/sleep", "60"), timeout=0.05)


def test_a_followed_program_yields_its_lines_and_returns_its_output() -> None:
    seen, done = driven(follow(shell("echo one; echo two >&2; printf three; exit 4")))

    assert seen == ["one", "two", "three"]
    assert done == Completed(returncode=4, stdout="one\ntwo\nthree", stderr="")


def test_lines_of_a_followed_program_are_yielded_while_it_runs() -> None:
    lines = follow(shell("echo $$; exec sleep 60"))

    pid = int(next(lines))

    assert psutil.pid_exists(pid)
    lines.close()


def test_closing_ends_the_followed_program() -> None:
    lines = follow(shell("echo $$; exec sleep 60"))
    pid = int(next(lines))

    lines.close()

    assert not psutil.pid_exists(pid)


def test_a_followed_program_that_refuses_to_end_is_killed() -> None:
    lines = follow((sys.executable, "-S", "-E", "-c", IGNORES_TERM), patience=0.01)
    pid = int(next(lines))

    lines.close()

    assert not psutil.pid_exists(pid)


def test_progress_is_parsed_from_the_lines_of_a_followed_program() -> None:
    news = {"one": 1, "zero": 0}

    seen, done = driven(
        map_lines(follow(shell("echo one; echo noise; echo zero; exit 3")), news.get)
    )

    assert seen == [1, 0]
    assert done == Completed(returncode=3, stdout="one\nnoise\nzero\n", stderr="")


def test_closing_the_parsed_lines_ends_the_program() -> None:
    news = map_lines(follow(shell("echo $$; exec sleep 60")), int)
    pid = next(news)

    news.close()

    assert not psutil.pid_exists(pid)


def test_a_program_that_cannot_be_followed_is_reported(tmp_path: Path) -> None:
    (tmp_path / "not-executable").write_text("")

    with pytest.raises(RuntimeProblem, match=r"Cannot run .*not-executable: Permission denied"):
        next(follow((str(tmp_path / "not-executable"),)))


def test_a_started_program_has_its_own_session_and_log(
    tmp_path: Path,
) -> None:
    log = tmp_path / "service.log"
    log.write_text("before\n")

    process = start(
        shell("echo $HELLO; echo oops >&2; pwd"), env={"HELLO": "hi"}, cwd=tmp_path, log=log
    )
    process.wait()

    assert log.read_text() == f"before\nhi\noops\n{tmp_path}\n"


def test_control_c_in_our_terminal_does_not_reach_a_started_program(tmp_path: Path) -> None:
    process = start(("/bin/sleep", "60"), env={}, cwd=tmp_path, log=tmp_path / "log")

    try:
        assert os.getsid(process.pid) == process.pid
        assert os.getpgid(process.pid) != os.getpgid(os.getpid())
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("missing", ["program", "folder of the log"])
def test_a_program_that_cannot_be_started_is_reported(tmp_path: Path, missing: str) -> None:
    program = str(tmp_path / "nothing") if missing == "program" else "/bin/true"
    log = tmp_path / "log" if missing == "program" else tmp_path / "no" / "log"

    with pytest.raises(
        RuntimeProblem, match=rf"Cannot (run|start|write to) ({program}|{log}): No such file"
    ):
        start((program,), env={"KEY": SECRET}, cwd=tmp_path, log=log)


# the log


def test_every_program_is_logged_with_its_command_line_exit_code_and_duration(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG, logger="gatewayctl")

    run(["sh", "-c", "exit 3"])
    drain(follow(["sh", "-c", "exit 4"]))
    drain(run_streamed(["sh", "-c", "exit 5"]))
    start(["true"], env={}, cwd=tmp_path, log=tmp_path / "log").wait()

    messages = [record.getMessage() for record in caplog.records]
    for code in (3, 4, 5):
        ended = [
            each for each in messages if each.startswith(f"ran sh -c 'exit {code}': exit code")
        ]
        assert ended[0].startswith(f"ran sh -c 'exit {code}': exit code {code} (")
        assert len(ended) == 1
    assert any(each.startswith("started pid ") and each.endswith(": true") for each in messages)


def test_a_program_that_does_not_end_in_time_is_logged_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="gatewayctl")

    with pytest.raises(RuntimeProblem):
        run(["sleep", "60"], timeout=0.01)

    assert caplog.records[0].getMessage().startswith("ran sleep 60: not ended within 0.01 s (")
