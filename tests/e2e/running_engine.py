"""One query engine on a scratch database, spoken to as the Python client speaks to it."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.conftest import free_ports
from tests.e2e.scratch_postgres import PASSWORD, ScratchPostgres

SCHEMA = """
datasource client {
  provider = "postgresql"
  url      = env("DATABASE_URL")
}

model Team {
  id       String   @id
  metadata Json     @default("{}")
  maybe    Json?
  big      BigInt?
  price    Decimal?
  at       DateTime @default(now())
  content  Bytes?
  spend    Float    @default(0)
  models   String[]
  keys     Key[]
}

model Key {
  token    String  @id
  metadata Json    @default("{}")
  team_id  String?
  team     Team?   @relation(fields: [team_id], references: [id])
}
"""
TABLES = """
CREATE TABLE "Team" (
    id text PRIMARY KEY, metadata jsonb NOT NULL DEFAULT '{}', maybe jsonb, big bigint,
    price numeric, at timestamp(3) NOT NULL DEFAULT now(), content bytea,
    spend float8 NOT NULL DEFAULT 0, models text[]
);
CREATE TABLE "Key" (
    token text PRIMARY KEY, metadata jsonb NOT NULL DEFAULT '{}',
    team_id text REFERENCES "Team" (id)
);
"""
POOL_SIZE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """One running engine."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def post(self, path: str, body: Any, **headers: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", path, json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def ask(self, document: str, transaction: str | None = None) -> Any:
        headers = {"X-transaction-id": transaction} if transaction else {}
        body = {"query": document, "variables": {}, "operation_name": "query"}
        return self.post("/", body, **headers)[1]

    def result(self, document: str, transaction: str | None = None) -> Any:
        answer = self.ask(document, transaction)
        assert "errors" not in answer, answer
        return answer["data"]["result"]

    def raw(self, sql: str, *parameters: Any) -> Any:
        words = f"query: {json.dumps(sql)}, parameters: {json.dumps(json.dumps(parameters))}"
        return self.result(f"mutation {{ result: queryRaw({words}) }}")

    def error_code(self, document: str) -> str:
        code: str = self.ask(document)["errors"][0]["user_facing_error"]["error_code"]
        return code

    def begin(self, timeout: int = 10_000) -> str:
        status, body = self.post("/transaction/start", {"timeout": timeout, "max_wait": 2000})
        assert status == 200, body
        identifier: str = body["id"]
        return identifier


@contextmanager
def running(
    environment: Any, server: ScratchPostgres, folder: Path, *, wrapper: tuple[str, ...] = ()
) -> Iterator[Engine]:
    schema = folder / "schema.prisma"
    schema.write_text(SCHEMA)
    log = folder / "engine.log"
    (port,) = free_ports(1)
    query = f"connection_limit={POOL_SIZE}&pool_timeout=5&schema=public"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*wrapper, str(environment.query_engine), "-p", str(port), "--enable-raw-queries"],
            env={
                "PATH": os.defpath,
                "GATEWAYCTL_NODE": str(environment.node),
                "NODE_PATH": str(environment.node_modules),
                "PRISMA_DML_PATH": str(schema),
                "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{server.port}/postgres?{query}",
                "PGPASSWORD": PASSWORD,
            },
            stdout=output,
            stderr=output,
        )
    try:
        engine = Engine(port=port, process=process, log=log)
        wait_until(lambda: is_up(port), f"no engine: {log.read_text()}")
        yield engine
    finally:
        process.kill()
        process.wait()


def is_up(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/status")
        return bool(json.loads(connection.getresponse().read()) == {"status": "ok"})
    except OSError:
        return False
    finally:
        connection.close()


def wait_until(condition: Any, otherwise: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.02)
