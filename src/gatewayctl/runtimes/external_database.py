"""LiteLLM's database on a server that others run: reached by its URL, never created or dropped.

Owns how PostgreSQL's client programs connect to it, what a failed connection means, and which of
its tables are LiteLLM's. Other schemas, databases and roles of that server are not touched. Must
not know where the programs come from: each runtime has its own.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from gatewayctl.errors import ExternalDatabaseUnusable, RuntimeProblem
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.database import Database, DatabaseVariant
from gatewayctl.runtimes.database_shell import PSQL_OPTIONS, ClientProgram, DatabaseName, Session
from gatewayctl.runtimes.process import Completed
from gatewayctl.runtimes.streams import open_psql, run_streamed
from gatewayctl.settings.declared.external_services import DatabaseUrl, parse_database_url
from gatewayctl.settings.model import Settings

_TABLES: Final = """
from pg_class c where c.relnamespace = to_regnamespace(current_schema())
  and c.relkind in ('r', 'p') and (c.relname like 'LiteLLM\\_%' or c.relname = '_prisma_migrations')
"""
_TABLES_OF_OTHERS: Final = """
select count(*) filter (where relname = '_prisma_migrations'), count(*) from pg_class
where relnamespace = to_regnamespace(current_schema()) and relkind in ('r', 'p');
"""
# psql runs one generated statement a table: rows of `table|count`.
_COUNT: Final = " ".join(
    (
        "select format('select %L, count(*) from %s', c.relname, c.oid::regclass)",
        _TABLES,
        "order by 1 \\gexec",
    )
)
_SIZE: Final = f"select coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint {_TABLES};"
_EMPTY: Final = """
do $$
declare emptied text;
begin
  select string_agg(c.oid::regclass::text, ', ') into emptied from pg_class c
  where c.relnamespace = to_regnamespace(current_schema()) and c.relkind in ('r', 'p')
    and c.relname like 'LiteLLM\\_%';
  if emptied is not null then
    execute 'truncate ' || emptied;
  end if;
end $$;
"""
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_UNTESTED: Final = 1 << 62
"""Bytes: the disk of such a server cannot be measured from here."""


def external_url(settings: Settings) -> DatabaseUrl | None:
    """The URL of LiteLLM's database if others run its server.

    Raises ExternalDatabaseUnusable if its variable is not set.
    """
    postgres = settings.services.postgres
    if postgres is None:
        return None
    value = settings.environment.get(postgres.url_env)
    if value is None:
        place = settings.source_of("services.postgres.url_env")
        raise ExternalDatabaseUnusable(
            f"{postgres.url_env}, the URL of LiteLLM's database ({place}), is not set.",
            hint=f"Write it to .env as {postgres.url_env}: postgresql:// with user, password, host"
            " and database.",
        )
    return parse_database_url(value.reveal())


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Whether the server takes the login, and why it does not.

    ``usable`` is None where it was not tried, because that would change something: ``detail`` says
    what.
    """

    usable: bool | None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalShell:
    """Satisfies ``runtimes.database_shell.DatabaseShell`` for one database.

    ``program`` returns the beginning of the command line of a client program, ``base`` is the
    environment that it needs besides the login. ``in_container``: the programs run in one.
    ``connect`` yields the URL that a program is to use. ``look`` is set where ``connect`` may
    change something first: it returns why a program cannot be run as things are, and None if it
    can.
    """

    url: DatabaseUrl
    program: Callable[[str], tuple[str, ...]]
    base: Mapping[str, str]
    in_container: bool = False
    connect: Callable[[DatabaseUrl], AbstractContextManager[DatabaseUrl]] = nullcontext
    look: Callable[[DatabaseUrl], str | None] | None = None
    database: DatabaseName = "litellm"

    @property
    def owner(self) -> str:
        return self.url.user

    def is_running(self) -> bool:
        """True if the server takes the login; also False where that cannot be tried."""
        return self.check().usable is True

    def check(self) -> Login:
        """Try the login. Changes nothing."""
        if self.look is not None and (why := self.look(self.url)):
            return Login(usable=None, detail=why)
        fault = self.unchanging().find_fault()
        return Login(usable=fault is None, detail=fault or "")

    def unchanging(self) -> ExternalShell:
        """The same, whose programs run with what there is, or fail."""
        return self if self.look is None else replace(self, connect=nullcontext)

    def start(self) -> None:
        """Start nothing. Raises ExternalDatabaseUnusable if the server takes no login."""
        if fault := self.find_fault():
            raise ExternalDatabaseUnusable(
                f"LiteLLM's database at {self.url.address} cannot be used: {fault}",
                hint=self._advise(fault),
            )
        if self.in_container:
            self._require_own_schema()

    def ensure_schema(self) -> None:
        """Create the schema of the URL if it is missing, as Prisma does. Raises RuntimeProblem."""
        with self.session("") as session:
            if not "".join(session.ask("select current_schema();")):
                name = self.url.schema.replace('"', '""')
                session.ask(f'create schema "{name}";')

    def _require_own_schema(self) -> None:
        """Raise ExternalDatabaseUnusable for tables of others where LiteLLM never was.

        LiteLLM's own migrations begin only in an empty schema.
        """
        with self.session("") as session:
            (row,) = session.ask(_TABLES_OF_OTHERS)
        known, count = map(int, row.split("|"))
        if count and not known:
            raise ExternalDatabaseUnusable(
                f"The schema {self.url.schema} at {self.url.address} has {count} tables of others,"
                " and LiteLLM creates its own only in an empty schema.",
                hint="Add schema=NAME to the parameters of the URL, or use another database.",
            )

    def find_fault(self) -> str | None:
        """Why the server takes no login, in PostgreSQL's words; None if it does."""
        try:
            with self.session("") as session:
                session.ask("select 1;")
        except RuntimeProblem as problem:
            return problem.message.removeprefix("PostgreSQL refused: ").replace("psql: error: ", "")
        return None

    @contextmanager
    def session(self, database: str, *, admin: bool = False) -> Iterator[Session]:
        """Open psql on the only database there is; ``admin`` makes no difference."""
        argv = (*self.program("psql"), *PSQL_OPTIONS)
        with self.connect(self.url) as url, open_psql(argv, env=self._environment(url)) as session:
            yield session

    def run(
        self,
        program: ClientProgram,
        *options: str,
        database: str,
        stdin: Path | None = None,
        stdout: Path | None = None,
    ) -> Generator[int, None, Completed]:
        argv = (*self.program(program), "--no-password", *options)
        with self.connect(self.url) as url:
            env = self._environment(url)
            return (yield from run_streamed(argv, env=env, stdin=stdin, stdout=stdout))

    def _environment(self, url: DatabaseUrl) -> dict[str, str]:
        return {**self.base, **url.environment()}

    def _advise(self, fault: str) -> str:
        if self.in_container and self.url.host in _LOOPBACK:
            return (
                "In Docker that address is the container itself: for a server on this machine write"
                " host.docker.internal."
            )
        if "no encryption" in fault:
            return "The server requires TLS: add the parameter sslmode=require to the URL in .env."
        return ExternalDatabaseUnusable.remedy


