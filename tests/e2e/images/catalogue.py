"""The images, and what each stand-in is built from.

Owns names, inputs and the key that decides whether a stand-in is current. Must not know how one is
built (making) nor use the engine (engine).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from gatewayctl.runtimes.embedded.environment import LOCKS, PRISMA
from gatewayctl.settings.model import Images

HERE: Final = Path(__file__).parent
CERTIFICATES: Final = Path("/etc/ssl/certs/ca-certificates.crt")
RELEASE: Final = "bookworm"
"""The Debian release under every stand-in; its Python is 3.11."""

_NAMES: Final = Images()
_COMMON: Final = (HERE / "making.py", HERE / "trees.py")


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image by its official ``name``; ``folder`` contains the stand-in's Dockerfile.

    ``inputs`` are the other files and folders that it is built from; when one changes, the
    stand-in is rebuilt.
    """

    name: str
    folder: Path
    inputs: tuple[Path, ...] = ()

    @cached_property
    def key(self) -> str:
        """A digest of everything that the stand-in is built from."""
        digest = hashlib.sha256()
        for place in (self.folder, *self.inputs, *_COMMON):
            for path in _files(place):
                digest.update(f"{path.name}\0".encode())
                digest.update(path.read_bytes())
        return digest.hexdigest()[:16]


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    skipped = {"node_modules", "__pycache__"}
    return sorted(
        path for path in place.rglob("*") if path.is_file() and not skipped & set(path.parts)
    )


IMAGES: Final = (
    Image(name=_NAMES.postgres, folder=HERE / "postgres", inputs=(LOCKS / "base.txt",)),
    Image(name=_NAMES.redis, folder=HERE / "redis"),
    Image(name="python:3.11-slim", folder=HERE / "python", inputs=(CERTIFICATES,)),
    Image(name=_NAMES.phoenix, folder=HERE / "phoenix", inputs=(LOCKS / "phoenix.txt",)),
    Image(
        name=_NAMES.litellm,
        folder=HERE / "litellm",
        inputs=(LOCKS / "litellm.txt", LOCKS / "base.txt", PRISMA),
    ),
)
