"""References to container images: whether one can be, and whether it says which version.

Owns the grammar (distribution/reference, as the engine reads it). Must not know any setting.
"""

from __future__ import annotations

import re
from typing import Any, Final

from gatewayctl.settings.problems import quote

_PART: Final = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_HOST: Final = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.\-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?"
_REFERENCE: Final = re.compile(
    rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.\-]{0,127}))?(?P<digest>@sha256:[0-9a-f]{64})?"
)
_LONGEST: Final = 400


def fault(value: Any) -> str:
    """Why this names no image, in words that follow the setting's name; empty if it does."""
    if isinstance(value, str) and len(value) <= _LONGEST and _REFERENCE.fullmatch(value):
        return ""
    return f"must name an image, such as registry/name:version, not {quote(value)}"


def find_unpinned_tag(value: str) -> str:
    """Why an image of that name may be another one tomorrow; empty for a version or digest."""
    found = _REFERENCE.fullmatch(value)
    if found is None or found["digest"]:
        return ""
    if found["tag"] is None:
        return f"must name a version or a digest: {quote(value)} means whatever is the latest"
    if found["tag"] == "latest":
        return f"must name a version or a digest: what {quote(value)} is changes without notice"
    return ""
