"""Bodies and spend logs as LiteLLM 1.108.14 made them."""

from __future__ import annotations

from typing import Any

import pytest

from gatewayctl.errors import GatewayRefused, GuardrailBlocked
from gatewayctl.gateway.guardrails import find_guardrail, find_guardrail_of_log
from gatewayctl.gateway.refusals import parse_refusal_data, translate_refusal

NAMED: dict[str, Any] = {
    "message": "Content blocked: us_ssn pattern detected",
    "type": "invalid_request_error",
    "code": "400",
    "provider_specific_fields": {"pattern": "us_ssn", "guardrail_name": "pii"},
}
RAISED = {"message": "Guardrail raised an exception, Guardrail: block, Message: not here"}
OLDER = {"message": "{'error': 'Violated guardrail policy', 'guardrail': 'block'}", "code": "400"}
UNNAMED = {"message": "Guardrail block failed: forbidden", "code": "500"}


@pytest.mark.parametrize(
    ("inner", "name"),
    [(NAMED, " 'pii'"), (RAISED, " 'block'"), (OLDER, " 'block'"), (UNNAMED, "")],
)
def test_a_block_is_an_error_of_its_own_with_the_guardrail(
    inner: dict[str, Any], name: str
) -> None:
    refusal = parse_refusal_data(400, {"error": inner})

    error = translate_refusal(refusal, role="virtual", address="http://x")

    assert isinstance(error, GuardrailBlocked)
    assert error.message.startswith(f"A guardrail{name} of the gateway blocked the request: ")
    assert "{" not in error.message


@pytest.mark.parametrize("message", ["Guardrail 'x' not found.", "Something else", "", None])
def test_other_refusals_are_none(message: str | None) -> None:
    refusal = parse_refusal_data(400, {"error": {"message": message or "", "code": "400"}})

    assert find_guardrail(message) == ""
    assert isinstance(translate_refusal(refusal, role="virtual", address="x"), GatewayRefused)


@pytest.mark.parametrize(
    ("metadata", "name"),
    [
        (
            {
                "guardrail_information": [
                    {"guardrail_name": "a", "guardrail_status": "success"},
                    {"guardrail_name": "pii", "guardrail_status": "guardrail_intervened"},
                ]
            },
            "pii",
        ),
        ({"error_information": {"error_message": "400: {'guardrail': 'block'}"}}, "block"),
        ({"error_information": {"error_class": "ModifyResponseException"}}, "?"),
        ({"error_information": {"error_class": "BadRequestError", "error_message": "x"}}, ""),
        ({"guardrail_information": "odd", "error_information": None}, ""),
        ({}, ""),
    ],
)
def test_a_spend_log_has_the_guardrail_that_blocked(metadata: dict[str, Any], name: str) -> None:
    assert find_guardrail_of_log(metadata) == name
