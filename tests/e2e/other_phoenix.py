"""A Phoenix that a team runs for itself, with its login: a second one of the embedded packages."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from gatewayctl.runtimes.embedded.environment import Environment
from tests.e2e.conftest import free_ports

API_KEY = "Team-Phoenix-Key-0123456789abcdefghij"
"""PHOENIX_ADMIN_SECRET: a bearer token of the first administrator."""


@dataclass(frozen=True, kw_only=True)
class OtherPhoenix:
    """Where it answers."""

    url: str

    def spans(self, project: str, trace_id: str) -> list[dict[str, Any]]:
        """The spans of a trace, read with the login."""
        answer = httpx.get(
            f"{self.url}/v1/projects/{project}/spans",
            params={"trace_id": trace_id},
            headers={"authorization": f"Bearer {API_KEY}"},
            timeout=30,
        )
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()["data"]
        return found


@contextmanager
def other_phoenix(environment: Environment, folder: Path) -> Iterator[OtherPhoenix]:
    """A running Phoenix with PHOENIX_ENABLE_AUTH, on SQLite; stopped when the block ends."""
    folder.mkdir(parents=True)
    port, grpc_port = free_ports(2)
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [str(environment.python("phoenix")), "-m", "phoenix.server.main", "serve"],
        env={
            "PATH": str(environment.python("phoenix").parent),
            "HOME": str(folder),
            "PHOENIX_WORKING_DIR": str(folder),
            "PHOENIX_HOST": "127.0.0.1",
            "PHOENIX_PORT": str(port),
            "PHOENIX_GRPC_PORT": str(grpc_port),
            "PHOENIX_ENABLE_AUTH": "true",
            "PHOENIX_SECRET": "abcdefghijklmnopqrstuvwxyz0123456789A",
            "PHOENIX_ADMIN_SECRET": API_KEY,
            "PHOENIX_TELEMETRY_ENABLED": "false",
            "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
            "PHOENIX_DISABLE_AGENT_ASSISTANT": "true",
            "PHOENIX_ENABLE_MCP_SERVER": "false",
        },
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(url, process)
        yield OtherPhoenix(url=url)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while True:
        assert process.poll() is None, "Phoenix ended"
        assert time.monotonic() < deadline, "Phoenix does not start"
        try:
            if httpx.get(f"{url}/healthz", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.25)
