"""The text of ``docs/troubleshooting.md``, generated from the table of findings.

Owns its wording and order. This prints it:
``python -m gatewayctl.operations.diagnosis.findings.document``
"""

from __future__ import annotations

import sys
from textwrap import fill
from typing import Final

from gatewayctl.operations.diagnosis.findings.finding import Area, Finding
from gatewayctl.operations.diagnosis.findings.table import FINDINGS

_HEADER: Final = """\
# Troubleshooting

```sh
gatewayctl doctor
gatewayctl doctor --fix
```

`doctor` looks for everything below, works offline and with nothing running, and changes nothing.
`--fix` does what is safe, says what it did, and looks again. It exits with 0 when no error and no
warning is left, else with 7; `--json` has the id of each finding. A failing `up` names the finding
behind it too: `error.finding` of `--json`, and the link of its hint. Nothing is torn down then, so
that `gatewayctl status` and `gatewayctl logs` still show what happened.

Each section is named after the id of a finding, which never changes.
"""
_AREAS: Final[dict[Area, str]] = {
    "settings": "Settings and files",
    "secrets": "Secrets",
    "machine": "The machine",
    "runtime": "What runs the services",
    "services": "Services",
    "gateway": "The gateway",
    "traces": "Traces",
}


def render_page() -> str:
    """The whole page."""
    return "\n".join((_HEADER, *map(_area, _AREAS)))


def _area(area: Area) -> str:
    findings = [finding for finding in FINDINGS.values() if finding.area == area]
    return "\n".join((f"## {_AREAS[area]}\n", *map(_section, findings)))


def _section(finding: Finding) -> str:
    fixed = f"\n`gatewayctl doctor --fix` {finding.fix}.\n" if finding.fix else ""
    return (
        f"### {finding.id}\n\n"
        f"**{finding.title}** ({finding.severity}).\n"
        f"{_wrapped(finding.meaning)}\n\n"
        f"{_remedy(finding.remedy)}\n{fixed}"
    )


def _remedy(text: str) -> str:
    command = text.startswith(("gatewayctl ", "sudo ", "chmod ", "unset "))
    return f"```sh\n{text}\n```" if command else _wrapped(f"What to do: {text}")


def _wrapped(text: str) -> str:
    return fill(text, 100, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    sys.stdout.write(render_page())
