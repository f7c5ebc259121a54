"""Retention on the real stack: what is older is deleted, what is younger stays."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gatewayctl.runtimes.embedded.environment import Environment
from tests.e2e.conftest import Project, own_stack
from tests.e2e.litellm_database import LiteLLMDatabase, PhoenixDatabase
from tests.e2e.sweeps import prune_spend_logs_each_minute, sweep_traces

DECLARED = "retention: {traces: 30d, spend_logs: 90d}\n"
TRACES = """
insert into traces (project_rowid, trace_id, start_time, end_time)
select (select id from projects where name = 'gateway'), md5(n::text), moment, moment
from generate_series(1, 60) n, lateral (select now() - n * interval '1 day' moment) times;
insert into spans (trace_rowid, span_id, name, span_kind, start_time, end_time, attributes, events,
  status_code, status_message, cumulative_error_count, cumulative_llm_token_count_prompt,
  cumulative_llm_token_count_completion)
select id, left(trace_id, 16), 'old', 'LLM', start_time, end_time, '{}', '[]', 'OK', '', 0, 0, 0
from traces where id not in (select trace_rowid from spans);
"""
SPEND_LOGS = """
insert into "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime", status)
select 'old-' || n, 'acompletion', moment, moment, 'success' from generate_series(1, 120) n,
lateral (select (now() at time zone 'utc') - n * interval '1 day' moment) times
"""


@pytest.fixture(scope="module")
def project(
    embedded_environment: Environment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    assert embedded_environment.complete
    with own_stack(tmp_path_factory.mktemp("retention")) as made:
        made.ok("init")
        made.ok("up")
        made.ok("chat", "--model", "demo", "--verify", "Hello")
        declare(made, DECLARED)
        yield made


def declare(project: Project, text: str) -> None:
    file = project.folder / "gateway.yaml"
    file.write_text(file.read_text().replace(DECLARED, "") + text)


def pid(project: Project, service: str) -> int:
    services = json.loads(project.run("status", "--json").stdout)["data"]["services"]
    return next(int(each["pid"] or 0) for each in services if each["service"] == service)


def found(project: Project) -> set[str]:
    """The ids of what doctor finds."""
    document = json.loads(project.run("doctor", "--json").stdout)
    return {each["id"] for each in document["data"]["findings"]}


def planned(project: Project) -> tuple[int, Any]:
    done = project.run("plan", "--json")
    return done.returncode, json.loads(done.stdout)["data"]["retention"]


def change_in_phoenix(project: Project, **changes: Any) -> None:
    """As Phoenix's own page does."""
    asked = "{policy: defaultProjectTraceRetentionPolicy{id}}"
    url = f"{project.phoenix_url}/graphql"
    policy = httpx.post(url, json={"query": asked}, trust_env=False).json()["data"]["policy"]
    query = "mutation($i:PatchProjectTraceRetentionPolicyInput!){patchProjectTraceRetentionPolicy"
    answer = httpx.post(
        url,
        json={
            "query": f"{query}(input:$i){{node{{id}}}}}}",
            "variables": {"i": {"id": policy["id"], **changes}},
        },
        trust_env=False,
    ).json()
    assert "errors" not in answer


def test_up_applies_it_once(project: Project) -> None:
    assert planned(project) == (8, {"before": "all", "after": "30d"})

    first, second = project.data("up"), project.data("up")

    assert first["retention"] == {"before": "all", "after": "30d"}
    assert first["restarted"] == ["litellm"]
    assert (second["changed"], second["retention"]) == (False, None)
    assert planned(project) == (0, None)
    assert project.data("status")["retention"] == {"traces": "30d", "spend_logs": "90d"}


def test_phoenix_deletes_older_traces_only(
    project: Project, embedded_environment: Environment
) -> None:
    database = PhoenixDatabase(project=project, environment=embedded_environment)
    database.query(TRACES)
    assert "traces_not_deleted" in found(project)

    sweep_traces(embedded_environment, pid(project, "phoenix"))

    left = database.query("select count(*) from spans where name = 'old'")
    assert left.strip() == "29"
    oldest = database.query("select min(start_time) > now() - interval '30 days' from traces")
    assert oldest.strip() == "t"
    # That of the real call is still there.
    assert project.data("trace", "list", "--since", "1h")["calls"]


def test_a_policy_that_was_changed_in_phoenix_is_found_and_written_again(project: Project) -> None:
    change_in_phoenix(project, rule={"maxCount": {"maxCount": 5}}, cronExpression="0 3 * * *")

    assert planned(project) == (
        8,
        {"before": "the newest 5 (schedule 0 3 * * *)", "after": "30d"},
    )
    assert found(project) & {"trace_retention_differs", "traces_not_deleted"} == {
        "trace_retention_differs"
    }
    assert project.data("restart", "phoenix")["retention"]["after"] == "30d"
    assert planned(project) == (0, None)


def test_litellm_deletes_older_spend_logs_only(
    project: Project, embedded_environment: Environment
) -> None:
    database = LiteLLMDatabase(project=project, environment=embedded_environment)
    database.query(SPEND_LOGS)
    assert found(project) & {"spend_logs_not_deleted", "traces_not_deleted"} == {
        "spend_logs_not_deleted"
    }

    config = project.folder / "compose" / "litellm_config.yaml"
    prune_spend_logs_each_minute(config, pid(project, "litellm"))

    count = "select count(*) from \"LiteLLM_SpendLogs\" where request_id like 'old-%'"
    end = time.monotonic() + 200
    while int(database.query(count)) > 89 and time.monotonic() < end:
        time.sleep(0.5)
    assert int(database.query(count)) == 89
    oldest = "select min(\"startTime\") > now() at time zone 'utc' - interval '90 days'"
    assert database.query(f'{oldest} from "LiteLLM_SpendLogs"').strip() == "t"


def test_usage_and_reconcile_count_from_where_both_are_kept(project: Project) -> None:
    project.ok("up")
    used = project.data("usage", "--since", "100d")
    assert used["kept_since"] is not None
    assert project.data("usage", "--since", "80d")["kept_since"] is None

    compared = json.loads(project.run("usage", "reconcile", "--since", "100d", "--json").stdout)
    assert compared["data"]["retained"]
    # Planted rows have no counterpart; the real call has.
    assert compared["data"]["matched"] >= 1


def test_without_the_section_phoenix_keeps_all_again(project: Project) -> None:
    declare(project, "")

    assert planned(project) == (8, {"before": "30d", "after": "all"})
    assert project.data("up")["retention"] == {"before": "30d", "after": "all"}
    assert planned(project) == (0, None)
    assert "maximum_spend_logs" not in (project.folder / "compose/litellm_config.yaml").read_text()


def test_a_policy_of_the_operators_own_stays(project: Project) -> None:
    change_in_phoenix(project, rule={"maxDays": {"maxDays": 14}}, cronExpression="0 0 * * 0")

    assert planned(project) == (0, None)
    assert project.data("up")["retention"] is None
