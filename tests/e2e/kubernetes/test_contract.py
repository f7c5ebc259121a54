"""What every runtime promises, on a real cluster."""

from __future__ import annotations

import pytest

from tests.e2e.contract.kubernetes import KubernetesStack
from tests.e2e.contract.promises import RuntimeContract


@pytest.mark.timeout(900)
class TestKubernetesRuntime(RuntimeContract):
    stack = KubernetesStack
