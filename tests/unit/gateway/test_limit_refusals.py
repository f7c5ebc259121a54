from __future__ import annotations

import pytest

from gatewayctl.gateway.limit_refusals import translate_limit

HASH = "f54551aec9c56635c1bb9d6ba29299eb01eb64e45a2c28e6761352353262f275"
RESET = "Remaining: 0. Limit resets at: 2026-11-29 12:55:00 UTC"


# Messages as LiteLLM 1.108.14 sent them.
@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            (
                "Budget has been exceeded! Key=litellm-dev (sk-...039b) Current cost: 5.004, Max"
                " budget: 5.0"
            ),
            "The budget of litellm-dev is spent (5.00 of 5.00 USD).",
        ),
        (
            (
                "Budget has been exceeded! Key=my (own) key (sk-...039b) Current cost: 0.0012, Max"
                " budget: 0.001"
            ),
            "The budget of my (own) key is spent (0.0012 of 0.001 USD).",
        ),
        (
            "Budget has been exceeded! Team=search. Spend=5.1, Budget=5.0.",
            "The budget of the virtual key is spent (5.10 of 5.00 USD).",
        ),
        (
            "ExceededBudget: Key over 1d budget. Spend=$0.0000, Limit=$0.00",
            "The 1d budget of the virtual key is spent (0.00 of 0.00 USD).",
        ),
        (
            "Budget has been exceeded! Team=search Current cost: 2.5e-05, Max budget: 1e-05",
            "The budget of team search is spent (2.5e-05 of 1e-05 USD).",
        ),
        (
            "ExceededBudget: Team=t6 over 1d budget. Spend=$3.0000, Limit=$2.00",
            "The 1d budget of team t6 is spent (3.00 of 2.00 USD).",
        ),
        (
            "ExceededBudget: User=alice over budget. Spend=7.0, Budget=5.0",
            "The budget of user alice is spent (7.00 of 5.00 USD).",
        ),
        (
            "Budget has been exceeded! TeamMember=al:search Current cost: 14.0, Max budget: 10.0",
            "The budget of member al of team search is spent (14.00 of 10.00 USD).",
        ),
        (
            (
                f"Budget has been exceeded! Key={HASH} Current cost: 4.9, Estimated request cost:"
                " 0.2, Max budget: 5.0"
            ),
            (
                "The budget of the virtual key does not cover this call (4.90 of 5.00 USD; this"
                " call may cost 0.20)."
            ),
        ),
        ("Something new.", "A budget is spent: Something new."),
    ],
)
def test_a_spent_budget_says_whose_and_how_much(message: str, expected: str) -> None:
    error = translate_limit("budget_exceeded", message)

    assert (type(error).__name__, str(error)) == ("BudgetSpent", expected)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            f"api_key: {HASH}. Limit type: requests. Current limit: 1, {RESET}",
            (
                "The rate limit of the virtual key is reached: 1 requests a minute, until"
                " 2026-11-29 12:55:00 UTC."
            ),
        ),
        (
            f"model_per_key: {HASH}:demo. Limit type: tokens. Current limit: 9, {RESET}",
            (
                "The rate limit of the virtual key for demo is reached: 9 tokens a minute, until"
                " 2026-11-29 12:55:00 UTC."
            ),
        ),
        (
            f"team: search. Limit type: max_parallel_requests. Current limit: 0, {RESET}",
            "The rate limit of team search is reached: 0 requests at the same time.",
        ),
        ("something", "A rate limit is reached: Rate limit exceeded for something."),
    ],
)
def test_a_reached_rate_says_whose_and_which(message: str, expected: str) -> None:
    error = translate_limit("throttling_error", f"Rate limit exceeded for {message}")

    assert (type(error).__name__, str(error)) == ("RateLimited", expected)


def test_other_refusals_are_left_to_others() -> None:
    assert translate_limit("auth_error", "Key is blocked.") is None
