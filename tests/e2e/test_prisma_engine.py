"""The query engine against a real PostgreSQL, spoken to as the Python client speaks to it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.scratch_postgres import PASSWORD, ScratchPostgres, free_port, scratch_postgres

pytestmark = pytest.mark.e2e

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
def _running(
    environment: Any, server: ScratchPostgres, folder: Path, *, wrapper: tuple[str, ...] = ()
) -> Iterator[Engine]:
    schema = folder / "schema.prisma"
    schema.write_text(SCHEMA)
    log = folder / "engine.log"
    port = free_port()
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
        _wait_until(lambda: _is_up(port), f"no engine: {log.read_text()}")
        yield engine
    finally:
        process.kill()
        process.wait()


def _is_up(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/status")
        return bool(json.loads(connection.getresponse().read()) == {"status": "ok"})
    except OSError:
        return False
    finally:
        connection.close()


def _wait_until(condition: Any, otherwise: str, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.02)


@pytest.fixture(scope="module")
def server(
    embedded_environment: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ScratchPostgres]:
    folder = tmp_path_factory.mktemp("postgres")
    with scratch_postgres(embedded_environment.postgres_bin, folder) as running:
        running.sql(TABLES)
        yield running


@pytest.fixture(scope="module")
def module_engine(
    embedded_environment: Any, server: ScratchPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    with _running(embedded_environment, server, tmp_path_factory.mktemp("engine")) as engine:
        yield engine


@pytest.fixture
def engine(module_engine: Engine, server: ScratchPostgres) -> Engine:
    server.sql('TRUNCATE "Team", "Key"')
    return module_engine


def test_the_version_is_answered_without_node(embedded_environment: Any) -> None:
    done = subprocess.run(
        [str(embedded_environment.query_engine), "--version"],
        env={"PATH": os.defpath, "GATEWAYCTL_NODE": "/nowhere"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "query-engine 393aa359c9ad4a4bb28630fb5613f9c281cde053\n"


def test_every_type_comes_back_as_it_went_in(engine: Engine, server: ScratchPostgres) -> None:
    document = json.dumps({"a": [1, None, 'q"uote'], "ü": {"$type": "Json", "value": "x"}})
    engine.result(
        f"""mutation {{ result: createOneTeam(data: {{
            id: "types", metadata: {json.dumps(document)}, maybe: "null",
            big: 9223372036854775807, price: "12345678901234567890.123456789",
            at: "2026-02-03T04:05:06.789+00:00", content: "AP8=", spend: 1e-7,
            models: ["a", "b c", "d\\"e"] }}) {{ id }} }}"""
    )
    found = engine.result(
        'query { result: findUniqueTeam(where: {id: "types"})'
        " { metadata maybe big price at content spend models } }"
    )
    assert json.loads(found.pop("metadata")) == json.loads(document)
    assert found == {
        "maybe": "null",
        "big": "9223372036854775807",
        "price": "12345678901234567890.123456789",
        "at": "2026-02-03T04:05:06.789Z",
        "content": "AP8=",
        "spend": 1e-07,
        "models": ["a", "b c", 'd"e'],
    }
    assert server.sql('SELECT jsonb_typeof(metadata), jsonb_typeof(maybe) FROM "Team"') == (
        "object|null"
    )


def test_null_in_the_database_and_null_in_json_are_two_things(engine: Engine) -> None:
    engine.result('mutation { result: createOneTeam(data: {id: "none"}) { id } }')
    engine.result('mutation { result: createOneTeam(data: {id: "json", maybe: "null"}) { id } }')
    found = engine.result("query { result: findManyTeam(orderBy: [{id: asc}]) { id maybe } }")
    assert found == [{"id": "json", "maybe": "null"}, {"id": "none", "maybe": None}]
    only = "query { result: findManyTeam(where: {maybe: {equals: DbNull}}) { id } }"
    assert engine.result(only) == [{"id": "none"}]


def test_json_filters_updates_and_sets_are_not_encoded_twice(
    engine: Engine, server: ScratchPostgres
) -> None:
    engine.result(
        'mutation { result: createOneTeam(data: {id: "a", metadata: "{\\"x\\": 1}"}) { id } }'
    )
    where = '{metadata: {equals: "{\\"x\\": 1}"}}'
    assert engine.result(f"query {{ result: findManyTeam(where: {where}) {{ id }} }}")
    engine.result(
        'mutation { result: updateOneTeam(where: {id: "a"},'
        ' data: {metadata: "[2]", models: {set: ["m"]}, spend: {increment: 1.5}}) { id } }'
    )
    assert server.sql('SELECT metadata, models, spend FROM "Team"') == "[2]|{m}|1.5"


def test_nested_writes_and_relations(engine: Engine) -> None:
    engine.result(
        """mutation { result: createOneTeam(data: {id: "a", keys: {
            create: [{token: "k1", metadata: "{\\"n\\": 1}"}],
            connectOrCreate: [{where: {token: "k2"}, create: {token: "k2"}}]
        }}) { id } }"""
    )
    where = '{keys: {some: {metadata: {equals: "{\\"n\\": 1}"}}}}'
    found = engine.result(
        f"query {{ result: findManyTeam(where: {where})"
        " { id keys(orderBy: [{token: asc}]) { token metadata } } }"
    )
    keys = [{"token": "k1", "metadata": '{"n":1}'}, {"token": "k2", "metadata": "{}"}]
    assert found == [{"id": "a", "keys": keys}]


def test_a_nested_write_that_fails_leaves_nothing(engine: Engine, server: ScratchPostgres) -> None:
    keys = '{create: [{token: "k"}, {token: "k"}]}'
    document = f'mutation {{ result: createOneTeam(data: {{id: "a", keys: {keys}}}) {{ id }} }}'
    assert engine.error_code(document) == "P2002"
    assert server.sql('SELECT count(*) FROM "Team"') == "0"


def test_upsert_count_group_and_delete_many(engine: Engine) -> None:
    upsert = (
        'mutation { result: upsertOneTeam(where: {id: "a"}, create: {id: "a"},'
        " update: {spend: {increment: 2}}) { spend } }"
    )
    assert [engine.result(upsert)["spend"] for _ in range(2)] == [0, 2]
    many = '[{id: "b", spend: 2}, {id: "c"}, {id: "a"}]'
    created = engine.result(
        f"mutation {{ result: createManyTeam(data: {many}, skipDuplicates: true) {{ count }} }}"
    )
    assert created == {"count": 2}
    count = engine.result("query { result: aggregateTeam { _count { _all } } }")
    assert count == {"_count": {"_all": 3}}
    groups = engine.result(
        "query { result: groupByTeam(by: [spend], orderBy: [{spend: asc}])"
        " { spend _count { _all } } }"
    )
    assert groups == [
        {"spend": 0, "_count": {"_all": 1}},
        {"spend": 2, "_count": {"_all": 2}},
    ]
    gone = engine.result('mutation { result: deleteManyTeam(where: {id: {in: ["a"]}}) { count } }')
    assert gone == {"count": 1}


def test_errors_keep_prismas_codes(engine: Engine) -> None:
    create = 'mutation { result: createOneTeam(data: {id: "a"}) { id } }'
    engine.result(create)
    assert engine.error_code(create) == "P2002"
    missing = 'mutation { result: updateOneTeam(where: {id: "x"}, data: {spend: 1}) { id } }'
    assert engine.error_code(missing) == "P2025"
    orphan = 'mutation { result: createOneKey(data: {token: "t", team_id: "x"}) { token } }'
    assert engine.error_code(orphan) == "P2003"
    assert engine.error_code("query { result: findManyNothing { id } }") == "P2009"
    answer = engine.ask('mutation { result: queryRaw(query: "SELECT * FROM x", parameters: "[]") }')
    facing = answer["errors"][0]["user_facing_error"]
    assert (facing["error_code"], facing["meta"]["code"]) == ("P2010", "42P01")


def test_raw_queries_take_parameters_and_return_typed_columns(engine: Engine) -> None:
    found = engine.raw(
        "SELECT $1::text AS t, $2::int AS i, $3::jsonb AS j, $4::text[] AS l, 5::bigint AS b,"
        " 1.50::numeric AS d, true AS y, NULL::text AS n, '\"s\"'::jsonb AS js",
        "a'b", 7, {"k": [1]}, ["x", "y"],
    )  # fmt: skip
    assert found["types"] == [
        "string", "int", "json", "string-array", "bigint", "decimal", "bool", "string", "json",
    ]  # fmt: skip
    row = ["a'b", 7, {"k": [1]}, ["x", "y"], "5", "1.5", True, None, "s"]
    assert found["rows"] == [row]


def test_execute_raw_counts_rows(engine: Engine) -> None:
    engine.result('mutation { result: createManyTeam(data: [{id: "a"}, {id: "b"}]) { count } }')
    sql = 'UPDATE \\"Team\\" SET spend = $1'
    counted = engine.result(f'mutation {{ result: executeRaw(query: "{sql}", parameters: "[3]") }}')
    assert counted == 2


def test_names_times_and_unknown_types(engine: Engine) -> None:
    names = engine.raw("SELECT array_agg(tablename ORDER BY tablename) AS n FROM pg_tables"
                       " WHERE schemaname = 'public'")  # fmt: skip
    assert names["rows"] == [[["Key", "Team"]]]
    moment = engine.raw("SELECT '2026-11-23 15:00:00.123456+02'::timestamptz AS t,"
                        " set_config('TimeZone', 'Asia/Kolkata', true) AS z,"
                        " pg_sleep(0) AS nothing, '1 day'::interval AS i")  # fmt: skip
    assert moment["rows"][0][0] == "2026-11-23T13:00:00.123456+00:00"
    assert moment["rows"][0][3] == "1 day"


def test_interactive_transactions(engine: Engine) -> None:
    create = 'mutation {{ result: createOneTeam(data: {{id: "{}"}}) {{ id }} }}'
    count = "query { result: findManyTeam { id } }"
    kept = engine.begin()
    engine.result(create.format("kept"), kept)
    assert engine.result(count) == []
    assert engine.post(f"/transaction/{kept}/commit", {})[0] == 200
    dropped = engine.begin()
    engine.result(create.format("dropped"), dropped)
    assert engine.post(f"/transaction/{dropped}/rollback", {})[0] == 200
    assert engine.result(count) == [{"id": "kept"}]
    status, body = engine.post(f"/transaction/{dropped}/commit", {})
    assert status in {404, 422}
    assert body["error_code"] == "P2028"


def test_a_transaction_nobody_ends_gives_its_connection_back(engine: Engine) -> None:
    for _ in range(POOL_SIZE):
        engine.begin(timeout=200)
    time.sleep(0.6)
    assert engine.raw("SELECT 1 AS one")["rows"] == [[1]]


def test_batches_are_all_or_nothing_only_when_asked(engine: Engine) -> None:
    def create(name: str) -> dict[str, Any]:
        document = f'mutation {{ result: createOneTeam(data: {{id: "{name}"}}) {{ id }} }}'
        return {"query": document, "variables": {}, "operation_name": "mutation"}

    _, answer = engine.post("/", {"batch": [create("a"), create("b")], "transaction": True})
    assert [one["data"]["result"]["id"] for one in answer["batchResult"]] == ["a", "b"]
    _, answer = engine.post("/", {"batch": [create("c"), create("a")], "transaction": True})
    assert "P2002" in json.dumps(answer)
    count = "query { result: aggregateTeam { _count { _all } } }"
    assert engine.result(count) == {"_count": {"_all": 2}}


def test_two_hundred_at_once_share_a_small_pool(engine: Engine, server: ScratchPostgres) -> None:
    def create(number: int) -> str:
        document = f'mutation {{ result: createOneTeam(data: {{id: "{number}"}}) {{ id }} }}'
        identifier: str = engine.result(document)["id"]
        return identifier

    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(create, range(200))) == {str(number) for number in range(200)}
    used = server.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'gate%'")
    assert int(used) <= POOL_SIZE


def test_metrics_have_both_forms(engine: Engine) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", engine.port)
    connection.request("GET", "/metrics?format=json")
    gauges = {one["key"]: one["value"] for one in json.load(connection.getresponse())["gauges"]}
    assert gauges["prisma_pool_connections_open"] >= 1
    connection.request("GET", "/metrics?format=prometheus")
    assert b"# TYPE prisma_pool_connections_open gauge" in connection.getresponse().read()
    connection.close()


def test_it_survives_a_restart_of_the_database(
    embedded_environment: Any, server: ScratchPostgres, tmp_path: Path
) -> None:
    one = 'mutation { result: queryRaw(query: "SELECT 1", parameters: "[]") }'
    with _running(embedded_environment, server, tmp_path) as engine:
        # As many as the pool holds: a connection lost inside a transaction must come back to it.
        open_transactions = [engine.begin() for _ in range(POOL_SIZE)]
        server.stop()
        try:
            assert engine.error_code(one) == "P1001"
            for each in open_transactions:
                engine.post(f"/transaction/{each}/commit", {})
            assert engine.error_code(one) == "P1001"
        finally:
            server.start()
        for _ in range(POOL_SIZE + 1):
            assert engine.raw("SELECT 1 AS one")["rows"] == [[1]]
        assert engine.process.poll() is None
        assert PASSWORD not in engine.log.read_text()


def test_it_starts_before_the_database_does(
    embedded_environment: Any, server: ScratchPostgres, tmp_path: Path
) -> None:
    server.stop()
    try:
        with _running(embedded_environment, server, tmp_path) as engine:
            code = engine.error_code("query { result: findManyTeam { id } }")
            assert code == "P1001"
            server.start()
            assert engine.raw("SELECT 1 AS one")["rows"] == [[1]]
    finally:
        server.start()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_quickly_when_asked(
    embedded_environment: Any, server: ScratchPostgres, tmp_path: Path, number: signal.Signals
) -> None:
    with _running(embedded_environment, server, tmp_path) as engine:
        engine.begin()  # a busy connection must not hold it up
        started = time.monotonic()
        engine.process.send_signal(number)
        assert engine.process.wait(5) == 0
        assert time.monotonic() - started < 1


def test_it_ends_when_its_parent_is_killed(
    embedded_environment: Any, server: ScratchPostgres, tmp_path: Path
) -> None:
    parent = (
        "import subprocess, sys; child = subprocess.Popen(sys.argv[1:]); "
        "print(child.pid, flush=True); child.wait()"
    )
    wrapper = (sys.executable, "-c", parent)
    with _running(embedded_environment, server, tmp_path, wrapper=wrapper) as engine:
        child = int(engine.log.read_text().split()[0])
        assert Path(f"/proc/{child}/comm").read_text().strip() == "query-engine"
        engine.process.kill()
        engine.process.wait()
        _wait_until(lambda: not _alive(child), "the engine outlived its parent", 3)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
