"""Known problems of LiteLLM versions: vulnerabilities and tracing bugs, kept as data.

Owns the table and the comparison of versions. Each row names its source. Must not know which
version is running.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

Version = tuple[int, ...]
_NUMBERS: Final = re.compile(r"(?:^|[:v-])(\d+)\.(\d+)\.(\d+)")
MOVING: Final = frozenset({"latest", "main", "lts", "nightly", "edge", "stable", "rc"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """Versions from ``since`` (the first if empty) up to, but not including, ``fixed_in`` have it.

    ``versions`` lists single versions instead. ``package_only``: the container image is not
    affected. ``unconfirmed``: reported by a scanner, neither confirmed nor denied by LiteLLM.
    """

    id: str
    finding: Literal["litellm_vulnerable", "litellm_bad_tracing"]
    summary: str
    source: str
    since: str = ""
    fixed_in: str = ""
    versions: tuple[str, ...] = ()
    package_only: bool = False
    unconfirmed: bool = False


ADVISORIES: Final = (
    Advisory(
        id="MAL-2026-2144",
        finding="litellm_vulnerable",
        summary="the package on PyPI was replaced by one that steals credentials",
        source="osv.dev MAL-2026-2144, LiteLLM #24512, #24518",
        versions=("1.82.7", "1.82.8"),
        package_only=True,
    ),
    Advisory(
        id="CVE-2026-42208",
        finding="litellm_vulnerable",
        summary="SQL injection while a key is checked, without a key; exploited",
        source="GHSA-r75f-5x8p-qvmc",
        since="1.81.16",
        fixed_in="1.83.7",
    ),
    Advisory(
        id="CVE-2026-42271",
        finding="litellm_vulnerable",
        summary="command execution through an MCP server on stdio; exploited",
        source="CVE-2026-42271",
        fixed_in="1.83.7",
    ),
    Advisory(
        id="CVE-2026-42203",
        finding="litellm_vulnerable",
        summary="template injection in /prompts/test",
        source="CVE-2026-42203",
        fixed_in="1.83.7",
    ),
    Advisory(
        id="CVE-2026-40217",
        finding="litellm_vulnerable",
        summary="escape from a guardrail of custom code",
        source="CVE-2026-40217",
        fixed_in="1.83.10",
    ),
    Advisory(
        id="CVE-2026-49468",
        finding="litellm_vulnerable",
        summary="a Host header bypasses the key check",
        source="GHSA-4xpc-pv4p-pm3w",
        fixed_in="1.84.0",
    ),
    Advisory(
        id="CVE-2026-35030",
        finding="litellm_vulnerable",
        summary="one user's login is taken for another's",
        source="CVE-2026-35030, CVE-2026-35029, GHSA-69x8-hrgq-fjj8",
        fixed_in="1.83.0",
    ),
    Advisory(
        id="CVE-2026-12772",
        finding="litellm_vulnerable",
        summary="with CVE-2026-12795 and CVE-2026-12796: reported by Snyk without a fixed version",
        source="LiteLLM #35541",
        since="1.94.0",
        fixed_in="1.98.0",
        unconfirmed=True,
    ),
    Advisory(
        id="LiteLLM #27388",
        finding="litellm_bad_tracing",
        summary="spans for Phoenix are not sent",
        source="LiteLLM #27388",
        versions=("1.83.10",),
    ),
)


def find_advisories(version: str, *, image: bool) -> tuple[Advisory, ...]:
    """Find the advisories about a version, such as ``1.83.5`` or an image ``…:v1.83.5``."""
    found = parse_version(version)
    if found is None:
        return ()
    return tuple(
        advisory
        for advisory in ADVISORIES
        if not (image and advisory.package_only) and _is_affected(advisory, found)
    )


def parse_version(text: str) -> Version | None:
    """Parse the three numbers of a version or of an image's tag; None if there are none."""
    found = _NUMBERS.search(text.partition("@")[0].rpartition("/")[2])
    return None if found is None else tuple(int(number) for number in found.groups())


def is_moving_tag(image: str) -> bool:
    """True for an image whose tag can change its content; a digest never does."""
    if "@sha256:" in image:
        return False
    tag = image.rpartition("/")[2].partition(":")[2]
    words = set(re.split(r"[-_.]", tag))
    return not tag or (not words.isdisjoint(MOVING) and parse_version(f":{tag}") is None)


def _is_affected(advisory: Advisory, version: Version) -> bool:
    if advisory.versions:
        return version in [parse_version(each) for each in advisory.versions]
    since, fixed_in = parse_version(advisory.since) or (0,), parse_version(advisory.fixed_in)
    return since <= version and (fixed_in is None or version < fixed_in)
