"""Which content the configured images have: an optional part of a runtime that uses images.

Owns the Protocol. Must not know where an image is configured.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from gatewayctl.runtimes.base import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureCheck:
    """Whether a signature was verified; ``said`` is by whom it is, or why it was not checked."""

    verified: bool
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageDigest:
    """An image by the name of its setting, with the digest that its tag has now.

    ``image`` is the configured name, ``pinned`` the same with its digest: ``name:tag@sha256:…``.
    """

    name: str
    image: str
    pinned: str
    signature: SignatureCheck


@runtime_checkable
class ImageDigests(Protocol):
    """A runtime whose images have digests."""

    def resolve_digests(self) -> Generator[Progress, None, tuple[ImageDigest, ...]]:
        """Find the digest of each image, pulling the missing ones; starts nothing.

        Raises ImageMissing, RegistryUnreachable, DigestUnknown and SignatureInvalid.
        """
