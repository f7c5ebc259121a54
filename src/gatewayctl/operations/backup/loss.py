"""What a reset loses: counted before it, for the person who has to agree.

Owns which keys do not come back. Starts nothing, and takes failures as unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gatewayctl.errors import GatewayctlError
from gatewayctl.operations.keys.metadata import alias_of, is_ours
from gatewayctl.runtimes.base import Runtime
from gatewayctl.runtimes.database import Database
from gatewayctl.runtimes.databases import databases
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Settings
from gatewayctl.settings.overrides import require_no_overrides

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient
    from gatewayctl.gateway.keys import VirtualKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What a reset loses; None where it is unknown because the service does not answer.

    ``spend`` in US dollars, summed over the existing keys. ``requests`` are the rows of LiteLLM's
    spend logs. ``size`` and ``traces_size`` are the bytes of LiteLLM's and Phoenix's database.
    ``foreign_keys`` were not created by gatewayctl for this project, ``undeclared_keys`` were, but
    are not declared in gateway.yaml: by alias, or as LiteLLM masks them. A reset does not create
    either again. ``external`` says, in sentences, what is done to services that others run.
    """

    keys: int | None
    spend: float | None
    requests: int | None = None
    size: int | None = None
    traces: int | None = None
    traces_size: int | None = None
    foreign_keys: tuple[str, ...] | None = None
    undeclared_keys: tuple[str, ...] | None = None
    external: tuple[str, ...] = ()


def measure_loss(settings: Settings, gateway: GatewayClient, runtime: Runtime) -> Loss:
    """Count what is in the databases; starts nothing, and takes failures as unknown.

    Raises SecretOverridden, as what asks for consent with it would.
    """
    from gatewayctl.gateway.keys import iterate_keys

    require_no_overrides(settings)
    found: list[VirtualKey] | None = None
    with suppress(GatewayctlError):
        found = list(iterate_keys(gateway, require_master_key(settings)))
    found_in = {database.name: database for database in databases(runtime)}
    requests, size = _measure(found_in["litellm"], "LiteLLM_SpendLogs")
    traces, traces_size = _measure(found_in.get("phoenix"), "traces")
    return Loss(
        external=tuple(filter(None, (_name_database(settings), _name_stores(settings)))),
        keys=None if found is None else len(found),
        spend=None if found is None else sum(key.spend or 0.0 for key in found),
        requests=requests,
        size=size,
        traces=traces,
        traces_size=traces_size,
        foreign_keys=None if found is None else _name_foreign(settings, found),
        undeclared_keys=None if found is None else _name_undeclared(settings, found),
    )


def _name_database(settings: Settings) -> str:
    if settings.services.postgres is None:
        return ""
    return (
        f"LiteLLM's database is on a server of others ({settings.services.postgres.url_env}): its"
        " LiteLLM tables are emptied; no table, schema or database is dropped."
    )


def _name_stores(settings: Settings) -> str:
    names = ", ".join(store.name for store in settings.tracing.stores)
    return f"Traces in {names} are not touched." if names else ""


def _name_foreign(settings: Settings, keys: Sequence[VirtualKey]) -> tuple[str, ...]:
    return tuple(_name(key) for key in keys if not is_ours(key, settings.project_name))


def _name_undeclared(settings: Settings, keys: Sequence[VirtualKey]) -> tuple[str, ...]:
    declared = {key.alias for key in settings.keys}
    ours = (key for key in keys if is_ours(key, settings.project_name))
    return tuple(_name(key) for key in ours if alias_of(key) not in declared)


def _name(key: VirtualKey) -> str:
    return key.alias or key.name or key.hash[:12]


def _measure(database: Database | None, table: str) -> tuple[int | None, int | None]:
    """The rows of a table and the bytes of its database; None where its server does not run."""
    try:
        if database is None or not database.shell.is_running():
            return None, None
        return database.count(table), database.size()
    except GatewayctlError:
        return None, None