class ExternalDatabase(Database):
    """LiteLLM's tables in a database that gatewayctl did not create.

    There are no variants beside it: what would create, drop or rename a database is refused.
    """

    is_external = True
    count_sql = _COUNT
    shell: ExternalShell

    def exists(self, variant: DatabaseVariant = "") -> bool:
        """True for the live one, which is not created here."""
        return not variant

    def size(self) -> int:
        """Bytes of LiteLLM's tables, indexes included."""
        return int(self.ask(_SIZE)[0])

    @contextmanager
    def free_space(self) -> Iterator[Callable[[], int]]:
        """Yield a function that reports no limit: that server's disk cannot be seen."""
        yield lambda: _UNTESTED

    def server_version(self) -> str:
        return self.ask("show server_version;")[0].split(maxsplit=1)[0]

    def _dump_options(self) -> tuple[str, ...]:
        """The schema with LiteLLM's tables alone."""
        schema = self.shell.url.schema.replace('"', '""')
        return (f'--schema="{schema}"',)

    def check(self) -> Generator[Progress, None, None]:
        """Require that it takes our login. Raises ExternalDatabaseUnusable."""
        self.shell.start()
        detail = f"answers at {self.shell.url.address}"
        yield Progress(subject="database litellm", state="ready", detail=detail)

    def empty(self) -> Generator[Progress, None, None]:
        """Delete all rows of LiteLLM's tables, in one transaction; LiteLLM must be stopped."""
        yield Progress(subject="database litellm", state="working", detail="emptying its tables")
        self.ask(_EMPTY)
        yield Progress(subject="database litellm", state="ready", detail="empty")

    def load(self, file: Path, variant: DatabaseVariant) -> Generator[int, None, None]:
        raise self._refuse()

    def create(self, variant: DatabaseVariant = "") -> None:
        raise self._refuse()

    def drop(self, *variants: DatabaseVariant) -> None:
        """Drop nothing: there are no variants."""

    def swap_in(self) -> None:
        raise self._refuse()

    def _refuse(self) -> RuntimeProblem:
        return ExternalDatabaseUnusable(
            "gatewayctl creates and replaces no database on a server that others run"
            f" ({self.shell.url.address}).",
            hint="Use that server's own backups.",
        )
