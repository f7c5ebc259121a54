"""Services of the stack that others run, such as a managed PostgreSQL.

Owns the shape of ``services:`` and the parts of a database's URL. Must not know how a service is
reached.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

_SCHEMES: Final = ("postgresql", "postgres")
_PORT: Final = 5432
# Parameters of libpq that have a variable (libpq-envars); the others are Prisma's alone.
_LIBPQ: Final = {
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslkey": "PGSSLKEY",
    "sslnegotiation": "PGSSLNEGOTIATION",
    "channel_binding": "PGCHANNELBINDING",
    "gssencmode": "PGGSSENCMODE",
    "options": "PGOPTIONS",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "connect_timeout": "PGCONNECT_TIMEOUT",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalPostgres:
    """LiteLLM's database on a server that the project does not run; ``url_env`` has its URL."""

    url_env: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalServices:
    """The services that others run; None for those that the project runs itself."""

    postgres: ExternalPostgres | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseUrl:
    """The parts of a ``postgresql://`` URL. The password is not part of ``repr``."""

    host: str
    port: int
    user: str
    database: str
    password: str = field(repr=False)
    parameters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def address(self) -> str:
        """Host, port and database, for people."""
        return f"{self._host}:{self.port}/{self.database}"

    @property
    def schema(self) -> str:
        """The schema with LiteLLM's tables, Prisma's parameter of that name."""
        return self.parameters.get("schema", "public")

    @property
    def without_password(self) -> str:
        """The same URL for programs that take the password from PGPASSWORD."""
        parameters = urlencode(self.parameters, quote_via=quote)
        end = f"?{parameters}" if parameters else ""
        user = quote(self.user, safe="")
        return f"postgresql://{user}@{self._host}:{self.port}/{quote(self.database)}{end}"

    def environment(self) -> dict[str, str]:
        """The variables with which PostgreSQL's own programs connect."""
        known = {_LIBPQ[name]: text for name, text in self.parameters.items() if name in _LIBPQ}
        if self.schema != "public":
            path = f"-c search_path={self.schema}"
            known["PGOPTIONS"] = " ".join(filter(None, (known.get("PGOPTIONS"), path)))
        return {
            "PGCONNECT_TIMEOUT": "10",
            **known,
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGDATABASE": self.database,
            "PGPASSWORD": self.password,
            "PGCLIENTENCODING": "UTF8",
            "PGAPPNAME": "gatewayctl",
            "LC_ALL": "C",
        }

    @property
    def _host(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


def parse_database_url(text: str) -> DatabaseUrl:
    """Read a URL. Raises ValueError with what is wrong, without any part of the URL."""
    try:
        parts = urlsplit(text.strip())
        port = parts.port or _PORT
    except ValueError:
        raise ValueError("is not a valid URL") from None
    database = unquote(parts.path.removeprefix("/"))
    if parts.scheme not in _SCHEMES:
        raise ValueError("must begin with postgresql://")
    if not parts.hostname or not parts.username or not database or "/" in database:
        raise ValueError("must name a user, a host and a database")
    return DatabaseUrl(
        host=parts.hostname,
        port=port,
        user=unquote(parts.username),
        database=database,
        password=unquote(parts.password or ""),
        parameters=MappingProxyType(dict(parse_qsl(parts.query, keep_blank_values=True))),
    )
