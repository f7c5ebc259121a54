"""LiteLLM's database on a server of others: its client programs run in a pod of ours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gatewayctl.settings.model import Images
from tests.e2e.docker.containers import running
from tests.e2e.kubernetes.cluster import Cluster
from tests.e2e.kubernetes.exposure import find_exposed
from tests.e2e.kubernetes.stacks import new_stack, roll_out
from tests.e2e.test_backup import is_accepted

PASSWORD = "pass-word-of-the-team"
COUNT = "select count(*) from shop.orders"


@pytest.mark.full
@pytest.mark.timeout(1200)
def test_litellm_s_data_is_with_others_and_backup_and_reset_reach_it(
    cluster: Cluster, tmp_path: Path
) -> None:
    with running(Images().postgres, env={"POSTGRES_PASSWORD": PASSWORD}) as server:
        server.until_works("pg_isready", "-h", "127.0.0.1")
        psql = ("psql", "-U", "postgres", "-qAtc")
        table = "create schema shop; create table shop.orders as select 7 as id"
        assert server.exec(*psql, table).returncode == 0
        url = f"postgresql://postgres:{PASSWORD}@{server.address}:5432/postgres"
        more = "services: {postgres: {url_env: DB_URL}}\n"
        with new_stack(cluster, tmp_path, "external", more=more) as project:
            (project.folder / ".env").write_text(f"DB_URL={url}\n", encoding="utf-8")

            roll_out(project, "up")
            call = project.data("chat", "--model", "demo", "--verify", "Hello")
            status = project.data("status")
            pod = ("get", "secret,pod", "--namespace", project.name, "--output", "name")
            untouched = "database-client" not in cluster.ok(*pod)
            backup = project.data("backup")
            looked = [each["usable"] for each in project.data("status")["external"]]
            exposed = find_exposed(cluster, project)
            key = project.secrets()["LITELLM_API_KEY"]
            reset = roll_out(project, "reset", "--yes", "--no-backup", "--keep-keys")

            assert call["verified"] is True
            assert "postgres-litellm" not in {each["service"] for each in status["services"]}
            assert backup["contents"]["virtual_keys"] == 2
            assert exposed == []
            assert PASSWORD not in json.dumps(status)
            assert status["external"][0]["usable"] is None
            assert untouched
            assert looked == [True]
            assert reset["keys_kept"] == 2
            assert is_accepted(project, key)
            assert server.exec(*psql, COUNT).stdout.strip() == "1"

            project.ok("down", "--volumes", "--yes")
            assert cluster.kubectl("get", "namespace", project.name).returncode != 0
        assert server.exec(*psql, COUNT).stdout.strip() == "1"
