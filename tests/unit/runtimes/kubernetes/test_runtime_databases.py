from __future__ import annotations

import pytest

from gatewayctl.errors import ClusterForbidden, RuntimeProblem
from gatewayctl.runtimes.kubernetes.database_client import client_objects, open_external
from gatewayctl.runtimes.kubernetes.database_shell import ask_database, open_shell
from gatewayctl.runtimes.process import Completed
from gatewayctl.runtimes.releases import PreflightCheck
from gatewayctl.settings.declared.external_services import parse_database_url
from tests.unit.runtimes.kubernetes.stack import SECRETS, Stack, encoded, run

OPERATOR = "kubernetes: {postgres: cloudnative-pg}\n"
URL = "postgresql://owner:p%40ss@db.example.com:6432/gateway?sslmode=require"


def exec_argv(stack: Stack, *words: str) -> tuple[str, ...]:
    shell = open_shell(
        stack.cluster.kubectl(),
        stack.settings(),
        "litellm",
        is_healthy=lambda: True,
        start_server=lambda: None,
    )
    return shell.exec_argv(words)


def test_programs_run_in_the_pod_of_the_database(running: Stack) -> None:
    argv = exec_argv(running, "psql", "--username=litellm_user")

    assert argv[argv.index("exec") :] == (
        *("exec", "--stdin", "postgres-litellm-0", "--container", "postgres", "--"),
        *("psql", "--username=litellm_user"),
    )


def test_a_database_that_is_down_has_no_programs(stack: Stack) -> None:
    with pytest.raises(RuntimeProblem, match="postgres-litellm is not running"):
        exec_argv(stack, "psql")


def test_the_primary_of_the_operators_pods_is_used_as_its_superuser(stack: Stack) -> None:
    stack.yaml = OPERATOR
    for name, role in (("postgres-litellm-1", "replica"), ("postgres-litellm-2", "primary")):
        labels = {"cnpg.io/cluster": "postgres-litellm", "cnpg.io/instanceRole": role}
        pod = stack.cluster.add("Pod", name, labels)
        pod["spec"] = {"containers": [{"name": "postgres", "image": "postgres:16"}]}
        pod["status"] = {"phase": "Running"}

    argv = exec_argv(stack, "psql", "--username=litellm_user")

    assert "postgres-litellm-2" in argv
    assert argv[argv.index("--") + 1 :] == (
        *("env", "PGOPTIONS=-c role=litellm_user", "psql", "--username=postgres"),
    )


def test_only_the_database_is_started_for_its_programs(stack: Stack) -> None:
    stack.runtime.shell("litellm").start()

    assert set(stack.cluster.of("StatefulSet")) == {"postgres-litellm"}
    assert stack.cluster.of("Deployment") == {}


def test_an_emptied_database_is_migrated_again_by_the_next_start(running: Stack) -> None:
    run(running.runtime.empty_litellm_database())

    assert running.cluster.pods_of("litellm") == []
    assert running.cluster.of("Job") == {}
    assert any("drop database if exists litellm" in sql for sql in running.cluster.told)
    assert any("create database litellm owner litellm_user" in s for s in running.cluster.told)
    run(running.runtime.start())
    assert len(running.cluster.of("Job")) == 1


def test_an_emptied_database_can_get_another_salt_key(running: Stack) -> None:
    run(running.runtime.empty_litellm_database())
    running.env["LITELLM_SALT_KEY"] = "sk-salt-another-0123456789"

    run(running.runtime.start())

    found = running.runtime.find_salt_key()
    assert found is not None
    assert found.reveal() == "sk-salt-another-0123456789"


def test_the_login_of_a_database_of_others_is_in_a_secret_alone(stack: Stack) -> None:
    secret, pod = client_objects(stack.settings(), parse_database_url(URL))

    assert "p@ss" not in str(pod)
    assert pod["spec"]["containers"][0]["envFrom"] == [{"secretRef": {"name": "database-client"}}]
    assert "PGPASSWORD" in secret["data"]
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True


def test_a_preflight_runs_in_a_pod_that_is_removed(running: Stack) -> None:
    running.cluster.exits["preflight-configuration"] = Completed(
        returncode=0, stdout="LiteLLM: config OK (6 models)\n", stderr=""
    )
    running.cluster.exits["preflight-migrations"] = Completed(
        returncode=2, stdout="Error: No such option '--check'.\n", stderr=""
    )
    from gatewayctl.rendering.plan import plan_files

    checks = run(running.runtime.run_preflight(plan_files(running.settings())))

    assert checks == (
        PreflightCheck(name="configuration", passed=True, said="config OK (6 models)"),
        PreflightCheck(name="migrations", passed=None, said="this release has no such check"),
    )
    assert not [name for name in running.cluster.of("Pod") if name.startswith("preflight")]
    assert run(running.runtime.start()).unchanged


def test_the_client_of_an_external_database_is_replaced_when_its_url_changes(stack: Stack) -> None:
    stack.yaml = "services: {postgres: {url_env: MY_URL}}\n"
    stack.cluster.add("Namespace", "shop")
    changes = []
    for url in (URL, URL, URL.replace("db.example.com", "other.example.com")):
        stack.env["MY_URL"] = url
        stack.cluster.changes.clear()
        external = open_external(stack.cluster.kubectl(), stack.settings())
        assert external is not None
        with external.connect(external.url):
            pass
        changes.append(list(stack.cluster.changes))

    create = ["apply Secret database-client", "apply Pod database-client"]
    assert changes == [create, [], ["delete Pod database-client", *create]]


def test_a_program_that_could_not_be_run_is_no_refusal_of_the_database(running: Stack) -> None:
    refusal = "Error from server (Forbidden): pods is forbidden: no exec for you"
    running.cluster.failing.append((("exec",), refusal))

    with pytest.raises(ClusterForbidden):
        ask_database(running.cluster.kubectl(), running.settings(), "litellm", "select 1;")


def test_a_database_is_emptied_without_listing_the_secrets_of_others(stack: Stack) -> None:
    stack.yaml = "kubernetes: {secrets: {from: vault}}\n"
    stack.cluster.add("Namespace", "shop")
    stack.cluster.add("Secret", "vault")["data"] = encoded(SECRETS)
    run(stack.runtime.start())
    stack.cluster.calls.clear()

    run(stack.runtime.empty_litellm_database())

    assert not any({"get", "secrets"} <= set(words) for words in stack.cluster.calls)
    assert "vault" in stack.cluster.of("Secret")
