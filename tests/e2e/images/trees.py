"""Folders of files that images are made of: a Debian, Python packages, npm packages.

Runs on the machine, where package clients are set up and cached; nothing here talks to the engine.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import zlib
from pathlib import Path
from typing import Final

from uv import find_uv_bin

from gatewayctl.runtimes.embedded.environment import PRISMA
from tests.e2e.images.catalogue import RELEASE
from tests.e2e.images.engine import Failed, run

PYTHON: Final = "3.11"
# Here, because the search is not made for several threads at a time.
_UV: Final = find_uv_bin()
_INCLUDED: Final = "python3,ca-certificates,tzdata"
_UNWANTED: Final = (
    "var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc", "usr/share/man",
    "usr/share/locale", "usr/share/info", "var/log",
)  # fmt: skip

DEBIAN_KEY: Final = f"{RELEASE}-{zlib.crc32(repr((_INCLUDED, _UNWANTED)).encode()):08x}"
"""Names what the Debian below every stand-in is made of."""


def debian(root: Path, release: str = RELEASE, *, included: str = _INCLUDED) -> None:
    """A minimal Debian with Python, from the mirror this machine uses itself."""
    if os.geteuid() != 0 or not Path("/etc/debian_version").is_file():
        raise Failed(
            "the official images cannot be pulled, and stand-ins can be made only on Debian as root"
        )
    if shutil.which("debootstrap") is None:
        run("apt-get", "install", "-qq", "-y", "--no-install-recommends", "debootstrap")
    words = ["debootstrap", "--variant=minbase", f"--include={included}", release, str(root)]
    # The script of every release; debootstrap knows only the names that are older than itself.
    run(*words, _mirror(), "/usr/share/debootstrap/scripts/sid")
    for folder in _UNWANTED:
        shutil.rmtree(root / folder, ignore_errors=True)
        (root / folder).mkdir(parents=True)


def python_packages(target: Path, lock: Path, *more: str) -> None:
    """Install locked packages into a folder, for the Python of the images."""
    machine = platform.machine()
    run(
        _UV, "pip", "install", "--quiet", "--no-build", "--no-deps",
        "--target", str(target), "--python-version", PYTHON,
        "--python-platform", f"{machine}-manylinux_2_36", "--requirements", str(lock), *more,
    )  # fmt: skip


def prisma(target: Path, node: Path) -> None:
    """The Prisma engine of the embedded runtime with its npm packages."""
    shutil.copytree(PRISMA, target, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
    npm = node.parent.parent / "lib/node_modules/npm/bin/npm-cli.js"
    run(
        str(node), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund",
        "--no-update-notifier", cwd=target,
    )  # fmt: skip


def linked(source: Path, target: Path) -> None:
    """Copy a folder as hard links: nobody writes into either."""
    target.parent.mkdir(parents=True, exist_ok=True)
    run("cp", "-al", str(source), str(target))


def programs(packages: Path, folder: Path) -> None:
    """Move the programs of installed packages to ``folder``, to run with the image's Python."""
    folder.mkdir(exist_ok=True)
    for program in (packages / "bin").iterdir():
        first, _, rest = program.read_bytes().partition(b"\n")
        if b"python" in first:
            (folder / program.name).write_bytes(b"#!/usr/bin/python3\n" + rest)
            (folder / program.name).chmod(0o755)
    shutil.rmtree(packages / "bin")


def _mirror() -> str:
    """The address that this machine's own Debian release comes from."""
    release = platform.freedesktop_os_release().get("VERSION_CODENAME", RELEASE)
    sources = Path("/etc/apt")
    stanzas = [
        stanza
        for path in sorted(sources.glob("sources.list.d/*.sources"))
        for stanza in re.split(r"\n\s*\n", path.read_text(encoding="utf-8"))
        if re.search(rf"^Suites:.*\b{release}(\s|$)", stanza, re.MULTILINE)
    ]
    lines = [
        line
        for path in [*sources.glob("sources.list"), *sources.glob("sources.list.d/*.list")]
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.match(rf"deb\s.*\s{release}\s", line)
    ]
    for text in (*stanzas, *lines):
        found = re.search(r"^(?:URIs:|deb\s+(?:\[.*?\])?)\s*(\S+)", text, re.MULTILINE)
        if found:
            return found[1]
    raise Failed("no Debian source found under /etc/apt to make images from")
