"""Exits 5 and 6: nobody answers, or the answer is no."""

from __future__ import annotations

from gatewayctl.errors.base import GatewayctlError


class Unreachable(GatewayctlError):
    """Nobody answers where a service should."""

    code = "unreachable"
    exit_code = 5
    remedy = "Start the stack with `gatewayctl up`."


class GatewayUnreachable(Unreachable):
    """LiteLLM does not answer at its address."""

    code = "gateway_unreachable"
    remedy = "Start the gateway with `gatewayctl up`."


class GatewayTimeout(Unreachable):
    """LiteLLM took the request and did not answer in time."""

    code = "gateway_timeout"
    remedy = "See `gatewayctl logs litellm`, or raise the time with --timeout."


class PhoenixUnreachable(Unreachable):
    """Phoenix does not answer at its address."""

    code = "phoenix_unreachable"
    remedy = "Start the stack with `gatewayctl up`."


class TraceUnknown(Unreachable):
    """Nobody can say yet whether a trace is as it should be."""

    code = "trace_unknown"
    remedy = "Look again with `gatewayctl trace verify ID`, or wait longer with --timeout."


class Refused(GatewayctlError):
    """The gateway answered, and the answer is no."""

    code = "refused"
    exit_code = 6
    remedy = "See `gatewayctl logs litellm`."


class GatewayRefused(Refused):
    """A refusal of LiteLLM that has no name of its own here."""

    code = "gateway_refused"


class MasterKeyRefused(Refused):
    """LiteLLM does not accept our LITELLM_MASTER_KEY."""

    code = "master_key_refused"
    remedy = "It runs with another LITELLM_MASTER_KEY than .env: `gatewayctl restart litellm`."


class VirtualKeyRefused(Refused):
    """LiteLLM does not accept the virtual key."""

    code = "virtual_key_refused"
    remedy = "Make it anew: `gatewayctl keys create`."


class GatewayDatabaseMissing(Refused):
    """LiteLLM runs without its database, so it knows no keys."""

    code = "gateway_database_missing"
    remedy = "Run `gatewayctl up`, which starts LiteLLM with its database."


class UnknownModel(Refused):
    """The gateway serves no such model group, or the key may not use it."""

    code = "unknown_model"
    remedy = "See `gatewayctl models list`."


class KeyAliasExists(Refused):
    """A virtual key of this alias exists already."""

    code = "key_alias_exists"
    remedy = "Choose another alias, or see `gatewayctl keys list`."


class UpstreamRefused(Refused):
    """The provider behind the gateway refused (credentials, rate limit, its own failure)."""

    code = "upstream_refused"
    remedy = "Check the provider's key in .env and the provider's status."


class UpstreamTimeout(Refused):
    """The provider behind the gateway did not answer in time."""

    code = "upstream_timeout"
    remedy = "Try again, or raise timeout: of the model in gateway.yaml."
