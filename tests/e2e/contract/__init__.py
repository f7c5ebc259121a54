"""The contract of every runtime: written once, run against each real one."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    "tests.e2e.contract.promises", "tests.e2e.contract.start", "tests.e2e.contract.asking"
)
