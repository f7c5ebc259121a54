"""The models that LiteLLM's own table says a provider ends, as /v1/model/deprecations reports them.

Owns that shape. Releases before 1.108 may not have the endpoint: then nothing is known.
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewayctl.gateway.client import GatewayClient, rows_of
from gatewayctl.settings.model import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Deprecation:
    """A model group and the date, in ISO format, on which its provider ends one of its models."""

    model: str
    date: str

    def __str__(self) -> str:
        return f"{self.model}: its provider ends it on {self.date}, says LiteLLM's table of models"


def list_deprecations(gateway: GatewayClient, master: Secret) -> tuple[Deprecation, ...]:
    """List the models that ended, and those that end within weeks."""
    answer = gateway.call(
        "GET", "/v1/model/deprecations", key=master, role="master", none_if_absent=True
    )
    if answer is None:
        return ()
    with gateway.expecting("a list of deprecations"):
        return tuple(
            Deprecation(model=str(row["model_name"]), date=str(row["deprecation_date"]))
            for kind in ("deprecated", "imminent")
            for row in rows_of(answer, kind)
        )
