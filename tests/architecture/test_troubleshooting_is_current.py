"""``docs/troubleshooting.md`` matches the table of findings, and every reference to it exists."""

from __future__ import annotations

import re
from pathlib import Path

from gatewayctl.operations.diagnosis.causes import CAUSES
from gatewayctl.operations.diagnosis.findings.cluster import CLUSTER
from gatewayctl.operations.diagnosis.findings.document import render_page
from gatewayctl.operations.diagnosis.findings.machine import MACHINE, RUNTIME
from gatewayctl.operations.diagnosis.findings.project import SECRETS, SETTINGS
from gatewayctl.operations.diagnosis.findings.stack import GATEWAY, SERVICES, TRACES
from gatewayctl.operations.diagnosis.findings.table import FINDINGS
from gatewayctl.operations.doctor.checks.fixes import FIXES
from tests.unit.test_errors import CLASSES

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "troubleshooting.md"


def test_the_page_is_what_the_table_generates() -> None:
    assert PAGE.read_text(encoding="utf-8") == render_page(), (
        "Regenerate it: "
        "python -m gatewayctl.operations.diagnosis.findings.document > docs/troubleshooting.md"
    )


def test_every_finding_has_a_section_to_link_to() -> None:
    sections = re.findall(r"^### (\S+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert sections == list(FINDINGS)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", section) for section in sections)


def test_no_id_is_given_twice() -> None:
    areas = (SETTINGS, SECRETS, MACHINE, RUNTIME, CLUSTER, SERVICES, GATEWAY, TRACES)
    ids = [finding.id for area in areas for finding in area]

    assert sorted(ids) == sorted(FINDINGS)


def test_every_cause_and_every_check_refers_to_a_finding_of_the_table() -> None:
    sources = (ROOT / "src" / "gatewayctl").rglob("*.py")
    named = {
        name for path in sources for name in re.findall(r'finding="(\w+)"', path.read_text("utf-8"))
    }

    assert named - set(FINDINGS) == set()
    assert {cause.finding for cause in CAUSES} <= set(FINDINGS)


def test_every_finding_is_detected_somewhere() -> None:
    sources = [
        path.read_text("utf-8")
        for path in (ROOT / "src" / "gatewayctl").rglob("*.py")
        if path.parent.name not in {"findings", "errors"}
    ]
    # By its id, or by the error of that code: where it is raised, or in a table of refusals.
    signs = {name: [f'"{name}"'] for name in FINDINGS}
    for kind in CLASSES:
        signs.setdefault(kind.code, []).extend((f"{kind.__name__}(", f"({kind.__name__}, "))

    undetected = [
        name
        for name in FINDINGS
        if not any(sign in text for sign in signs[name] for text in sources)
    ]
    assert undetected == []


def test_every_finding_with_a_fix_has_one_that_is_applied() -> None:
    assert {name for name, finding in FINDINGS.items() if finding.fix} == set(FIXES)
