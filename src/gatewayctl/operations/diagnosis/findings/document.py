"""The text of ``docs/troubleshooting.md``, generated from the table of findings.

Owns its wording and order. This prints it:
``python -m gatewayctl.operations.diagnosis.findings.document``
"""

from __future__ import annotations

import re
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

`doctor` checks for everything below and changes nothing; it works offline and with a stopped stack.
`--fix` applies the safe fixes, reports them and checks again. The exit code is 0 if no error or
warning is left and no check failed to run, else 7; `--json` has the id of each finding.

A failed `up` reports its finding too: `error.finding` in `--json`, and the link in its hint. It
leaves everything running, so that `gatewayctl status` and `gatewayctl logs` show what happened.

Each section is named after the id of a finding, which never changes.
"""
_AREAS: Final[dict[Area, str]] = {
    "settings": "Settings and files",
    "secrets": "Secrets",
    "machine": "Machine",
    "runtime": "Runtime",
    "services": "Services",
    "gateway": "Gateway",
    "traces": "Traces",
}


def render_page() -> str:
    """Render the whole page."""
    return "\n".join((_HEADER, *map(_render_area, _AREAS)))


def _render_area(area: Area) -> str:
    findings = [finding for finding in FINDINGS.values() if finding.area == area]
    return "\n".join((f"## {_AREAS[area]}\n", *map(_render_finding, findings)))


def _render_finding(finding: Finding) -> str:
    fix = f"\n{_wrap(f'`gatewayctl doctor --fix` {finding.fix}.')}\n" if finding.fix else ""
    return (
        f"### {finding.id}\n\n"
        f"**{finding.title}** ({finding.severity}).\n"
        f"{_wrap(finding.meaning)}\n\n"
        f"{_render_remedy(finding.remedy)}\n{fix}"
    )


def _render_remedy(text: str) -> str:
    command = re.fullmatch(r"Run `([^`]+)`\.", text)
    return f"```sh\n{command[1]}\n```" if command else _wrap(f"What to do: {text}")


def _wrap(text: str) -> str:
    return fill(text, 100, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    sys.stdout.write(render_page())
