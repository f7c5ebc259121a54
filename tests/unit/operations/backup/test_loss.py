"""What a reset loses, counted before it."""

from __future__ import annotations

from pathlib import Path

from gatewayctl.gateway.client import GatewayClient
from gatewayctl.operations.backup.loss import Loss, measure_loss
from gatewayctl.settings.model import Settings
from tests.fakes.answers import silent_stack
from tests.fakes.litellm import FakeLiteLLM, served
from tests.fakes.projects import project
from tests.fakes.runtime import FakeRuntime, up_and_running

UNKNOWN = Loss(keys=None, spend=None)


def test_the_loss_is_counted_over_all_keys(
    settings: Settings, gateway: GatewayClient, stack: FakeLiteLLM
) -> None:
    stack.add("sk-one-0123456789abcdef", "one", spend=0.25)
    stack.add("sk-two-0123456789abcdef", "two", spend=None)
    stack.add("sk-three-0123456789abcdef", "three", spend=1.5)

    lost = measure_loss(settings, gateway, up_and_running())

    assert (lost.keys, lost.spend) == (3, 1.75)
    assert (lost.foreign_keys, lost.undeclared_keys) == (("one", "two", "three"), ())
    assert (lost.requests, lost.traces) == (7, 4)
    assert (lost.size, lost.traces_size) == (4096, 4096)


def test_keys_of_the_project_that_are_not_declared_are_named_apart(
    settings: Settings, gateway: GatewayClient, stack: FakeLiteLLM
) -> None:
    ours = {"created_by": "gatewayctl", "project": "shop"}
    stack.add("sk-dev-0123456789abcdef", "litellm-dev", metadata=ours)
    old = {**ours, "gatewayctl_alias": "litellm-dev"}
    stack.add("sk-old-0123456789abcdef", "litellm-dev@old-1", metadata=old)
    stack.add("sk-batch-0123456789abcdef", "batch", metadata=ours)
    stack.add("sk-other-0123456789abcdef", "app", metadata={**ours, "project": "other"})
    stack.add("sk-nameless-0123456789abcdef")

    lost = measure_loss(settings, gateway, up_and_running())

    assert (lost.undeclared_keys, lost.foreign_keys) == (("batch",), ("app", "sk-...cdef"))


def test_counting_the_loss_starts_nothing(settings: Settings, gateway: GatewayClient) -> None:
    runtime = FakeRuntime()

    lost = measure_loss(settings, gateway, runtime)

    assert runtime.calls == []
    assert (lost.requests, lost.size, lost.traces, lost.traces_size) == (None, None, None, None)


def test_the_loss_is_unknown_when_the_gateway_does_not_run(settings: Settings) -> None:
    with served(silent_stack()) as client:
        assert measure_loss(settings, client, FakeRuntime()) == UNKNOWN


def test_the_loss_is_unknown_when_the_gateway_refuses_the_master_key(
    settings: Settings, gateway: GatewayClient, stack: FakeLiteLLM
) -> None:
    stack.master = "sk-another-master-key"

    assert measure_loss(settings, gateway, FakeRuntime()) == UNKNOWN


def test_the_loss_is_unknown_without_a_master_key(tmp_path: Path, gateway: GatewayClient) -> None:
    assert measure_loss(project(tmp_path / "empty"), gateway, FakeRuntime()) == UNKNOWN
