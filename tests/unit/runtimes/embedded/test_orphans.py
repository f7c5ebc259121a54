from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import psutil
import pytest

from gatewayctl.runtimes.embedded import orphans
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.orphans import MARK, is_supervised

IGNORES_TERM = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1); time.sleep(60)"


class Starter(Protocol):
    def __call__(
        self, *argv: str, env: dict[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.Popen[bytes]: ...


@pytest.fixture
def started() -> Iterator[Starter]:
    """Starts processes and kills them at the end of the test."""
    with ExitStack() as processes:

        def start(
            *argv: str, env: dict[str, str] | None = None, cwd: Path | None = None
        ) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(argv, env=env or {}, cwd=cwd, stdout=subprocess.PIPE)
            processes.enter_context(process)
            processes.callback(process.kill)
            return process

        yield start


def mark(layout: Layout) -> dict[str, str]:
    return {MARK: str(layout.state_dir)}


def pids(found: list[psutil.Process]) -> set[int]:
    return {process.pid for process in found}


def test_a_process_with_the_mark_is_found_whatever_its_parent_is(
    layout: Layout, started: Starter
) -> None:
    process = started("/bin/sleep", "60", env=mark(layout))

    assert pids(orphans.find_orphans(layout)) == {process.pid}


@pytest.mark.parametrize("where", ["run", "postgres_home", "litellm_home", "state_dir"])
def test_a_shell_in_a_folder_of_the_stack_is_not_an_orphan(
    where: str, layout: Layout, started: Starter
) -> None:
    started("/bin/sleep", "60", cwd=getattr(layout, where))

    assert orphans.find_orphans(layout) == []


def test_a_process_of_another_project_is_not_an_orphan(
    layout: Layout, started: Starter, tmp_path: Path
) -> None:
    other = Layout(state_dir=tmp_path / "other" / ".gatewayctl")
    process = started("/bin/sleep", "60", env=mark(other))
    started("/bin/sleep", "60", env={MARK: str(layout.state_dir) + "-too"})

    assert orphans.find_orphans(layout) == []
    assert pids(orphans.find_orphans(other)) == {process.pid}


def test_a_process_with_the_mark_only_in_its_arguments_is_not_an_orphan(
    layout: Layout, started: Starter
) -> None:
    script = "import sys, time; time.sleep(60)"
    started(sys.executable, "-c", script, f"{MARK}={layout.state_dir}", "supervisord", "postgres")

    assert orphans.find_orphans(layout) == []


@pytest.fixture
def postgres(tmp_path: Path) -> str:
    """A program named postgres, like PostgreSQL's processes."""
    program = tmp_path / "bin" / "postgres"
    program.parent.mkdir()
    shutil.copy(str(shutil.which("sleep")), program)
    return str(program)


def test_postgresql_is_recognized_by_its_data_folder(
    layout: Layout, started: Starter, postgres: str, tmp_path: Path
) -> None:
    layout.postgres_data.mkdir()
    ours = started(postgres, "60", cwd=layout.postgres_data)
    started(postgres, "60", cwd=tmp_path)
    started(postgres, "60", cwd=layout.postgres_home)
    started("/bin/sleep", "60", cwd=layout.postgres_data)

    assert pids(orphans.find_orphans(layout)) == {ours.pid}


def test_a_zombie_is_not_an_orphan(layout: Layout, started: Starter) -> None:
    process = started("/bin/true", env=mark(layout))
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    assert orphans.find_orphans(layout) == []


def test_orphans_are_asked_to_end(layout: Layout, started: Starter) -> None:
    process = started("/bin/sleep", "60", env=mark(layout))

    assert orphans.end_processes(orphans.find_orphans(layout)) == 1

    assert not psutil.pid_exists(process.pid)
    assert orphans.find_orphans(layout) == []


def test_an_orphan_that_refuses_to_end_is_killed(layout: Layout, started: Starter) -> None:
    process = started(sys.executable, "-S", "-u", "-c", IGNORES_TERM, env=mark(layout))
    assert process.stdout is not None
    process.stdout.readline()

    orphans.end_processes(orphans.find_orphans(layout), patience=0.05)

    assert not psutil.pid_exists(process.pid)


def test_postgresql_gets_sigint_so_that_it_does_not_wait_for_clients(
    layout: Layout, started: Starter, postgres: str
) -> None:
    layout.postgres_data.mkdir()
    process = started(postgres, "60", cwd=layout.postgres_data)
    found = orphans.find_orphans(layout)

    orphans.end_processes(found)

    assert found[0].wait() == -signal.SIGINT
    assert not psutil.pid_exists(process.pid)


def test_a_process_tree_is_the_process_and_all_its_descendants(started: Starter) -> None:
    process = started("/bin/sh", "-c", "/bin/sleep 60 & echo $!; wait")
    assert process.stdout is not None
    child = int(process.stdout.readline())

    assert pids(orphans.process_tree(process.pid)) == {process.pid, child}
    os.kill(child, signal.SIGKILL)


def test_no_pid_and_an_ended_process_have_an_empty_tree(started: Starter) -> None:
    process = started("/bin/true")
    process.wait()

    assert orphans.process_tree(None) == []
    assert orphans.process_tree(process.pid) == []


def test_waiting_ends_when_the_last_process_has_ended(layout: Layout, started: Starter) -> None:
    started("/bin/true", env=mark(layout)).wait()

    assert orphans.wait_until_gone(layout, seconds=60) == []


def test_processes_that_still_run_are_returned_when_the_time_is_up(
    layout: Layout, started: Starter
) -> None:
    process = started("/bin/sleep", "60", env=mark(layout))

    assert pids(orphans.wait_until_gone(layout, seconds=0.01)) == {process.pid}


def test_processes_that_do_not_exit_in_time_are_ended(started: Starter) -> None:
    process = started("/bin/sleep", "60")

    orphans.wait_for_exit([psutil.Process(process.pid)], seconds=0)

    assert not psutil.pid_exists(process.pid)


def test_a_zombie_that_its_parent_does_not_reap_is_not_waited_for(started: Starter) -> None:
    script = "import subprocess, time; p = subprocess.Popen(['/bin/sleep', '60']); print(p.pid)"
    parent = started(sys.executable, "-S", "-u", "-c", f"{script}; time.sleep(60)")
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    child.kill()

    orphans.wait_for_exit([child], seconds=3600)

    assert child.status() == psutil.STATUS_ZOMBIE


def test_a_project_is_supervised_if_the_process_of_its_pid_file_has_its_mark(
    tmp_path: Path,
) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux has /proc")
    own, copy = (Layout(state_dir=tmp_path / name) for name in ("own", "copy"))
    marked = {MARK: str(own.state_dir)}
    argv = [sys.executable, "-S", "-E", "-c", "import sys; print(flush=True); sys.stdin.read()"]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, env=marked, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        process.stdout.readline()
        for layout in (own, copy):
            layout.make()
            layout.supervisor_pid.write_text(f"{process.pid}\n")

        assert is_supervised(own)
        assert not is_supervised(copy)
    assert not is_supervised(own)
    own.supervisor_pid.write_text("half")
    assert not is_supervised(own)
    own.supervisor_pid.unlink()
    assert not is_supervised(own)
