"""How the query engine starts, ends, and handles the loss of its database or its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running_engine import POOL_SIZE, TABLES, running, wait_until
from tests.e2e.scratch_postgres import PASSWORD, ScratchPostgres, scratch_postgres

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def server(
    embedded_environment: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ScratchPostgres]:
    folder = tmp_path_factory.mktemp("postgres")
    with scratch_postgres(embedded_environment.postgres_bin, folder) as running:
        running.sql(TABLES)
        yield running


def test_the_version_is_printed_without_node(embedded_environment: Any) -> None:
    done = subprocess.run(
        [str(embedded_environment.query_engine), "--version"],
        env={"PATH": os.defpath, "GATEWAYCTL_NODE": "/nowhere"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "query-engine 393aa359c9ad4a4bb28630fb5613f9c281cde053\n"


def _prisma(environment: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
    stub = environment.query_engine.parent / "prisma"
    return subprocess.run(
        [str(stub), *arguments],
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_prisma_stub_reports_no_difference(embedded_environment: Any) -> None:
    done = _prisma(embedded_environment, "migrate", "diff", "--from-url", "x", "--script")
    assert (done.returncode, done.stdout) == (0, "-- This is an empty migration.\n")


@pytest.mark.parametrize("arguments", [("migrate", "deploy"), ("db", "push"), ()])
def test_the_prisma_stub_never_pretends_to_change_anything(
    embedded_environment: Any, arguments: tuple[str, ...]
) -> None:
    done = _prisma(embedded_environment, *arguments)
    assert done.returncode == 1
    assert "gatewayctl applies the migrations itself" in done.stderr


def test_the_engine_survives_a_restart_of_the_database(
    embedded_environment: Any, server: ScratchPostgres, tmp_path: Path
) -> None:
    one = 'mutation { result: queryRaw(query: "SELECT 1", parameters: "[]") }'
    with running(embedded_environment, server, tmp_path) as engine:
        # As many as the pool has: a connection lost inside a transaction must return to it.
        open_transactions = [engine.begin() for _ in range(POOL_SIZE)]
        server.stop()
        try:
            assert engine.error_code(one) == "P1001"
            for each in open_transactions:
                engine.post(f"/transaction/{each}/commit", {})
            assert engine.error_code(one) == "P1001"
        finally:
            server.start()
        for _ in range(POOL_SIZE + 1):
            assert engine.raw("SELECT 1 AS one")["rows"] == [[1]]
        assert engine.process.poll() is None
        assert PASSWORD not in engine.log.read_text()


def test_the_engine_can_start_before_the_database(
    embedded_environment: Any, server: ScratchPostgres, tmp_path: Path
) -> None:
    server.stop()
    try:
        with running(embedded_environment, server, tmp_path) as engine:
            code = engine.error_code("query { result: findManyTeam { id } }")
            assert code == "P1001"
            server.start()
            assert engine.raw("SELECT 1 AS one")["rows"] == [[1]]
    finally:
        server.start()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_engine_ends_quickly_on_a_signal(
    embedded_environment: Any, server: ScratchPostgres, tmp_path: Path, number: signal.Signals
) -> None:
    with running(embedded_environment, server, tmp_path) as engine:
        engine.begin(timeout=300_000)  # a busy connection must not delay it
        engine.process.send_signal(number)
        assert engine.process.wait(60) == 0


def test_the_engine_ends_when_its_parent_is_killed(
    embedded_environment: Any, server: ScratchPostgres, tmp_path: Path
) -> None:
    parent = (
        "import subprocess, sys; child = subprocess.Popen(sys.argv[1:]); "
        "print(child.pid, flush=True); child.wait()"
    )
    wrapper = (sys.executable, "-c", parent)
    with running(embedded_environment, server, tmp_path, wrapper=wrapper) as engine:
        child = int(engine.log.read_text().split()[0])
        assert Path(f"/proc/{child}/comm").read_text().strip() == "query-engine"
        engine.process.kill()
        engine.process.wait()
        wait_until(lambda: not _alive(child), "the engine outlived its parent")


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
