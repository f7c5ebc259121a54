from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.errors import RuntimeProblem
from gatewayctl.runtimes.database import Database, compare_rows
from gatewayctl.runtimes.databases import databases
from tests.fakes.database import FakeContent, FakeServer, FakeShell
from tests.fakes.driving import report_of
from tests.fakes.runtime import up_and_running


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def litellm(server: FakeServer) -> Database:
    return Database(name="litellm", shell=FakeShell(database="litellm", server=server))


def test_there_are_two_databases_with_litellms_first() -> None:
    assert [each.name for each in databases(up_and_running())] == ["litellm", "phoenix"]


def test_variants_are_databases_beside_the_live_one(litellm: Database) -> None:
    assert (litellm.sql_name(), litellm.sql_name("scratch")) == (
        "litellm",
        "litellm_scratch",
    )
    assert (litellm.exists(), litellm.exists("scratch")) == (True, False)
    assert (litellm.size(), litellm.server_version()) == (4096, "16.14")


def test_a_dump_is_loaded_into_a_variant_with_every_row(
    litellm: Database, server: FakeServer, tmp_path: Path
) -> None:
    rows = report_of(litellm.dump(tmp_path / "dump"))
    report_of(litellm.load(tmp_path / "dump", "scratch"))

    assert litellm.rows("scratch") == rows == litellm.rows()
    assert set(server.databases) == {"litellm", "phoenix", "litellm_scratch"}


def test_an_existing_variant_is_recreated(
    litellm: Database, server: FakeServer, tmp_path: Path
) -> None:
    server.databases["litellm_scratch"] = FakeContent(rows={"old": 1})
    report_of(litellm.dump(tmp_path / "dump"))

    report_of(litellm.load(tmp_path / "dump", "scratch"))

    assert "old" not in litellm.rows("scratch")


def test_a_new_database_belongs_to_its_owner_and_is_closed_to_others(
    litellm: Database, server: FakeServer
) -> None:
    litellm.create("restored")

    assert 'create database "litellm_restored" owner "litellm_user"' in server.told[-1]
    assert 'revoke connect on database "litellm_restored" from public' in server.told[-1]


@pytest.mark.parametrize("program", ["pg_dump", "pg_restore"])
def test_a_program_that_fails_is_reported_with_its_message(
    litellm: Database, server: FakeServer, tmp_path: Path, program: str
) -> None:
    (tmp_path / "dump").write_text("{}")
    server.raising = {program}

    with pytest.raises(RuntimeProblem, match=f"{program} of litellm failed: .*explodes"):
        report_of(
            litellm.dump(tmp_path / "new")
            if program == "pg_dump"
            else litellm.load(tmp_path / "dump", "scratch")
        )


def test_the_swap_is_one_transaction_and_keeps_the_old_one(
    litellm: Database, server: FakeServer
) -> None:
    server.databases["litellm_restored"] = FakeContent(rows={"new": 1})

    litellm.swap_in()

    assert litellm.rows() == {"new": 1}
    assert litellm.rows("before_restore")["LiteLLM_SpendLogs"] == 7
    assert not litellm.exists("restored")
    swap = next(line for line in server.told if "rename" in line)
    assert "pg_terminate_backend" in swap
    assert swap.index("begin;") < swap.index("alter") < swap.rindex("alter") < swap.index("commit;")


def test_a_second_swap_keeps_the_original_and_drops_the_incomplete_restore(
    litellm: Database, server: FakeServer
) -> None:
    server.databases["litellm_before_restore"] = FakeContent(rows={"original": 1})
    server.databases["litellm_restored"] = FakeContent(rows={"new": 1})

    litellm.swap_in()

    assert litellm.rows("before_restore") == {"original": 1}
    assert litellm.rows() == {"new": 1}
    assert set(server.databases) == {"litellm", "phoenix", "litellm_before_restore"}


def test_a_swap_without_a_live_database_only_renames_the_new_one(
    litellm: Database, server: FakeServer
) -> None:
    server.databases["litellm_restored"] = server.databases.pop("litellm")

    litellm.swap_in()

    assert set(server.databases) == {"litellm", "phoenix"}


def test_the_first_differences_are_listed() -> None:
    assert compare_rows({"a": 1}, {"a": 1}) == ""
    assert compare_rows({"a": 1, "b": 2}, {"a": 3}) == (
        "a has 3 instead of 1; b has no table instead of 2"
    )
    assert compare_rows({}, {"a": 1}) == "a has 1 instead of none"
    assert compare_rows({str(n): 1 for n in range(9)}, {}).endswith("; and 4 more")
