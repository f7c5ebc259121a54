"""A program kubectl whose cluster is a folder: its pods are a file, each served by a local port.

``pods.json`` maps a pod to its ``service``, ``port`` (of this machine), ``ready``, ``phase``,
``deleted`` and ``lost`` (its node does not answer). `get pods --watch` prints what changes there;
`port-forward` leads to the pod's port and ends when the pod is gone or lost. Run with the folder in
``FAKE_CLUSTER``; while it has a file ``down``, the API server does not answer.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

CLUSTER = Path(os.environ.get("FAKE_CLUSTER", ""))
REFUSED = "The connection to the server 10.1.2.3:6443 was refused - did you specify the right host?"


def pods() -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((CLUSTER / "pods.json").read_text())
        return found
    except (OSError, ValueError):
        return {}


def show(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def require_cluster() -> None:
    if (CLUSTER / "down").exists():
        sys.exit(REFUSED)


def watch() -> None:
    """One line an event, as the template of the supervisor has it."""
    known: dict[str, Any] = {}
    while True:
        require_cluster()
        now = pods()
        for name, pod in {**known, **now}.items():
            if known.get(name) == now.get(name):
                continue
            event = "DELETED" if name not in now else "MODIFIED" if name in known else "ADDED"
            deleted = "2026-11-29T12:00:00Z" if pod.get("deleted") else ""
            ready = "True" if pod.get("ready", True) else "False"
            phase = pod.get("phase", "Running")
            show("|".join((event, name, pod["service"], phase, deleted, ready)))
        known = now
        time.sleep(0.02)


def forward(pod: str, remotes: list[str]) -> None:
    if pod not in pods():
        sys.exit(f'Error from server (NotFound): pods "{pod}" not found')
    if pods()[pod].get("lost"):
        sys.exit("error: unable to upgrade connection: no answer from the node")
    for remote in remotes:
        listener = socket.create_server(("127.0.0.1", 0))
        show(f"Forwarding from 127.0.0.1:{listener.getsockname()[1]} -> {remote}")
        threading.Thread(target=accept, args=(listener, pod), daemon=True).start()
    while not pods().get(pod, {"lost": True}).get("lost"):
        require_cluster()
        time.sleep(0.02)
    sys.exit("error: lost connection to pod")


def accept(listener: socket.socket, pod: str) -> None:
    while True:
        near, _ = listener.accept()
        far = socket.create_connection(("127.0.0.1", pods()[pod]["port"]))
        for one, other in ((near, far), (far, near)):
            threading.Thread(target=copy, args=(one, other), daemon=True).start()


def copy(one: socket.socket, other: socket.socket) -> None:
    try:
        while data := one.recv(65536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)
    except OSError:
        other.close()


def main() -> None:
    words = sys.argv[1:]
    require_cluster()
    if "--watch" in words:
        watch()
    elif "port-forward" in words:
        (target,) = (word for word in words if word.startswith("pod/"))
        forward(target[4:], [word[1:] for word in words if word.startswith(":")])
    else:
        sys.exit(f"not faked: {words}")


if __name__ == "__main__":
    main()
