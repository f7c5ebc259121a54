from __future__ import annotations

from gatewayctl.errors import GatewayctlError
from gatewayctl.operations.diagnosis.findings.table import FINDINGS
from tests.unit.test_errors import CLASSES


def test_every_finding_has_a_title_a_meaning_and_a_remedy_in_sentences() -> None:
    for finding in FINDINGS.values():
        assert finding.title, finding.id
        assert finding.meaning.endswith("."), finding.id
        assert finding.remedy[0].isupper(), finding.id
        assert finding.remedy.endswith("."), finding.id


def test_a_finding_and_the_failure_of_the_same_code_have_one_remedy() -> None:
    failures: dict[str, type[GatewayctlError]] = {kind.code: kind for kind in CLASSES}
    shared = failures.keys() & FINDINGS.keys()

    assert len(shared) > 10
    assert {code: FINDINGS[code].remedy for code in shared} == {
        code: failures[code].remedy for code in shared
    }
