"""References to container images: is one valid, and does it name a version?

Owns the grammar (distribution/reference, as the engine parses it). Must not know any setting.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from gatewayctl.network import is_host
from gatewayctl.settings.problems import quote

_PART: Final = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_HOST: Final = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.\-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?"
_REFERENCE: Final = re.compile(
    rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.\-]{0,127}))?(?P<digest>@sha256:[0-9a-f]{64})?"
)
_MAX_LENGTH: Final = 400
_NUMBERS: Final = re.compile(r"(?:^|[:v-])(\d+)\.(\d+)\.(\d+)(?P<early>[-.]?(?:rc|dev|nightly))?")
_MOVING: Final = frozenset({"latest", "main", "lts", "nightly", "edge", "stable", "rc", "dev"})
_REGISTRY: Final = re.compile(rf"(?P<host>{_HOST})(?:/{_PART})*")


Version = tuple[int, ...]


class Reference(NamedTuple):
    """The parts of an image's name; tag and digest may be empty, the digest starts with sha256:."""

    repository: str
    tag: str
    digest: str


def split_reference(image: str) -> Reference:
    """Split a valid name: ``host:5000/a/b:tag@sha256:…``."""
    name, _, digest = image.partition("@")
    folder, slash, last = name.rpartition("/")
    repository, _, tag = last.partition(":")
    return Reference(f"{folder}{slash}{repository}", tag, digest)


def explain_invalid_registry(value: Any) -> str:
    """Why this is not a registry, as a sentence without its subject; empty if it is one."""
    found = _REGISTRY.fullmatch(value) if isinstance(value, str) else None
    if found is not None and is_host(found["host"]):
        return ""
    return (
        f"must be a registry such as registry.example.com/mirror, without https://, not"
        f" {quote(value)}"
    )


def explain_invalid(value: Any) -> str:
    """Why this is not an image, as a sentence without its subject; empty if it is one."""
    if isinstance(value, str) and len(value) <= _MAX_LENGTH and _REFERENCE.fullmatch(value):
        return ""
    return f"must be an image such as registry/name:version, not {quote(value)}"


def explain_unpinned(value: str) -> str:
    """Why an image can change under its name; empty if it has a version or digest."""
    found = _REFERENCE.fullmatch(value)
    if found is None or found["digest"] or found["tag"] not in {None, "latest"}:
        return ""
    why = "changes without notice" if found["tag"] else "means the latest image"
    return f"must have a version or a digest: {quote(value)} {why}"


def match_version(text: str) -> re.Match[str] | None:
    """Find the three numbers in a version or in an image's tag; ``early`` if it is no release."""
    return _NUMBERS.search(text.partition("@")[0].rpartition("/")[2])


def parse_version(text: str) -> Version | None:
    """Parse the three numbers of a version or of an image's tag; None if there are none."""
    found = match_version(text)
    return None if found is None else tuple(int(number) for number in found.groups()[:3])


def is_moving_tag(image: str) -> bool:
    """True for an image whose tag can change its content; a digest never does."""
    if "@sha256:" in image:
        return False
    tag = image.rpartition("/")[2].partition(":")[2]
    words = set(re.split(r"[-_.]", tag))
    return not tag or (not words.isdisjoint(_MOVING) and parse_version(f":{tag}") is None)
