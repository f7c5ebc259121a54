from __future__ import annotations

import pytest

from gatewayctl.errors import (
    ExternallyManaged,
    GatewayctlError,
    GatewayDatabaseMissing,
    GatewayRefused,
    GatewayTimeout,
    GatewayUnreachable,
    MasterKeyRefused,
    PhoenixUnreachable,
    UnknownModel,
    UpstreamTimeout,
    UsageProblem,
    VirtualKeyMissing,
    VirtualKeyRefused,
)
from gatewayctl.operations.diagnosis.external_hints import fit_hint, fit_remedy

OWNER = ("gatewayctl up", "gatewayctl restart", "gatewayctl logs", "ports:")


@pytest.mark.parametrize(
    "kind",
    [
        *(GatewayUnreachable, GatewayTimeout, PhoenixUnreachable, GatewayDatabaseMissing),
        *(MasterKeyRefused, VirtualKeyRefused, VirtualKeyMissing, GatewayRefused),
    ],
)
def test_no_hint_starts_or_reads_what_others_operate(kind: type[GatewayctlError]) -> None:
    error = kind("It failed.")

    fit_hint(error)

    assert error.hint.endswith(".")
    assert not any(words in error.hint for words in OWNER)


@pytest.mark.parametrize("kind", [UnknownModel, ExternallyManaged, UsageProblem])
def test_other_hints_stay(kind: type[GatewayctlError]) -> None:
    error = kind("It failed.")

    fit_hint(error)

    assert error.hint == kind.remedy


def test_a_sentence_that_anyone_can_follow_stays() -> None:
    error = UpstreamTimeout("late", hint="Try again. See `gatewayctl logs litellm`.")

    fit_hint(error)

    assert error.hint == "Try again. Ask whoever runs the gateway: its log may have the cause."
    assert fit_remedy("Correct gateway.yaml.") == "Correct gateway.yaml."
