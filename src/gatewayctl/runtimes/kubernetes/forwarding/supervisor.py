"""The background process that makes LiteLLM and Phoenix in a cluster reachable on local ports.

Run as ``python -m gatewayctl.runtimes.kubernetes.forwarding.supervisor STATE_DIR``. It holds the
lock of its file for as long as it lives, follows the pods, and ends when its specification or the
record of the project's place changes or disappears. Must not know Settings.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from gatewayctl.files.json_text import parse_json
from gatewayctl.files.lock import acquire_lock
from gatewayctl.files.owner import give_to_sudo_user
from gatewayctl.runtimes.kubernetes.forwarding.children import Child
from gatewayctl.runtimes.kubernetes.forwarding.project import LOCK, SPECIFICATION
from gatewayctl.runtimes.kubernetes.forwarding.tunnels import Pod, Route

_LOCK_SECONDS: Final = 2.0
"""A probe of another process holds the lock for a moment."""
_CHECK_SECONDS: Final = 0.5
_LIST_SECONDS: Final = 3.0
"""For the first line of a watch, if there is one."""
_RETRY_SECONDS: Final = (0.2, 5.0)
_COLUMNS: Final = (
    "{.type}",
    "{.object.metadata.name}",
    r"{.object.metadata.labels.app\.kubernetes\.io/name}",
    "{.object.status.phase}",
    "{.object.metadata.deletionTimestamp}",
    '{.object.status.conditions[?(@.type=="Ready")].status}',
)
_BETWEEN: Final = "|"
"""Not a tab: kubectl aligns columns that tabs separate, with blanks."""
_TEMPLATE: Final = "jsonpath=" + _BETWEEN.join(_COLUMNS) + '{"\\n"}'


class Supervisor:
    """One run: the routes of a specification, and what the watch knows about their pods."""

    def __init__(self, specification: Mapping[str, Any]) -> None:
        self._argv: list[str] = specification["kubectl"]
        self._selector: str = specification["selector"]
        self._host: str = specification["host"]
        self._ports: Mapping[str, Mapping[str, int]] = specification["ports"]
        self._said: dict[str, None] = {}
        self._pods: dict[str, tuple[str, Pod]] = {}
        self._servers: list[asyncio.Server] = []
        self._routes = {
            service: Route(service, [int(port) for port in ports], self._argv, self._say)
            for service, ports in self._ports.items()
        }

    async def listen(self) -> None:
        """Listen on every local port. Raises OSError if one is taken."""
        for service, ports in self._ports.items():
            for remote, local in ports.items():
                serve = partial(self._routes[service].serve, int(remote))
                self._servers.append(await asyncio.start_server(serve, self._host, local))

    async def run(self) -> None:
        """Follow the pods and keep the tunnels open, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for route in self._routes.values():
                group.create_task(route.keep_open())
            group.create_task(self._follow_pods())

    async def _follow_pods(self) -> None:
        shortest, longest = _RETRY_SECONDS
        pause = shortest
        while True:
            began = time.monotonic()
            reason = await self._watch()
            if reason:
                self._say(f"the watch of the pods ended: {reason}")
            # A server ends every watch after some minutes: then the next one follows at once.
            pause = shortest if time.monotonic() - began > longest else min(pause * 2, longest)
            await asyncio.sleep(pause)

    async def _watch(self) -> str:
        """Follow the pods until kubectl ends; returns what it complained about."""
        words = ("get", "pods", "--selector", self._selector, "--watch", "--output-watch-events")
        child = await Child.start([*self._argv, *words, "--output", _TEMPLATE])
        # Nothing is printed if there are no pods.
        empty = asyncio.get_running_loop().call_later(_LIST_SECONDS, self._update_without_pods)
        try:
            if line := await child.output.readline():
                # What an earlier watch knew is replaced by what this one lists.
                self._pods.clear()
            empty.cancel()
            while line:
                self._take(line.decode(errors="replace").rstrip("\n"))
                await self._update_routes()
                line = await child.output.readline()
        finally:
            empty.cancel()
            child.kill()
        return await child.wait()

    def _update_without_pods(self) -> None:
        self._pods.clear()
        self._updating = asyncio.create_task(self._update_routes())

    async def _update_routes(self) -> None:
        for service, route in self._routes.items():
            await route.update({pod.name: pod for of, pod in self._pods.values() if of == service})

    def _take(self, line: str) -> None:
        fields = line.split(_BETWEEN)
        if len(fields) != len(_COLUMNS):
            return
        event, name, service, phase, deleted, ready = fields
        if event == "DELETED":
            self._pods.pop(name, None)
            return
        usable = phase == "Running" and not deleted
        self._pods[name] = service, Pod(name=name, ready=ready == "True", usable=usable)

    def _say(self, text: str) -> None:
        """Log what is new: an outage of hours is a few lines."""
        if text in self._said:
            return
        self._said[text] = None
        while len(self._said) > 5:
            del self._said[next(iter(self._said))]
        print(time.strftime("%Y-%m-%dT%H:%M:%S"), text, flush=True)  # noqa: T201 - the log


async def _wait_until_outdated(state_dir: Path, specification: bytes, place: object) -> None:
    """Return when the specification is another one or gone, or the project is in another place."""
    while True:
        try:
            same = (state_dir / SPECIFICATION).read_bytes() == specification
            record = parse_json((state_dir / "kubernetes.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        if not same or record != place:
            return
        await asyncio.sleep(_CHECK_SECONDS)


async def _serve(state_dir: Path, lock: int, text: bytes) -> None:
    specification = parse_json(text.decode())
    supervisor = Supervisor(specification)
    await supervisor.listen()
    _report(lock, ports=specification["ports"])
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    work = (
        supervisor.run(),
        stop.wait(),
        _wait_until_outdated(state_dir, text, specification["place"]),
    )
    tasks = [asyncio.create_task(each) for each in work]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    # At once: connections may be open, and what we started ends with us.
    os._exit(0)


def _report(lock: int, **more: object) -> None:
    """Write what other processes read from the file that is locked."""
    text = json.dumps({"pid": os.getpid(), **more}).encode()
    os.pwrite(lock, text, 0)
    os.ftruncate(lock, len(text))


def main() -> int:
    """Serve the project of a state folder; 0 also if another process does so already."""
    state_dir = Path(sys.argv[1])
    lock = os.open(state_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if not acquire_lock(lock, timeout=_LOCK_SECONDS):
        return 0
    give_to_sudo_user(lock, state_dir.stat())
    _report(lock)
    asyncio.run(_serve(state_dir, lock, (state_dir / SPECIFICATION).read_bytes()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
