"""LiteLLM's database and the trace stores on servers that others run, on the real stack."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import trustme

from gatewayctl.runtimes.embedded.environment import Environment
from tests.e2e.conftest import Project, make_project, own_stack
from tests.e2e.other_phoenix import API_KEY, OtherPhoenix, other_phoenix
from tests.e2e.scratch_postgres import ScratchPostgres, scratch_postgres
from tests.fakes.collector import Collector, collecting
from tests.fakes.tls_front import tls_front

PASSWORD = "p@ss/w%rd-of-the-team"
QUOTED = "p%40ss%2Fw%25rd-of-the-team"
TOKEN = "dGVhbTpzZWNyZXQtb2YtdGhlLXRlYW0="
NOWHERE = "http://127.0.0.1:9"


@dataclass(frozen=True, kw_only=True)
class Company:
    """A project, and what others run for it."""

    project: Project
    server: ScratchPostgres
    phoenix: OtherPhoenix
    collector: Collector


@pytest.fixture(scope="module")
def company(
    embedded_environment: Environment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Company]:
    """A running project without a server of its own: only LiteLLM is its process."""
    folder = tmp_path_factory.mktemp("company")
    with ExitStack() as stack:
        server = stack.enter_context(
            scratch_postgres(embedded_environment.postgres_bin, folder / "postgres")
        )
        server.sql(f"create role team login password '{PASSWORD}'")
        server.sql("create database company owner team")
        server.sql(
            "create schema shop; grant create on database company to team;"
            "create table shop.orders as select 7 as id;"
            "create table public.customers as select 8 as id",
            "company",
        )
        phoenix = stack.enter_context(other_phoenix(embedded_environment, folder / "phoenix"))
        collector = stack.enter_context(collecting())
        project = stack.enter_context(own_stack(folder / "project"))
        write(project, server, stores(phoenix, collector))
        project.ok("up", "--timeout", "240")
        yield Company(project=project, server=server, phoenix=phoenix, collector=collector)


def stores(phoenix: OtherPhoenix, collector: Collector) -> dict[str, Any]:
    """The section `tracing:`; one of the stores is down."""
    return {
        "collector": {"endpoint": collector.url, "headers_env": "COLLECTOR_HEADERS"},
        "down": NOWHERE,
        "team": {
            "endpoint": phoenix.url,
            "kind": "phoenix",
            "api_key_env": "TEAM_PHOENIX_KEY",
            "project": "the gate",
        },
    }


def write(
    project: Project, server: ScratchPostgres, tracing: object, *, user: str = "team"
) -> None:
    """Declare the services of others in gateway.yaml, and their credentials in .env."""
    config = project.folder / "gateway.yaml"
    own = config.read_text(encoding="utf-8").partition("services:")[0]
    sections = {"services": {"postgres": {"url_env": "TEAM_DATABASE_URL"}}, "tracing": tracing}
    rest = "".join(f"{name}: {json.dumps(value)}\n" for name, value in sections.items())
    config.write_text(own + rest, encoding="utf-8")
    address = f"team:{QUOTED}@127.0.0.1:{server.port}"
    file = project.folder / ".env"
    if not file.exists():
        file.write_text(
            f"TEAM_DATABASE_URL=postgresql://{address}/company?schema=gateway\n"
            f"TEAM_PHOENIX_KEY={API_KEY}\n"
            f"COLLECTOR_HEADERS=Authorization=Basic%20{TOKEN},x-team=gate\n",
            encoding="utf-8",
        )
        file.chmod(0o600)


def wait_until(condition: Callable[[], bool], *, seconds: float = 20) -> bool:
    """True as soon as the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def data_of(project: Project, *words: str, code: int) -> Any:
    """The document of a command that ends with this code."""
    done = project.run(*words, "--json")
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout)


def test_a_call_is_verified_in_the_phoenix_of_others_and_reaches_every_store(
    company: Company,
) -> None:
    project = company.project

    call = project.data("chat", "Hello", "--component", "passthrough", "--verify")

    trace = call["trace_id"]
    assert call["verified"] is True
    assert "The trace store down does not answer" in call["warnings"][0]
    kinds = [span["span_kind"] for span in company.phoenix.spans("the gate", trace)]
    assert sorted(kinds).count("LLM") == 1
    assert {"gatewayctl chat", "chat demo"} <= set(company.collector.spans[trace])
    assert len(company.collector.spans[trace]) == len(kinds)
    sent = company.collector.headers[-1]
    assert (sent["authorization"], sent["x-team"]) == (f"Basic {TOKEN}", "gate")
    calls = project.data("trace", "list", "--component", "passthrough")["calls"]
    assert [each["trace_id"] for each in calls] == [trace]
    assert project.data("trace", "verify", trace)["verdict"] == "verified"
    assert project.data("usage", "reconcile", "--since", "10m")["matched"] == 1


def test_status_names_the_services_of_others_and_no_server_of_ones_own_runs(
    company: Company,
) -> None:
    document = data_of(company.project, "status", code=4)

    report = document["data"]
    assert [each["service"] for each in report["services"]] == ["litellm"]
    assert report["services"][0]["health"] == "healthy"
    external = {each["name"]: each for each in report["external"]}
    assert {name: each["usable"] for name, each in external.items()} == {
        "postgres": True, "collector": True, "down": False, "team": True,
    }  # fmt: skip
    assert external["postgres"]["address"] == f"127.0.0.1:{company.server.port}/company"
    assert (external["team"]["queryable"], external["collector"]["queryable"]) == (True, False)
    assert report["phoenix_url"] == company.phoenix.url
    found = data_of(company.project, "doctor", code=7)["data"]
    assert "trace_store_unusable" in [each["id"] for each in found["findings"]]
    assert {each["name"]: each["state"] for each in found["checks"]}["traces"] == "ran"
    assert not (company.project.folder / ".gatewayctl/postgres/data").exists()


