"""Checks the services that others run: LiteLLM's database and the trace stores.

Owns what is reported of them. Starts nothing; failures are part of the reports.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gatewayctl.errors import GatewayctlError
from gatewayctl.runtimes.base import Runtime
from gatewayctl.runtimes.external_database import ExternalShell, Login
from gatewayctl.settings.model import Settings

if TYPE_CHECKING:
    import httpx

ExternalKind = Literal["postgres", "phoenix", "otlp"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalService:
    """A service that others run. ``usable``: it answers and takes the login.

    It is None if that was not checked, and ``detail`` says why.

    ``queryable``: a trace store that can be asked for its traces; None for other services.
    """

    name: str
    kind: ExternalKind
    address: str
    usable: bool | None
    detail: str = ""
    queryable: bool | None = None


def check_external_services(
    settings: Settings, runtime: Runtime, http: httpx.Client
) -> tuple[ExternalService, ...]:
    """Check each once: the database with a login, a trace store with an export without spans."""
    return (*check_database(settings, runtime), *check_trace_stores(settings, http))


def check_trace_stores(settings: Settings, http: httpx.Client) -> Iterator[ExternalService]:
    """Check the trace stores of others."""
    from gatewayctl.tracing.stores import check_store

    for store in settings.tracing.stores:
        fault = check_store(settings, store, http)
        yield ExternalService(
            name=store.name,
            kind=store.kind,
            address=store.endpoint,
            usable=fault is None,
            detail=fault or "",
            queryable=store.kind == "phoenix",
        )


def check_database(settings: Settings, runtime: Runtime) -> Iterator[ExternalService]:
    """Check LiteLLM's database with a login, if others run it."""
    postgres = settings.services.postgres
    if postgres is None:
        return
    address, login = postgres.url_env, Login(usable=True)
    try:
        shell = runtime.shell("litellm")
        if isinstance(shell, ExternalShell):
            address, login = shell.url.address, shell.check()
    except GatewayctlError as error:
        login = Login(usable=False, detail=error.message)
    yield ExternalService(
        name="postgres",
        kind="postgres",
        address=address,
        usable=login.usable,
        detail=login.detail,
    )
