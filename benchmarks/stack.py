"""A project of the benchmark's own on free ports, its databases, and a stopwatch."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from gatewayctl.runtimes.embedded.environment import locate

PROGRAM = Path(sys.executable).with_name("gatewayctl")
PORTS = ("litellm", "phoenix", "phoenix_grpc", "postgres_litellm")


def seconds(
    argv: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> float:
    """Wall time of a whole process. Raises SystemExit with what it printed if it fails."""
    began = time.perf_counter()
    done = subprocess.run(
        list(argv), env=env, cwd=cwd, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    took = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{argv[0]}: exit {done.returncode}\n{done.stdout.decode()}")
    return took


def free_ports(count: int) -> list[int]:
    """Ports nobody uses now, below those the kernel gives to outgoing connections."""
    found: list[int] = []
    while len(found) < count:
        port = random.randint(20_000, 32_000)  # noqa: S311 - not a secret
        with socket.socket() as probe:
            if port not in found and probe.connect_ex(("127.0.0.1", port)) != 0:
                found.append(port)
    return found


def declare(folder: Path) -> dict[str, int]:
    """Make a folder an embedded project, whatever else this machine could run; its free ports."""
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    lines = ["runtime: embedded", "ports:"]
    lines += [f"  {service}: {port}" for service, port in ports.items()]
    (folder / "gateway.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return ports


@contextmanager
def project() -> Iterator[tuple[Path, dict[str, int]]]:
    """A folder with a gateway.yaml on free ports; its stack is stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="gatewayctl-bench-") as name:
        folder = Path(name)
        try:
            yield folder, declare(folder)
        finally:
            subprocess.run([str(PROGRAM), "down"], cwd=folder, check=False, capture_output=True)


def gatewayctl(folder: Path, *words: str, program: Path = PROGRAM) -> float:
    """Wall time of one command in that project."""
    env = {name: value for name, value in os.environ.items() if name != "TRACEPARENT"}
    return seconds([str(program), *words], env=env, cwd=folder)


def secrets(folder: Path) -> dict[str, str]:
    """The project's .env."""
    lines = (folder / ".env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def query(folder: Path, ports: Mapping[str, int], database: str, sql: str) -> str:
    """Run SQL in a database of the project; its rows, a line each."""
    users = {"litellm": ("litellm_user", "LITELLM_POSTGRES_PASSWORD")}
    user, variable = users.get(database, ("phoenix_user", "POSTGRES_PASSWORD"))
    done = subprocess.run(
        [str(locate().postgres_bin / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"],
        env={
            "PGHOST": "127.0.0.1",
            "PGPORT": str(ports["postgres_litellm"]),
            "PGUSER": user,
            "PGDATABASE": database,
            "PGPASSWORD": secrets(folder)[variable],
        },
        input=sql,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout.strip()