def test_no_credential_of_others_is_in_a_file_a_log_or_a_command_line(company: Company) -> None:
    secrets = (PASSWORD, QUOTED, API_KEY, TOKEN)

    lines = [
        " ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])
    ]
    files = [*(company.project.folder / "compose").iterdir()]
    files += (company.project.folder / ".gatewayctl").rglob("*.log")
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in files if path.is_file()]

    assert [text for text in (*lines, *texts) for each in secrets if each in text] == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://team:wrong-password@127.0.0.1:{port}/company", "authentication failed"),
        (None, "is not set"),
        *(
            pytest.param(url, said, marks=pytest.mark.full)
            for url, said in (
                ("postgresql://team:x@127.0.0.1:{port}/nothing", "authentication failed"),
                ("postgresql://team:x@127.0.0.1:9/company", "refused"),
                (
                    "postgresql://team:x@127.0.0.1:{port}/company?sslmode=require",
                    "does not support TLS",
                ),
            )
        ),
    ],
)
def test_a_database_that_cannot_be_used_is_reported_before_anything_starts(
    company: Company, tmp_path: Path, url: str | None, said: str
) -> None:
    project = make_project(tmp_path / "project")
    write(project, company.server, "none")
    line = "" if url is None else f"TEAM_DATABASE_URL={url.format(port=company.server.port)}\n"
    (project.folder / ".env").write_text(line, encoding="utf-8")

    error = data_of(project, "up", code=4)["error"]

    assert error["code"] == "external_database_unusable"
    assert said in error["message"]
    assert "wrong-password" not in f"{error}"
    assert project.run("status").returncode == 4
    assert not (project.folder / ".gatewayctl/run/supervisord.pid").exists()


def test_a_reset_empties_only_litellm_s_tables_and_a_restore_is_refused(company: Company) -> None:
    project, server = company.project, company.server
    others = "select count(*) from shop.orders union all select count(*) from public.customers"

    backup = project.data("backup")
    reset = project.data("reset", "--yes", "--no-backup", "--keep-keys")

    assert backup["contents"]["virtual_keys"] == 2
    assert reset["keys_kept"] == 2
    assert server.sql('select count(*) from gateway."LiteLLM_SpendLogs"', "company") == "0"
    assert server.sql(others, "company") == "1\n1"
    assert "company" in server.sql("select datname from pg_database")
    error = data_of(project, "restore", backup["file"], "--yes", code=4)["error"]
    assert error["code"] == "external_database_unusable"
    assert project.run("keys", "check").returncode == 0


@pytest.mark.full
def test_a_whole_reset_makes_new_keys_and_down_leaves_the_data_of_others(company: Company) -> None:
    project, server = company.project, company.server
    before = project.secrets()["LITELLM_API_KEY"]

    done = project.data("reset", "--yes")
    removed = project.data("down", "--volumes", "--yes")

    assert Path(done["backup"]).exists()
    assert project.secrets()["LITELLM_API_KEY"] != before
    assert any("TEAM_DATABASE_URL" in each for each in removed["external"])
    tokens = 'select count(*) from gateway."LiteLLM_VerificationToken"'
    assert server.sql(tokens, "company") == "2"
    project.ok("up", "--timeout", "240")
    assert project.run("keys", "check").returncode == 0


@pytest.mark.full
def test_where_no_store_can_be_asked_traces_arrive_and_nothing_claims_to_be_verified(
    company: Company,
) -> None:
    project = company.project
    write(project, company.server, {"collector": {"endpoint": company.collector.url}})

    project.ok("up", "--timeout", "240")
    document = data_of(project, "chat", "Hello", "--verify", code=7)

    trace = document["data"]["trace_id"]
    assert document["error"]["code"] == "trace_store_not_queryable"
    assert "cannot be asked" in document["error"]["message"]
    assert document["data"]["verified"] is None
    assert wait_until(lambda: {"gatewayctl chat", "chat demo"} <= company.collector.names(trace))
    for words in (("trace", "list"), ("trace", "verify", trace), ("usage", "reconcile")):
        assert data_of(project, *words, code=7)["error"]["code"] == "trace_store_not_queryable"
    found = project.data("doctor")
    skipped = {each["name"]: each for each in found["checks"]}
    assert "cannot be asked" in skipped["traces"]["why"]
    assert project.data("usage", "--by", "component")["rows"]


@pytest.mark.full
def test_a_server_that_requires_tls_is_used_with_it_and_its_certificate_is_verified(
    company: Company, tmp_path: Path
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(
        tmp_path / "server.pem"
    )
    with (
        tls_front(company.server.port, tmp_path / "server.pem") as port,
        own_stack(tmp_path / "project") as project,
    ):
        write(project, company.server, "none")
        # LiteLLM's migrations find the constraints of another schema, and fail.
        company.server.sql("CREATE DATABASE secured OWNER team")
        address = f"postgresql://team:{QUOTED}@localhost:{port}/secured?sslmode="

        def use(mode: str) -> None:
            (project.folder / ".env").write_text(f"TEAM_DATABASE_URL={address}{mode}\n")

        use("verify-full")
        error = data_of(project, "up", code=4)["error"]
        assert "its certificate is refused" in error["message"]
        use(f"verify-full&sslrootcert={tmp_path / 'ca.pem'}")
        project.ok("up", "--timeout", "240")

        assert project.data("backup")["contents"]["virtual_keys"] == 2
        assert project.ok("chat", "--model", "demo", "Hello")
        assert [each["usable"] for each in project.data("status")["external"]] == [True]
