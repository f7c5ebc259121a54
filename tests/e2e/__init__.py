"""The real thing: stacks of processes and of containers, driven as a person drives them."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    "tests.e2e.failure",
    "tests.e2e.kills.every_step",
    "tests.e2e.one_change",
    "tests.e2e.reasoning_api",
)
