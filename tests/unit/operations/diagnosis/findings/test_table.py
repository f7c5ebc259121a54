from __future__ import annotations

from gatewayctl.errors import GatewayctlError
from gatewayctl.operations.diagnosis.findings.table import FINDINGS
from tests.unit.test_errors import CLASSES


def test_a_finding_and_the_failure_of_the_same_code_have_one_remedy() -> None:
    failures: dict[str, type[GatewayctlError]] = {kind.code: kind for kind in CLASSES}
    shared = failures.keys() & FINDINGS.keys()

    assert len(shared) > 10
    assert {code: FINDINGS[code].remedy for code in shared} == {
        code: failures[code].remedy for code in shared
    }
