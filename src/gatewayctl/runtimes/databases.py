"""The two databases of a stack, whatever runs them: dump, load, count, and swap.

Owns every statement a backup, a restore or a reset sends to PostgreSQL, and the names of the
copies beside a living database. Must not know how PostgreSQL is reached, nor files of backups.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from gatewayctl.errors import RuntimeProblem
from gatewayctl.runtimes.base import Runtime
from gatewayctl.runtimes.database_shell import DATABASES, DatabaseName, DatabaseShell, Session

DatabaseVariant = Literal["", "restored", "before_restore", "discarded", "scratch"]
"""Which database: the living one (empty), or one beside it, named after it."""
_MAINTENANCE: Final = "postgres"
# One statement per table, made and run by psql itself: rows of `table|count`.
_COUNT: Final = r"""
select format('select %L, count(*) from %I.%I',
  case n.nspname when 'public' then c.relname else n.nspname || '.' || c.relname end,
  n.nspname, c.relname)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and c.relpersistence = 'p'
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
order by 1 \gexec
"""
_SNAPSHOT: Final = """
set idle_in_transaction_session_timeout = 0;
begin isolation level repeatable read read only;
select pg_export_snapshot();
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """One database of the stack, with the copies beside it."""

    name: DatabaseName
    shell: DatabaseShell

    def sql_name(self, variant: DatabaseVariant = "") -> str:
        """What PostgreSQL calls it."""
        return f"{self.shell.database}_{variant}" if variant else self.shell.database

    def exists(self, variant: DatabaseVariant = "") -> bool:
        """True when the server has it."""
        sql = f"select 1 from pg_database where datname = '{self.sql_name(variant)}';"  # noqa: S608 - ours
        return bool(self._admin(sql))

    def size(self) -> int:
        """Bytes on disk, indexes included."""
        return int(self._admin(f"select pg_database_size('{self.sql_name()}');")[0])

    @contextmanager
    def free_space(self) -> Iterator[Callable[[], int]]:
        """Asks how many bytes are free on the server's disk, as often as one likes."""
        with self.shell.session(_MAINTENANCE, admin=True) as session:
            folder = session.ask("show data_directory;")[0]

            def free() -> int:
                # POSIX's form: a heading, and one line whose fourth column is what is available.
                line = session.ask(f"\\! df -Pk '{folder}'")[-1]
                return int(line.split()[3]) * 1024

            yield free

    def server_version(self) -> str:
        """PostgreSQL's own version, such as ``16.14``."""
        return self._admin("show server_version;")[0].split(maxsplit=1)[0]

    def ask(self, sql: str, variant: DatabaseVariant = "") -> tuple[str, ...]:
        """The rows a query answers, columns parted by ``|``."""
        with self.shell.session(self.sql_name(variant)) as session:
            return session.ask(sql)

    def rows(self, variant: DatabaseVariant = "") -> dict[str, int]:
        """How many rows each table has; views and temporary tables have none of their own."""
        with self.shell.session(self.sql_name(variant)) as session:
            return _counted(session)

    def count(self, table: str) -> int:
        """The rows of one table. Raises RuntimeProblem where there is no such table."""
        return int(self.ask(f'select count(*) from "{table}";')[0])  # noqa: S608 - ours

    def dump(self, file: Path) -> Generator[int, None, dict[str, int]]:
        """Write the living database in pg_dump's custom format, and count what is in it.

        Both see the same snapshot, so the counts are true while others write. Yields the bytes
        written so far.
        """
        with self.shell.session(self.sql_name()) as session:
            snapshot = session.ask(_SNAPSHOT)[0]
            words = ("--format=custom", f"--snapshot={snapshot}")
            done = yield from self.shell.run(
                "pg_dump", *words, database=self.sql_name(), stdout=file
            )
            if done.returncode != 0:
                raise RuntimeProblem(f"pg_dump of {self.name} failed: {done.stderr.strip()}")
            return _counted(session)

    def load(self, file: Path, variant: DatabaseVariant) -> Generator[int, None, None]:
        """Make the copy anew from a dump; yields the bytes read so far."""
        self.create(variant)
        words = ("--no-owner", "--no-privileges", "--exit-on-error")
        done = yield from self.shell.run(
            "pg_restore", *words, database=self.sql_name(variant), stdin=file
        )
        if done.returncode != 0:
            raise RuntimeProblem(f"pg_restore of {self.name} failed: {done.stderr.strip()}")

    def create(self, variant: DatabaseVariant = "") -> None:
        """An empty database in the place of one that may be there."""
        name = self.sql_name(variant)
        self._admin(
            f'drop database if exists "{name}" with (force);\n'
            f'create database "{name}" owner "{self.shell.owner}" template template0;\n'
            f'revoke connect on database "{name}" from public;'
        )

    def drop(self, *variants: DatabaseVariant) -> None:
        """Drop copies with all that is in them; one that is not there is no problem."""
        for variant in variants:
            self._admin(f'drop database if exists "{self.sql_name(variant)}" with (force);')

    def swap_in(self) -> None:
        """Make the restored copy the living one, in one transaction.

        The old one is kept as ``before_restore``; where one is kept already, by a restore that
        did not come to its end, that one is the original and stays. Nobody may be connected:
        the caller has stopped the service.
        """
        kept: DatabaseVariant = "discarded" if self.exists("before_restore") else "before_restore"
        self.drop("discarded")
        moves = [(self.sql_name("restored"), self.sql_name())]
        if self.exists():
            moves.insert(0, (self.sql_name(), self.sql_name(kept)))
        names = ", ".join(f"'{old}'" for old, _ in moves)
        renames = "\n".join(f'alter database "{old}" rename to "{new}";' for old, new in moves)
        self._admin(
            f"select pg_terminate_backend(pid) from pg_stat_activity where datname in ({names});\n"  # noqa: S608 - names of ours
            f"begin;\n{renames}\ncommit;"
        )
        self.drop("discarded")

    def _admin(self, sql: str) -> tuple[str, ...]:
        with self.shell.session(_MAINTENANCE, admin=True) as session:
            return session.ask(sql)


def databases(runtime: Runtime) -> tuple[Database, ...]:
    """LiteLLM's database and Phoenix's, in that order."""
    return tuple(Database(name=name, shell=runtime.shell(name)) for name in DATABASES)


def _counted(session: Session) -> dict[str, int]:
    found = (row.rpartition("|") for row in session.ask(_COUNT))
    return {table: int(count) for table, _, count in found}


def compare_rows(wanted: Mapping[str, int], found: Mapping[str, int]) -> str:
    """Empty when every table has the rows it should have; else the differences in words."""
    names = sorted(
        name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)
    )
    said = (
        f"{name} has {found.get(name, 'no table')} instead of {wanted.get(name, 'none')}"
        for name in names[:5]
    )
    return "; ".join(said) + (f"; and {len(names) - 5} more" if len(names) > 5 else "")
