"""Exits 5 and 6: no service answers, or the gateway answered no."""

from __future__ import annotations

from gatewayctl.errors.base import GatewayctlError


class Unreachable(GatewayctlError):
    """No service answers at the address."""

    exit_code = 5
    remedy = "Start the stack with `gatewayctl up`."


class GatewayUnreachable(Unreachable):
    """LiteLLM does not answer at its address."""

    remedy = "Start the gateway with `gatewayctl up`."


class GatewayTimeout(Unreachable):
    """LiteLLM accepted the request and did not answer in time."""

    remedy = "See `gatewayctl logs litellm`, then run the command again."


class PhoenixUnreachable(Unreachable):
    """Phoenix does not answer at its address."""

    remedy = "Run `gatewayctl restart phoenix`, which also starts it if it was stopped."


class PhoenixLoginRefused(PhoenixUnreachable):
    """Phoenix does not accept the API key of its store in ``tracing:``."""

    exit_code = 6
    remedy = "Correct the variable that api_key_env: or headers_env: of tracing: names."


class TraceUnknown(Unreachable):
    """It is not known yet whether a trace is complete."""

    remedy = "Check again with `gatewayctl trace verify ID`, or wait longer with --timeout."


class Refused(GatewayctlError):
    """The gateway answered, and the answer is no."""

    exit_code = 6
    remedy = "See `gatewayctl logs litellm`."


class GatewayRefused(Refused):
    """A refusal of LiteLLM without a class of its own."""


class MasterKeyRefused(Refused):
    """LiteLLM does not accept LITELLM_MASTER_KEY."""

    remedy = "Run `gatewayctl up`, which restarts LiteLLM with the current master key."


class VirtualKeyRefused(Refused):
    """LiteLLM does not accept the virtual key."""

    remedy = "Create it again with `gatewayctl keys create`."


class BudgetSpent(Refused):
    """The budget of the virtual key, its team or its user is spent."""

    remedy = (
        "Raise max_budget: in gateway.yaml and run `gatewayctl keys sync`, or wait until the "
        "budget is reset; `gatewayctl keys list` has the spend."
    )


class RateLimited(Refused):
    """The gateway's own limit of requests or tokens is reached, not the provider's."""

    remedy = (
        "Wait and try again, or raise the limit in gateway.yaml and run `gatewayctl keys sync`."
    )


class RouteRefused(Refused):
    """The virtual key may not call this route of the gateway."""

    remedy = "See allowed_routes: of the key in gateway.yaml, then run `gatewayctl keys sync`."


class LicenseMissing(Refused):
    """A declared field needs LiteLLM's Enterprise license, which the gateway does not have."""

    remedy = "Remove the field from gateway.yaml, or give LiteLLM its license (LITELLM_LICENSE)."


class GatewayDatabaseMissing(Refused):
    """LiteLLM runs without its database, so it knows no keys."""

    remedy = "Run `gatewayctl restart litellm`, which reconnects it to its database."


class UnknownModel(Refused):
    """The gateway serves no such model group, or the key may not use it."""

    remedy = "See `gatewayctl models list`."


class KeyAliasExists(Refused):
    """A virtual key with this alias already exists."""

    remedy = "Choose another alias, or see `gatewayctl keys list`."


class GuardrailBlocked(Refused):
    """A guardrail of the gateway blocked the prompt or the reply."""

    remedy = "Change the prompt, or ask whoever configured that guardrail of the gateway."


class UpstreamRefused(Refused):
    """The provider behind the gateway refused (credentials, rate limit, its own failure)."""

    remedy = "See `gatewayctl logs litellm` and the provider's status page."


class UpstreamUnreachable(Refused):
    """The gateway has no connection to the provider behind it.

    ``call_id`` is LiteLLM's id of the call, under which its log has the cause.
    """

    remedy = "See `gatewayctl logs litellm`, and check api_base: in gateway.yaml."
    call_id: str | None = None


class UpstreamTimeout(Refused):
    """The provider behind the gateway did not answer in time."""

    remedy = "Try again, or raise the model's timeout: in gateway.yaml."
