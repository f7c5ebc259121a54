"""LiteLLM's refusals for a spent budget, a reached rate and a route that a key may not call.

Owns the words of LiteLLM 1.108.14, as seen. Must not know which key was sent: LiteLLM names it by
its alias or its hash.
"""

from __future__ import annotations

import re
from typing import Final

from gatewayctl.errors import BudgetSpent, RateLimited, RouteRefused
from gatewayctl.settings.masking import strip_keys

THIS_KEY: Final = "the virtual key"
"""How a key is called that LiteLLM does not name by its alias."""

_NUMBER: Final = r"(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)"
_SPENT: Final = re.compile(rf"(?:Current cost: |Spend=\$?){_NUMBER}")
_BUDGET: Final = re.compile(rf"(?:Max budget: |Budget=|Limit=\$?){_NUMBER}")
_ESTIMATE: Final = re.compile(rf"Estimated request cost: {_NUMBER}")
_WINDOW: Final = re.compile(r"over (\d+\w+) budget")
_OWNER: Final = re.compile(
    r"(?:! |: )(Key|TeamMember|Team|User|Organization|Tag|Project|EndUser|End User)=(.+?)"
    r"(?= \(sk-| Current cost| over | in Team=)"
)
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_RATE: Final = re.compile(
    r"Rate limit exceeded for (\w+): (.+?)\. Limit type: (\w+)\. Current limit: (\d+)"
    r".*?(?:resets at: (\S+ \S+))?(?: UTC|$)"
)
_RATES: Final = {
    "requests": "requests a minute",
    "tokens": "tokens a minute",
    "max_parallel_requests": "requests at the same time",
}
_ROUTE: Final = re.compile(r"not allowed to call this route.*Tried to call route: (\S+)", re.DOTALL)


def translate_limit(kind: str, message: str) -> BudgetSpent | RateLimited | RouteRefused | None:
    """The error for a refusal of LiteLLM's type ``kind``; None if it is of another cause."""
    if kind == "budget_exceeded":
        return _budget_error(message)
    if kind == "throttling_error":
        return _rate_error(message)
    route = _ROUTE.search(message)
    if route is None:
        return None
    return RouteRefused(f"LiteLLM does not let {THIS_KEY} call the route {route[1].rstrip('.')}.")


def describe_spent(owner: str, spent: float, budget: float, *, window: str = "") -> str:
    """``the budget of litellm-dev is spent (5.00 of 5.00 USD)``, without a final stop."""
    which = f"{window} budget" if window else "budget"
    return f"the {which} of {owner} is spent ({_dollars(spent)} of {_dollars(budget)} USD)"


def _budget_error(message: str) -> BudgetSpent:
    spent, budget = _SPENT.search(message), _BUDGET.search(message)
    if spent is None or budget is None:
        return BudgetSpent(f"A budget is spent: {strip_keys(message).removesuffix('.')}.")
    owner, window = _name_owner(message), _WINDOW.search(message)
    said = describe_spent(
        owner, float(spent[1]), float(budget[1]), window="" if window is None else window[1]
    )
    estimate = _ESTIMATE.search(message)
    if estimate is not None and float(spent[1]) < float(budget[1]):
        # Calls at the same time reserve what they may cost.
        more = f"; this call may cost {_dollars(float(estimate[1]))})"
        said = said.replace(" is spent ", " does not cover this call ").removesuffix(")") + more
    return BudgetSpent(f"{said[0].upper()}{said[1:]}.")


def _name_owner(message: str) -> str:
    found = _OWNER.search(message)
    if found is None:
        return THIS_KEY
    kind, name = found[1], found[2]
    if kind == "Key":
        return THIS_KEY if _HASH.search(name) else name
    if kind == "TeamMember":
        user, _, team = name.rpartition(":")
        return f"member {user} of team {team}"
    return f"{'end user' if kind == 'EndUser' else kind.lower()} {name}"


def _rate_error(message: str) -> RateLimited:
    found = _RATE.search(message)
    if found is None:
        return RateLimited(f"A rate limit is reached: {strip_keys(message).removesuffix('.')}.")
    kind, name, what, limit, until = found.groups()
    owner = f"{kind} {name}"
    if _HASH.search(name):
        # «model_per_key: HASH:demo»
        part = name.partition(":")[2]
        owner = f"{THIS_KEY} for {part}" if part else THIS_KEY
    reset = "" if until is None or what == "max_parallel_requests" else f", until {until} UTC"
    return RateLimited(
        f"The rate limit of {owner} is reached: {limit} {_RATES.get(what, what)}{reset}."
    )


def _dollars(amount: float) -> str:
    return f"{amount:.2f}" if amount == 0 or abs(amount) >= 0.01 else f"{amount:.2g}"
