"""One database of a stack, whatever runs it: dump, load, count and swap.

Owns every statement that a backup, restore or reset sends to PostgreSQL, and the names of the
databases beside a live one. Must not know how PostgreSQL is reached, nor files of backups.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, Literal

from gatewayctl.errors import RuntimeProblem
from gatewayctl.runtimes.database_shell import DatabaseName, DatabaseShell, Session

DatabaseVariant = Literal["", "restored", "before_restore", "discarded", "scratch"]
"""Which database: the live one (empty), or one beside it whose name ends in this."""
_MAINTENANCE: Final = "postgres"
# psql generates one statement per table and runs them: rows of `table|count`.
_COUNT: Final = r"""
select format('select %L, count(*) from %I.%I',
  case n.nspname when 'public' then c.relname else n.nspname || '.' || c.relname end,
  n.nspname, c.relname)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and c.relpersistence = 'p'
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
order by 1 \gexec
"""
_REMEMBER_FOLDER: Final = r"""
select current_setting('data_directory') as folder \gset
\setenv GATEWAYCTL_FOLDER :folder
"""
_ASK_DISK: Final = r'\! df -Pk "$GATEWAYCTL_FOLDER"'
# The POSIX format: total, used and available blocks, then the capacity in percent.
_AVAILABLE: Final = re.compile(r"\s\d+\s+-?\d+\s+(\d+)\s+(?:\d+%|-)\s")
_SNAPSHOT: Final = """
set idle_in_transaction_session_timeout = 0;
begin isolation level repeatable read read only;
select pg_export_snapshot();
"""


@dataclass(frozen=True, kw_only=True)
class Database:
    """One database of the stack, with its variants beside it."""

    name: DatabaseName
    shell: DatabaseShell

    is_external: ClassVar[bool] = False
    """True if others run its server, so that it is never created, dropped or renamed here."""
    count_sql: ClassVar[str] = _COUNT
    """Lists the rows of each table, as ``table|count``."""

    def sql_name(self, variant: DatabaseVariant = "") -> str:
        """Its name in PostgreSQL."""
        return f"{self.shell.database}_{variant}" if variant else self.shell.database

    def exists(self, variant: DatabaseVariant = "") -> bool:
        """True if the server has it."""
        sql = f"select 1 from pg_database where datname = '{self.sql_name(variant)}';"  # noqa: S608 - our own name
        return bool(self._admin(sql))

    def size(self) -> int:
        """Bytes of the live database on disk, indexes included."""
        return int(self._admin(f"select pg_database_size('{self.sql_name()}');")[0])

    @contextmanager
    def free_space(self) -> Iterator[Callable[[], int]]:
        """Yield a function that returns the free bytes on the server's disk.

        That function raises RuntimeProblem where `df` does not report them.
        """
        with self.shell.session(_MAINTENANCE, admin=True) as session:
            # The shell reads the folder from a variable, so that nothing in its name is a command.
            session.ask(_REMEMBER_FOLDER)

            def free() -> int:
                found = _AVAILABLE.search("\n".join(session.ask(_ASK_DISK)))
                if found is None:
                    raise RuntimeProblem(
                        f"The free disk space of the database {self.name} could not be determined.",
                        hint="Check that `df` works where the database runs.",
                    )
                return int(found[1]) * 1024

            yield free

    def server_version(self) -> str:
        """The version of PostgreSQL, such as ``16.14``."""
        return self._admin("show server_version;")[0].split(maxsplit=1)[0]

    def ask(self, sql: str, variant: DatabaseVariant = "") -> tuple[str, ...]:
        """Run a query and return its rows, columns separated by ``|``."""
        with self.shell.session(self.sql_name(variant)) as session:
            return session.ask(sql)

    def rows(self, variant: DatabaseVariant = "") -> dict[str, int]:
        """The number of rows of each table, without views and temporary tables."""
        with self.shell.session(self.sql_name(variant)) as session:
            return self._count_rows(session)

    def count(self, table: str) -> int:
        """The number of rows of one table. Raises RuntimeProblem if there is no such table."""
        return int(self.ask(f'select count(*) from "{table}";')[0])  # noqa: S608 - our own name

    def dump(self, file: Path) -> Generator[int, None, dict[str, int]]:
        """Dump the live database in pg_dump's custom format, and return the rows of each table.

        Both use the same snapshot, so the counts are right while others write. Yields the bytes
        written so far.
        """
        with self.shell.session(self.sql_name()) as session:
            snapshot = session.ask(_SNAPSHOT)[0]
            options = ("--format=custom", f"--snapshot={snapshot}", *self._dump_options())
            done = yield from self.shell.run(
                "pg_dump", *options, database=self.sql_name(), stdout=file
            )
            if done.returncode != 0:
                raise RuntimeProblem(f"pg_dump of {self.name} failed: {done.stderr.strip()}")
            return self._count_rows(session)

    def _dump_options(self) -> tuple[str, ...]:
        """What pg_dump takes besides the whole database."""
        return ()

    def _count_rows(self, session: Session) -> dict[str, int]:
        found = (row.rpartition("|") for row in session.ask(self.count_sql))
        return {table: int(count) for table, _, count in found}

    def load(self, file: Path, variant: DatabaseVariant) -> Generator[int, None, None]:
        """Recreate a variant from a dump; yields the bytes read so far."""
        self.create(variant)
        options = ("--no-owner", "--no-privileges", "--exit-on-error")
        done = yield from self.shell.run(
            "pg_restore", *options, database=self.sql_name(variant), stdin=file
        )
        if done.returncode != 0:
            raise RuntimeProblem(f"pg_restore of {self.name} failed: {done.stderr.strip()}")

    def create(self, variant: DatabaseVariant = "") -> None:
        """Create an empty database; one of that name is dropped."""
        name = self.sql_name(variant)
        self._admin(
            f'drop database if exists "{name}" with (force);\n'
            f'create database "{name}" owner "{self.shell.owner}" template template0;\n'
            f'revoke connect on database "{name}" from public;'
        )

    def drop(self, *variants: DatabaseVariant) -> None:
        """Drop variants, if they exist, with their data."""
        for variant in variants:
            self._admin(f'drop database if exists "{self.sql_name(variant)}" with (force);')

    def swap_in(self) -> None:
        """Make the restored variant the live one, in one transaction.

        The previous one is kept as ``before_restore``. If that exists already, from a restore that
        was interrupted, it is the original and is kept instead. The caller must have stopped the
        service.
        """
        kept: DatabaseVariant = "discarded" if self.exists("before_restore") else "before_restore"
        self.drop("discarded")
        moves = [(self.sql_name("restored"), self.sql_name())]
        if self.exists():
            moves.insert(0, (self.sql_name(), self.sql_name(kept)))
        names = ", ".join(f"'{old}'" for old, _ in moves)
        renames = "\n".join(f'alter database "{old}" rename to "{new}";' for old, new in moves)
        self._admin(
            f"select pg_terminate_backend(pid) from pg_stat_activity where datname in ({names});\n"  # noqa: S608 - our own names
            f"begin;\n{renames}\ncommit;"
        )
        self.drop("discarded")

    def _admin(self, sql: str) -> tuple[str, ...]:
        with self.shell.session(_MAINTENANCE, admin=True) as session:
            return session.ask(sql)


def compare_rows(wanted: Mapping[str, int], found: Mapping[str, int]) -> str:
    """Describe the tables whose rows differ, the first five; empty if none does."""
    names = sorted(
        name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)
    )
    differences = (
        f"{name} has {found.get(name, 'no table')} instead of {wanted.get(name, 'none')}"
        for name in names[:5]
    )
    return "; ".join(differences) + (f"; and {len(names) - 5} more" if len(names) > 5 else "")
