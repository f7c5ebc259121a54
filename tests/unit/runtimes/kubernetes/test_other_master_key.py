"""A second checkout of a project that runs: it has none of the secrets that are in use."""

from __future__ import annotations

import pytest

from gatewayctl.runtimes.kubernetes.context import ChosenContext, move_to
from gatewayctl.runtimes.kubernetes.secrets import has_other_master_key
from tests.unit.runtimes.kubernetes.stack import Stack

PLACE = ChosenContext(context="test", server="https://test:6443", namespace="shop")
OTHER = "sk-other-0123456789abcdef"


@pytest.mark.parametrize(
    ("own", "started_here", "expected"),
    [
        ("same", False, False),
        ("same", True, False),
        (OTHER, False, True),
        # A key that was changed where the stack was started is rotated.
        (OTHER, True, False),
        (None, False, True),
        (None, True, True),
    ],
)
def test_the_key_of_a_running_stack_is_only_replaced_where_it_was_started(
    running: Stack, own: str | None, started_here: bool, expected: bool
) -> None:
    if own is None:
        del running.env["LITELLM_MASTER_KEY"]
    elif own != "same":
        running.env["LITELLM_MASTER_KEY"] = own
    settings = running.settings()
    if started_here:
        with move_to(settings, PLACE):
            pass

    assert has_other_master_key(settings, PLACE, run=running.cluster) is expected


def test_a_place_without_the_stack_has_no_key(stack: Stack) -> None:
    del stack.env["LITELLM_MASTER_KEY"]
    stack.cluster.add("Secret", "litellm")["data"] = {"LITELLM_MASTER_KEY": "eA=="}

    assert not has_other_master_key(stack.settings(), PLACE, run=stack.cluster)


def test_a_secret_of_others_is_compared_by_the_start(running: Stack) -> None:
    running.env["LITELLM_MASTER_KEY"] = OTHER
    running.yaml = "kubernetes: {secrets: {from: vault}}\n"

    assert not has_other_master_key(running.settings(), PLACE, run=running.cluster)


def test_a_permission_that_is_missing_is_reported_by_the_start(running: Stack) -> None:
    del running.env["LITELLM_MASTER_KEY"]
    refusal = 'Error from server (Forbidden): User "dev" cannot get resource "secrets"'
    running.cluster.failing.append((("get", "secret/litellm"), refusal))

    assert not has_other_master_key(running.settings(), PLACE, run=running.cluster)
