"""What every runtime promises, on a real cluster."""

from __future__ import annotations

from tests.e2e.contract.kubernetes import KubernetesStack
from tests.e2e.contract.promises import RuntimeContract


class TestKubernetesRuntime(RuntimeContract):
    stack = KubernetesStack
