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

`doctor` checks for everything below, offline and with nothing running, and changes nothing. `--fix`
applies the safe fixes, reports them, and checks again. It exits with 0 if no error or warning is
left and every check could run, else with 7; `--json` has the id of each finding. A failing `up`
names the finding behind the failure too: `error.finding` in `--json`, and the link in its hint.
Everything keeps running then, so that `gatewayctl status` and `gatewayctl logs` show what happened.

Each section is named after the id of a finding, which never changes.
"""
_AREAS: Final[dict[Area, str]] = {
    "settings": "Settings and files",
    "secrets": "Secrets",
    "machine": "The machine",
    "runtime": "The runtime",
    "services": "Services",
    "gateway": "The gateway",
    "traces": "Traces",
}


def render_page() -> str:
    """Render the whole page."""
    return "\n".join((_HEADER, *map(_render_area, _AREAS)))


def _render_area(area: Area) -> str:
    findings = [finding for finding in FINDINGS.values() if finding.area == area]
    return "\n".join((f"## {_AREAS[area]}\n", *map(_render_finding, findings)))


def _render_finding(finding: Finding) -> str:
    fix = f"\n`gatewayctl doctor --fix` {finding.fix}.\n" if finding.fix else ""
    return (
        f"### {finding.id}\n\n"
        f"**{finding.title}** ({finding.severity}).\n"
        f"{_wrap(finding.meaning)}\n\n"
        f"{_render_remedy(finding.remedy)}\n{fix}"
    )


def _render_remedy(text: str) -> str:
    command = text.startswith(("gatewayctl ", "sudo ", "chmod ", "unset "))
    return f"```sh\n{text}\n```" if command else _wrap(f"What to do: {text}")


def _wrap(text: str) -> str:
    return fill(text, 100, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    sys.stdout.write(render_page())
