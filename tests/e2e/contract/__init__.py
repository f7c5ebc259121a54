"""What every runtime promises, run for real: once written, once run for each runtime."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.e2e.contract.promises", "tests.e2e.contract.asking")
