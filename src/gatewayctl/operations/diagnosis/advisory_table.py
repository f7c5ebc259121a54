"""Known problems of LiteLLM releases: malicious ones, vulnerabilities, tracing bugs.

Each row names its source. Vulnerabilities only of releases before 1.83.0 are not listed: those
releases have others that are. After a change set CHECKED to the day of it. Owns the data only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

CHECKED: Final = date(2026, 11, 29)
"""The day on which the table was last compared with its sources."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """Releases from ``since`` (the first if empty) up to, but not including, ``fixed_in`` have it.

    ``fixed_in`` has the first fixed version of each release line that got a fix, in order: a line
    without one is affected up to the last of them. ``versions`` lists single versions instead, and
    ``digests`` images (``sha256:…``). ``package_only``: the container image is not affected;
    ``image_only``: only the image is. ``unconfirmed``: reported by others, neither confirmed nor
    denied by LiteLLM.
    """

    id: str
    finding: Literal["litellm_malicious", "litellm_vulnerable", "litellm_bad_tracing"]
    summary: str
    source: str
    since: str = ""
    fixed_in: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    package_only: bool = False
    image_only: bool = False
    unconfirmed: bool = False


ADVISORIES: Final = (
    Advisory(
        id="MAL-2026-2144",
        finding="litellm_malicious",
        summary="the package on PyPI was replaced by one that steals credentials",
        source="osv.dev MAL-2026-2144, LiteLLM #24512, #24518",
        versions=("1.82.7", "1.82.8"),
        package_only=True,
    ),
    Advisory(
        id="LiteLLM-48117",
        finding="litellm_malicious",
        summary="the packages and images published on 2026-10-21 were malicious, and signed with "
        "LiteLLM's own key",
        source="LiteLLM discussions 48117 and 48242",
        versions=("1.107.0",),
    ),
    Advisory(
        id="CVE-2026-114612",
        finding="litellm_vulnerable",
        summary="an internal user becomes administrator and runs commands on the host, "
        "because the salt key also signs sessions",
        source="GHSA-7hp6-4w63-5g45",
        since="1.91.0",
        fixed_in=("1.100.4", "1.101.3", "1.102.2", "1.103.1"),
    ),
    Advisory(
        id="CVE-2026-84377",
        finding="litellm_vulnerable",
        summary="any key sends the provider's credentials to another server through api_base "
        "and the like",
        source="GHSA-3cv6-jpf6-8222",
        fixed_in=(
            "1.88.6",
            "1.89.7",
            "1.90.7",
            "1.91.5",
            "1.92.2",
            "1.93.2",
            "1.94.3",
            "1.95.1",
            "1.96.2",
        ),
    ),
    Advisory(
        id="GHSA-g5ff-637f-6q2m",
        finding="litellm_vulnerable",
        summary="a viewer reads any local file through vertex_ai_credentials",
        source="GHSA-g5ff-637f-6q2m",
        fixed_in=("1.95.0",),
    ),
    Advisory(
        id="CVE-2026-59822",
        finding="litellm_vulnerable",
        summary="the MCP server accepts calls without a valid key; exploited",
        source="GHSA-7488-6r32-c95q",
        fixed_in=("1.84.0",),
    ),
    Advisory(
        id="CVE-2026-49468",
        finding="litellm_vulnerable",
        summary="a Host header bypasses the key check",
        source="GHSA-4xpc-pv4p-pm3w",
        fixed_in=("1.84.0",),
    ),
    Advisory(
        id="CVE-2026-135287",
        finding="litellm_vulnerable",
        summary="any key registers logging callbacks that send all prompts elsewhere",
        source="GHSA-34v7-jqrg-944p",
        since="1.62.4",
        fixed_in=("1.84.0",),
    ),
    Advisory(
        id="CVE-2026-12773",
        finding="litellm_vulnerable",
        summary="the MCP proxy does not check the caller",
        source="PYSEC-2026-4067",
        fixed_in=("1.84.0",),
    ),
    Advisory(
        id="CVE-2026-47101",
        finding="litellm_vulnerable",
        summary="an internal user creates keys for routes of administrators",
        source="GHSA-qrc4-49gv-mv9m",
        fixed_in=("1.83.14",),
    ),
    Advisory(
        id="CVE-2026-47102",
        finding="litellm_vulnerable",
        summary="a user becomes administrator through /user/update",
        source="PYSEC-2026-2600",
        fixed_in=("1.83.10",),
    ),
    Advisory(
        id="CVE-2026-40217",
        finding="litellm_vulnerable",
        summary="escape from a guardrail of custom code",
        source="GHSA-wxxx-gvqv-xp7p",
        since="1.81.8",
        fixed_in=("1.83.10",),
    ),
    Advisory(
        id="CVE-2026-59819",
        finding="litellm_vulnerable",
        summary="a caller reads a local file",
        source="GHSA-4g5m-c9r5-49xf",
        fixed_in=("1.83.10",),
    ),
    Advisory(
        id="GHSA-hx8v-g79f-8w5f",
        finding="litellm_vulnerable",
        summary="user_config sends requests to any server",
        source="GHSA-hx8v-g79f-8w5f, PYSEC-2026-4070",
        fixed_in=("1.83.9",),
    ),
    Advisory(
        id="CVE-2026-42208",
        finding="litellm_vulnerable",
        summary="SQL injection while a key is checked, without a key; exploited",
        source="GHSA-r75f-5x8p-qvmc",
        since="1.81.16",
        fixed_in=("1.83.7",),
    ),
    Advisory(
        id="CVE-2026-42271",
        finding="litellm_vulnerable",
        summary="command execution through an MCP server on stdio; exploited",
        source="GHSA-v4p8-mg3p-g94g",
        since="1.74.2",
        fixed_in=("1.83.7",),
    ),
    Advisory(
        id="CVE-2026-42203",
        finding="litellm_vulnerable",
        summary="template injection in /prompts/test",
        source="GHSA-xqmj-j6mv-4862, CVE-2026-37004",
        fixed_in=("1.83.7",),
    ),
    Advisory(
        id="CVE-2026-59820",
        finding="litellm_vulnerable",
        summary="a path leads out of its folder",
        source="GHSA-5jmr-gcrj-2c9q",
        fixed_in=("1.83.7",),
    ),
    Advisory(
        id="CVE-2026-35030",
        finding="litellm_vulnerable",
        summary="one user's login is taken for another's",
        source="CVE-2026-35030, CVE-2026-35029, GHSA-69x8-hrgq-fjj8",
        fixed_in=("1.83.0",),
    ),
    Advisory(
        id="CVE-2026-102999",
        finding="litellm_vulnerable",
        summary="with CVE-2026-102998 and CVE-2026-103000: a crafted PDF occupies the image's "
        "pypdf (before 6.19.0), as a distributor of LiteLLM reports",
        source="GHSA-v247-6f48-mgcj, osv.dev MINI-6m45-7w2f-cjxg",
        fixed_in=("1.99.3", "1.101.1"),
        image_only=True,
        unconfirmed=True,
    ),
    Advisory(
        id="CVE-2026-12772",
        finding="litellm_vulnerable",
        summary="with CVE-2026-12795 and CVE-2026-12796: reported by Snyk without a fixed version",
        source="LiteLLM #35541",
        since="1.94.0",
        fixed_in=("1.98.0",),
        unconfirmed=True,
    ),
    Advisory(
        id="CVE-2026-136535",
        finding="litellm_vulnerable",
        summary="command injection through MCP on stdio, with a key; no fixed version is named",
        source="ZDI-CAN-31815",
        versions=("1.88.0",),
        unconfirmed=True,
    ),
    Advisory(
        id="CVE-2026-136537",
        finding="litellm_vulnerable",
        summary="key management without an authorization check, with a key; no fixed version "
        "is named",
        source="ZDI-CAN-32342",
        versions=("1.92.0",),
        unconfirmed=True,
    ),
    Advisory(
        id="CVE-2026-136538",
        finding="litellm_vulnerable",
        summary="model aliases of a key open other models; no fixed version is named",
        source="ZDI-CAN-32649",
        versions=("1.95.0",),
        unconfirmed=True,
    ),
    Advisory(
        id="CVE-2026-136539",
        finding="litellm_vulnerable",
        summary="code injection through a pass-through endpoint, with a key; no fixed version "
        "is named",
        source="ZDI-CAN-31433",
        versions=("1.83.14",),
        unconfirmed=True,
    ),
    Advisory(
        id="LiteLLM-27388",
        finding="litellm_bad_tracing",
        summary="spans for Phoenix are not sent",
        source="LiteLLM #27388",
        versions=("1.83.10",),
    ),
)
