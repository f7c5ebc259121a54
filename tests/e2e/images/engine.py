"""Use of the Docker engine: find an image, pull it, import a tree, build.

Must not know what the images are for.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

LABEL: Final = "gatewayctl.stand-in"
"""The label of every stand-in: the digest of what it was built from."""

_PULL_TIMEOUT = 600.0
_REGISTRY_TIMEOUT = 15.0
_LAST_LINES = 15


class Failed(Exception):
    """A failed step, with the last output of its program."""


def run(
    *words: str,
    stdin: int | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> str:
    """Run a program to its end and return what it printed; raises Failed."""
    done = subprocess.run(
        words,
        stdin=subprocess.DEVNULL if stdin is None else stdin,
        capture_output=True,
        text=True,
        env=env,
        cwd=cwd,
        check=False,
    )
    if done.returncode != 0:
        last = (done.stdout + done.stderr).strip().splitlines()[-_LAST_LINES:]
        raise Failed(
            f"{' '.join(words[:3])} …: exit code {done.returncode}\n  " + "\n  ".join(last)
        )
    return done.stdout


def stand_in_key(name: str) -> str | None:
    """The key of a local stand-in of that name; None if there is none."""
    labels = _labels(name)
    return None if labels is None else labels.get(LABEL)


def is_official(name: str) -> bool:
    """True if an image of that name is present and is not a stand-in."""
    labels = _labels(name)
    return labels is not None and LABEL not in labels


def pull(name: str) -> str | None:
    """Pull an image; return None, or why it failed. Requests the manifest first."""
    try:
        subprocess.run(
            ("docker", "manifest", "inspect", name),
            stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=_REGISTRY_TIMEOUT,
        )  # fmt: skip
        subprocess.run(
            ("docker", "pull", "--quiet", name),
            stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=_PULL_TIMEOUT,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "its registry does not answer"
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode(errors="replace").strip().splitlines()[-1:]
        return f"cannot be pulled: {''.join(last)}"
    return None


def import_tree(root: Path, name: str) -> None:
    """Create an image of one layer from a folder."""
    with subprocess.Popen(
        ("tar", "--numeric-owner", "-C", str(root), "-c", "."), stdout=subprocess.PIPE
    ) as tar:
        assert tar.stdout is not None
        run("docker", "import", "-", name, stdin=tar.stdout.fileno())
        if tar.wait() != 0:
            raise Failed(f"tar of {root} ended with {tar.returncode}")


def export_tree(name: str, root: Path) -> None:
    """Write the files of an image to a folder."""
    container = run("docker", "create", name, "true").strip()
    try:
        with subprocess.Popen(("docker", "export", container), stdout=subprocess.PIPE) as tar:
            assert tar.stdout is not None
            root.mkdir()
            run("tar", "--numeric-owner", "-C", str(root), "-x", stdin=tar.stdout.fileno())
            if tar.wait() != 0:
                raise Failed(f"docker export of {name} ended with {tar.returncode}")
    finally:
        run("docker", "rm", container)


def is_here(name: str) -> bool:
    """True if there is an image of that name."""
    return _labels(name) is not None


def build(
    context: Path, name: str, *, labels: Mapping[str, str], arguments: Mapping[str, str]
) -> None:
    """Build a Dockerfile. The classic builder: it needs no frontend from a registry."""
    words = ["docker", "build", "--quiet", "--network", "host", "--tag", name]
    words += [f"--label={key}={value}" for key, value in labels.items()]
    words += [f"--build-arg={key}={value}" for key, value in arguments.items()]
    run(*words, str(context), env={**os.environ, "DOCKER_BUILDKIT": "0"})


def _labels(name: str) -> dict[str, str] | None:
    done = subprocess.run(
        ("docker", "image", "inspect", "--format", "{{json .Config.Labels}}", name),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        return None
    found: dict[str, str] | None = json.loads(done.stdout)
    return found or {}
