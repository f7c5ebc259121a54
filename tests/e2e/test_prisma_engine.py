"""Queries through the query engine on a real PostgreSQL; its start and end have their own file."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.running_engine import POOL_SIZE, TABLES, Engine, running
from tests.e2e.scratch_postgres import ScratchPostgres, scratch_postgres

pytestmark = pytest.mark.e2e


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
    with running(embedded_environment, server, tmp_path_factory.mktemp("engine")) as engine:
        yield engine


@pytest.fixture
def engine(module_engine: Engine, server: ScratchPostgres) -> Engine:
    server.sql('TRUNCATE "Team", "Key"')
    return module_engine


def test_every_type_is_read_as_it_was_written(engine: Engine, server: ScratchPostgres) -> None:
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


def test_null_in_the_database_and_null_in_json_differ(engine: Engine) -> None:
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


def test_a_failed_nested_write_is_rolled_back(engine: Engine, server: ScratchPostgres) -> None:
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
    deleted = engine.result(
        'mutation { result: deleteManyTeam(where: {id: {in: ["a"]}}) { count } }'
    )
    assert deleted == {"count": 1}


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


def test_an_abandoned_transaction_releases_its_connection(engine: Engine) -> None:
    for _ in range(POOL_SIZE):
        engine.begin(timeout=200)
    # This waits for a connection until the pool times out.
    assert engine.raw("SELECT 1 AS one")["rows"] == [[1]]


def test_a_transaction_that_started_too_late_releases_its_connection(engine: Engine) -> None:
    held = [engine.begin() for _ in range(POOL_SIZE)]
    status, body = engine.post("/transaction/start", {"timeout": 5000, "max_wait": 100})
    assert (status, body["error_code"]) == (504, "P2028")
    for each in held:
        engine.post(f"/transaction/{each}/commit", {})
    again = [engine.begin() for _ in range(POOL_SIZE)]
    for each in again:
        assert engine.post(f"/transaction/{each}/rollback", {})[0] == 200


def test_batches_are_atomic_only_on_request(engine: Engine) -> None:
    def create(name: str) -> dict[str, Any]:
        document = f'mutation {{ result: createOneTeam(data: {{id: "{name}"}}) {{ id }} }}'
        return {"query": document, "variables": {}, "operation_name": "mutation"}

    _, answer = engine.post("/", {"batch": [create("a"), create("b")], "transaction": True})
    assert [one["data"]["result"]["id"] for one in answer["batchResult"]] == ["a", "b"]
    _, answer = engine.post("/", {"batch": [create("c"), create("a")], "transaction": True})
    assert "P2002" in json.dumps(answer)
    count = "query { result: aggregateTeam { _count { _all } } }"
    assert engine.result(count) == {"_count": {"_all": 2}}


def test_two_hundred_concurrent_queries_share_a_small_pool(
    engine: Engine, server: ScratchPostgres
) -> None:
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
