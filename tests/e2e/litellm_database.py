"""The databases of a running stack, through the psql and pg_dump of its environment."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from gatewayctl.runtimes.embedded.environment import Environment
from gatewayctl.runtimes.embedded.services import LITELLM_USER, PHOENIX_USER
from tests.e2e.conftest import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class LiteLLMDatabase:
    """LiteLLM's database of one running project."""

    project: Project
    environment: Environment
    name = "litellm"
    user = LITELLM_USER
    password = "LITELLM_POSTGRES_PASSWORD"

    def query(self, sql: str) -> str:
        """Run statements and return their rows."""
        return self._run("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", stdin=sql)

    def dump(self, table: str) -> str:
        """One table as SQL."""
        return self._run("pg_dump", "--table", f'"{table}"')

    def _run(self, program: str, *arguments: str, stdin: str = "") -> str:
        done = subprocess.run(
            [str(self.environment.postgres_bin / program), *arguments],
            env={
                "PGHOST": "127.0.0.1",
                "PGPORT": str(self.project.ports["postgres_litellm"]),
                "PGUSER": self.user,
                "PGDATABASE": self.name,
                "PGPASSWORD": self.project.secrets()[self.password],
            },
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout


class PhoenixDatabase(LiteLLMDatabase):
    """Phoenix's database of one running project."""

    name = "phoenix"
    user = PHOENIX_USER
    password = "POSTGRES_PASSWORD"
