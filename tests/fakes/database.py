"""A PostgreSQL that is a dictionary: it knows what gatewayctl asks, and nothing else."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from gatewayctl.errors import RuntimeProblem
from gatewayctl.runtimes.database_shell import ClientProgram
from gatewayctl.runtimes.process import Completed

_NAME = re.compile(r'database (?:if exists )?"(\w+)"')
_RENAME = re.compile(r'alter database "(\w+)" rename to "(\w+)"')


@dataclass
class FakeContent:
    """Rows by table; ``tokens`` are hashes of virtual keys, ``stored`` what LiteLLM encrypted."""

    rows: dict[str, int] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    unusable: list[str] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)


def _content() -> dict[str, FakeContent]:
    litellm = {"LiteLLM_VerificationToken": 2, "LiteLLM_SpendLogs": 7, "_prisma_migrations": 3}
    return {
        "litellm": FakeContent(rows=litellm),
        "phoenix": FakeContent(rows={"traces": 4, "spans": 11}),
    }


@dataclass
class FakeServer:
    """``raising`` are programs that fail; ``loses`` a table whose rows are lost on the way.

    ``free`` are the bytes free on its disk, which is ``device`` for df; without one df fails.
    ``outdated`` are databases with the collation version of another C library.
    """

    databases: dict[str, FakeContent] = field(default_factory=_content)
    raising: set[str] = field(default_factory=set)
    loses: str | None = None
    free: int = 10**12
    device: str = "/dev/x"
    runs: Callable[[], bool] = lambda: True
    outdated: set[str] = field(default_factory=set)
    told: list[str] = field(default_factory=list)

    def answer(self, sql: str, database: str) -> list[str]:
        self.told.append(f"{database}: {' '.join(sql.split())}")
        if found := re.search(r"from pg_database where datname = '(\w+)'", sql):
            return ["1"] if found.group(1) in self.databases else []
        if "datcollversion" in sql:
            return [f"{name}|2.36|2.41" for name in sorted(self.outdated)]
        if "refresh collation version" in sql:
            self.outdated.discard(database)
            return []
        if "pg_database_size" in sql:
            return ["4096"]
        if "data_directory" in sql:
            return []
        if "df -Pk" in sql:
            heading = "Filesystem 1024-blocks Used Available Capacity Mounted on"
            line = f"{self.device} 1 1 {self.free // 1024} 50% /"
            return [heading, line] if self.device else []
        if "server_version" in sql:
            return ["16.14 (Debian)"]
        if "pg_export_snapshot" in sql:
            return ["00000003-1"]
        if r"\gexec" in sql:
            return [f"{name}|{count}" for name, count in self._at(database).rows.items()]
        if found := re.search(r'select count\(\*\) from "(\w+)"', sql):
            return [str(self._at(database).rows.get(found.group(1), 0))]
        if renames := _RENAME.findall(sql):
            for old, new in renames:
                assert new not in self.databases
                self.databases[new] = self.databases.pop(old)
            return []
        if "do $$" in sql:
            kept = ("LiteLLM_VerificationToken", "_prisma_migrations")
            content = self._at(database)
            content.rows = {table: n * (table in kept) for table, n in content.rows.items()}
            return []
        if "drop database" in sql or "create database" in sql:
            return self._made(sql)
        if "LiteLLM_VerificationToken" in sql:
            content = self._at(database)
            return content.tokens if "expires" in sql else content.tokens + content.unusable
        if "jsonb_each" in sql:
            return self._at(database).stored
        raise AssertionError(sql)

    def _made(self, sql: str) -> list[str]:
        for statement in sql.split(";"):
            name = _NAME.search(statement)
            if name and "drop" in statement:
                self.databases.pop(name.group(1), None)
            elif name and "create" in statement:
                self.databases[name.group(1)] = FakeContent()
        return []

    def _at(self, database: str) -> FakeContent:
        if database not in self.databases:
            raise RuntimeProblem(f'PostgreSQL refused: database "{database}" does not exist')
        return self.databases[database]

    def dump(self, database: str, file: Path) -> None:
        file.write_text(json.dumps(asdict(self._at(database))))

    def load(self, database: str, file: Path) -> None:
        content = FakeContent(**json.loads(file.read_text()))
        if self.loses in content.rows:
            content.rows[self.loses] -= 1
        self.databases[database] = copy.deepcopy(content)


@dataclass
class FakeSession:
    server: FakeServer
    database: str

    def ask(self, sql: str) -> tuple[str, ...]:
        return tuple(self.server.answer(sql, self.database))


@dataclass
class FakeShell:
    """Satisfies ``runtimes.database.DatabaseShell``."""

    database: str
    server: FakeServer
    begin: Callable[[], None] = lambda: None
    owner: str = "litellm_user"

    def is_running(self) -> bool:
        return self.server.runs() and self.database in self.server.databases

    def start(self) -> None:
        if not self.is_running():
            self.begin()
            self.server.databases.setdefault(self.database, FakeContent())

    @contextmanager
    def session(self, database: str, *, admin: bool = False) -> Iterator[FakeSession]:
        assert self.server.runs(), "the server does not run"
        yield FakeSession(self.server, database)

    def run(
        self,
        program: ClientProgram,
        *words: str,
        database: str,
        stdin: Path | None = None,
        stdout: Path | None = None,
    ) -> Generator[int, None, Completed]:
        assert self.server.runs(), "the server does not run"
        self.server.told.append(" ".join((program, *words, database)))
        yield 1
        failed = program in self.server.raising
        if stdout is not None and not failed:
            self.server.dump(database, stdout)
        if stdin is not None and not failed:
            self.server.load(database, stdin)
        yield 100
        said = f"{program}: error: it explodes" if failed else ""
        return Completed(returncode=int(failed), stdout="", stderr=said)
