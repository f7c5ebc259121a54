"""``embedded`` of gateway.yaml: Python packages that LiteLLM needs in the embedded runtime.

Owns the reading of one section. Must not know which packages there are.
"""

from __future__ import annotations

import re
from typing import Final

from gatewayctl.settings.cursor import Cursor
from gatewayctl.settings.fields import Setting

SETTINGS: Final = {
    "packages": Setting(
        "list of requirements",
        "",
        "Packages from the index for LiteLLM: `langsmith`, `mlflow>=3,<4`. Locked with hashes.",
    ),
}
_NAME: Final = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_VERSION: Final = r"(?:===|==|~=|!=|<=|>=|<|>)\s*[A-Za-z0-9.*+!_-]+"
_REQUIREMENT: Final = re.compile(
    rf"({_NAME})\s*(?:\[\s*{_NAME}(?:\s*,\s*{_NAME})*\s*\])?\s*(?:{_VERSION}(?:\s*,\s*{_VERSION})*)?"
)


def parse_embedded(section: Cursor) -> tuple[str, ...]:
    """Read the packages: names with extras and versions, no addresses, paths or options."""
    section.check_names(SETTINGS)
    found: dict[str, str] = {}
    for item in section.child("packages").items():
        text = item.string()
        if text is None:
            continue
        match = _REQUIREMENT.fullmatch(text.strip())
        if match is None:
            item.add(
                f"{section.path}.packages: '{text}' must be the name of a package, such as mlflow"
                " or 'mlflow>=3,<4'"
            )
        elif normalize(match[1]) in found:
            item.add(f"{section.path}.packages: {match[1]} is given twice")
        else:
            found[normalize(match[1])] = text.strip()
    return tuple(found.values())


def name_of(requirement: str) -> str:
    """The normalized name in a requirement."""
    match = _REQUIREMENT.fullmatch(requirement)
    return normalize(match[1]) if match else requirement


def normalize(name: str) -> str:
    """The name of a package as package indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
