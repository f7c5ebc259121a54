"""The ``services:`` of gateway.yaml: among them services of the stack that others run.

Owns the reading of one section. Must not know how a service is reached.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gatewayctl.settings.cursor import Cursor
from gatewayctl.settings.declared.external_services import (
    ExternalPostgres,
    ExternalServices,
    parse_database_url,
)
from gatewayctl.settings.fields import STACK_SECRETS, Setting
from gatewayctl.settings.masking import remember
from gatewayctl.settings.model import Secret
from gatewayctl.settings.sections import litellm_service

POSTGRES_SETTINGS: Final = {
    "url_env": Setting(
        "environment variable",
        "required",
        "Variable in .env with the URL of LiteLLM's database on a server that others run:"
        " postgresql:// with user, password, host, database, and parameters such as sslmode.",
    ),
}
SETTINGS: Final[Mapping[str, Mapping[str, Setting]]] = {
    "litellm": litellm_service.SETTINGS,
    "postgres": POSTGRES_SETTINGS,
}
"""The settings of each service that can be declared."""


def parse_services(section: Cursor) -> ExternalServices:
    """Read the services that others run; none by default. `litellm` has a parser of its own."""
    section.check_names(SETTINGS)
    return ExternalServices(postgres=_postgres(section.child("postgres")))


def check_services(
    services: ExternalServices, section: Cursor, environment: Mapping[str, Secret]
) -> None:
    """Report a URL that cannot be used, and mask its password from now on.

    A variable that is not set is no problem yet: .env may not exist.
    """
    if services.postgres is None or services.postgres.url_env not in environment:
        return
    variable = services.postgres.url_env
    try:
        url = parse_database_url(environment[variable].reveal())
    except ValueError as error:
        section.child("postgres").child("url_env").add(f"{variable} {error}")
        return
    remember((environment[variable].reveal(), url.password))


def _postgres(entry: Cursor) -> ExternalPostgres | None:
    if not entry.is_set:
        return None
    # A string alone is the variable.
    entry = entry.expand(str, "url_env")
    entry.check_names(POSTGRES_SETTINGS)
    given = entry.child("url_env")
    if not given.is_given and isinstance(entry.value, dict):
        entry.add_at_name(f"{entry.path} needs url_env:, the variable with the database's URL")
    variable = given.variable()
    if variable in STACK_SECRETS:
        given.add(f"{given.path}: {variable} has another meaning, choose another name")
        return None
    return None if variable is None else ExternalPostgres(url_env=variable)
