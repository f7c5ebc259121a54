"""A PostgreSQL server for one test module, removed afterwards."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gatewayctl.runtimes.embedded.postgres.privileges import choose_postgres_user
from tests.e2e.conftest import free_ports

PASSWORD = "scratch-password"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScratchPostgres:
    """Where the server listens and how to stop and start it."""

    binaries: Path
    data: Path
    port: int
    prefix: tuple[str, ...] = field(default=())

    def environment(self, database: str = "postgres") -> dict[str, str]:
        return {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": "postgres",
            "PGDATABASE": database,
            "PGPASSWORD": PASSWORD,
        }

    def start(self) -> None:
        """Start the server if it does not run."""
        if (self.data / "postmaster.pid").exists():
            return
        # Not captured: the server would keep the pipe open.
        options = f"-p {self.port} -k '' -c fsync=off -c listen_addresses=127.0.0.1"
        log = str(self.data / "server.log")
        self._run("pg_ctl", "-D", str(self.data), "-o", options, "-l", log, "-w", "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "stop")

    def sql(self, text: str, database: str = "postgres") -> str:
        done = subprocess.run(
            [str(self.binaries / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"],
            input=text,
            env=self.environment(database),
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def initialize(self) -> None:
        secret = self.data.parent / "password"
        secret.write_text(PASSWORD)
        options = ("-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", "--no-sync")
        self._run("initdb", "-D", str(self.data), *options, f"--pwfile={secret}")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [*self.prefix, str(self.binaries / program), *arguments],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.data.parent,
        )


@contextmanager
def scratch_postgres(binaries: Path, folder: Path) -> Iterator[ScratchPostgres]:
    """A running server in ``folder``; stopped and removed when the block ends."""
    data = folder / "data"
    data.mkdir(parents=True)
    user = choose_postgres_user()
    user.own(data)
    (port,) = free_ports(1)
    server = ScratchPostgres(binaries=binaries, data=data, port=port, prefix=user.prefix)
    server.initialize()
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
