"""Exits 5 and 6: a service does not answer, or the gateway refuses."""

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

    remedy = "See `gatewayctl logs litellm`, or wait longer with --timeout."


class PhoenixUnreachable(Unreachable):
    """Phoenix does not answer at its address."""

    remedy = (
        "Start the stack with `gatewayctl up`. If Phoenix runs and does not answer, "
        "run `gatewayctl restart phoenix`."
    )


class TraceUnknown(Unreachable):
    """A trace could not be verified, because it is not complete yet or cannot be read."""

    remedy = "Check again with `gatewayctl trace verify ID`, or wait longer with --timeout."


class Refused(GatewayctlError):
    """The gateway answered with a refusal."""

    exit_code = 6
    remedy = "See `gatewayctl logs litellm`."


class GatewayRefused(Refused):
    """LiteLLM refused for a reason without a class of its own."""


class MasterKeyRefused(Refused):
    """LiteLLM rejects the current LITELLM_MASTER_KEY."""

    remedy = "Run `gatewayctl up`: it restarts LiteLLM with the current LITELLM_MASTER_KEY."


class VirtualKeyRefused(Refused):
    """LiteLLM rejects the virtual key."""

    remedy = "Create it again with `gatewayctl keys create`."


class GatewayDatabaseMissing(Refused):
    """LiteLLM runs without a connection to its database, so it knows no keys."""

    # `up` leaves a process alone that runs with the current settings.
    remedy = "Run `gatewayctl restart litellm`."


class UnknownModel(Refused):
    """The gateway serves no such model group, or the key has no access to it."""

    remedy = "See `gatewayctl models list`."


class KeyAliasExists(Refused):
    """A virtual key with this alias exists already."""

    remedy = "Choose another alias, or see `gatewayctl keys list`."


class UpstreamRefused(Refused):
    """The provider behind the gateway refused: credentials, rate limit or an error of its own."""

    remedy = "Check the provider's key in .env and the provider's status."


class UpstreamTimeout(Refused):
    """The provider behind the gateway did not answer in time."""

    remedy = "Try again, or raise timeout: of the model in gateway.yaml."
