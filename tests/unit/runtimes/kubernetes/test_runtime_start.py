from __future__ import annotations

import base64
import json

import pytest

from gatewayctl.errors import (
    ClusterForbidden,
    NotHealthyInTime,
    ObjectInvalid,
    ProjectNameTaken,
    RuntimeUnavailable,
    SaltKeyChanged,
    SettingsProblem,
)
from gatewayctl.generators import drain
from tests.fakes.cluster import VERSIONS, Killed
from tests.fakes.cluster_controllers import waiting
from tests.unit.runtimes.kubernetes.stack import (
    SECRETS,
    SERVICES,
    Stack,
    collect,
    encoded,
    kinds,
    run,
)

REPLICAS = "kubernetes: {replicas: 2}\n"
AUTOSCALING = "kubernetes: {autoscaling: {min: 2, max: 5}}\n"


def test_a_start_applies_databases_then_migrations_then_services(stack: Stack) -> None:
    report = run(stack.runtime.start())

    order = kinds(stack.cluster.changes)
    steps = [
        *("apply Namespace shop", "apply Secret litellm", "apply StatefulSet postgres-litellm"),
        *("apply Job litellm-migrate", "apply Deployment litellm"),
    ]
    assert [order.index(step) for step in steps] == sorted(order.index(step) for step in steps)
    assert report.started == SERVICES
    assert report.warnings == ()


def test_a_second_start_changes_nothing(running: Stack) -> None:
    report = run(running.runtime.start())

    assert running.cluster.changes == []
    assert report.unchanged == SERVICES


def test_every_object_is_applied_under_our_own_name(running: Stack) -> None:
    applies = [words for words in running.cluster.calls if words[0] == "apply"]

    assert applies
    assert all({"--server-side", "--field-manager=gatewayctl"} <= set(words) for words in applies)


def test_secrets_go_to_kubectl_on_standard_input_only(running: Stack) -> None:
    lines = json.dumps(running.cluster.calls)
    secret = running.live("Secret", "litellm")

    decoded = {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}
    assert decoded["LITELLM_MASTER_KEY"] == SECRETS["LITELLM_MASTER_KEY"]
    assert decoded["OPENAI_API_KEY"] == SECRETS["OPENAI_API_KEY"]
    assert "POSTGRES_PASSWORD" not in decoded
    for value in SECRETS.values():
        assert value not in lines
        assert base64.b64encode(value.encode()).decode() not in lines
        rest = [item for (kind, _), item in running.cluster.objects.items() if kind != "Secret"]
        assert value not in json.dumps(rest)


def test_everything_is_checked_on_the_server_before_the_first_change(running: Stack) -> None:
    running.yaml = "images: {phoenix: 'arizephoenix/phoenix:version-9'}\n"
    running.cluster.failing.append((("apply", "--dry-run=server"), "Error: x is invalid: y"))

    with pytest.raises(ObjectInvalid):
        drain(running.runtime.start())

    assert running.cluster.changes == []


def test_an_object_of_others_with_our_name_is_refused_and_left_alone(stack: Stack) -> None:
    stack.cluster.add("Namespace", "shop")
    stack.cluster.add("Service", "redis")
    stack.yaml = REPLICAS
    theirs = stack.cluster.add("Deployment", "litellm", {"app.kubernetes.io/managed-by": "Helm"})
    before = json.dumps(theirs)

    with pytest.raises(ProjectNameTaken, match="Deployment litellm") as caught:
        drain(stack.runtime.start())

    assert "Service redis" in caught.value.message
    assert "kubernetes.namespace" in caught.value.hint
    assert stack.cluster.changes == []
    assert json.dumps(theirs) == before


def test_another_project_in_the_namespace_is_others(running: Stack) -> None:
    labels = {
        "app.kubernetes.io/managed-by": "gatewayctl",
        "app.kubernetes.io/instance": "other",
        "app.kubernetes.io/part-of": "gatewayctl",
    }
    running.live("Deployment", "litellm")["metadata"]["labels"] = labels

    with pytest.raises(ProjectNameTaken):
        running.runtime.preflight()


def test_a_namespace_of_others_is_used_and_not_changed(stack: Stack) -> None:
    stack.cluster.add("Namespace", "shop", {"team": "payments"})

    run(stack.runtime.start())

    assert stack.live("Namespace", "shop")["metadata"]["labels"] == {"team": "payments"}
    assert "apply Namespace shop" not in stack.cluster.changes


def test_a_namespace_that_this_user_may_not_see_is_used(stack: Stack) -> None:
    stack.cluster.add("Namespace", "shop")
    refusal = (
        'Error from server (Forbidden): namespaces "shop" is forbidden: User "dev" cannot get'
        ' resource "namespaces" in API group "" in the namespace "shop"'
    )
    stack.cluster.failing.append((("get", "namespace/shop"), refusal))

    run(stack.runtime.start())

    assert "apply Namespace shop" not in stack.cluster.changes


def test_a_changed_secret_restarts_its_readers_and_no_database(running: Stack) -> None:
    running.env["OPENAI_API_KEY"] = "sk-provider-another-key-0000"
    running.env["LITELLM_POSTGRES_PASSWORD"] = "another-password"

    report = run(running.runtime.start())

    assert (report.restarted, report.started) == (("litellm",), ())
    assert "postgres-litellm" in report.unchanged


def test_the_databases_get_the_passwords_of_the_env_file(running: Stack) -> None:
    before = dict(running.cluster.verifiers)
    running.env["POSTGRES_PASSWORD"] = "another-password"

    progress, _ = collect(running.runtime.start())

    changed = {name for name in before if before[name] != running.cluster.verifiers[name]}
    assert changed == {"postgres-phoenix"}
    assert ("postgres-phoenix", "new password") in {(p.subject, p.detail) for p in progress}
    assert "another-password" not in " ".join(running.cluster.told)


def test_another_salt_key_than_that_of_the_running_gateway_is_refused(running: Stack) -> None:
    running.env["LITELLM_SALT_KEY"] = "sk-salt-of-another-folder-000"

    with pytest.raises(SaltKeyChanged):
        running.runtime.preflight()


def test_replicas_are_scaled_without_a_restart(running: Stack) -> None:
    running.yaml = "kubernetes: {replicas: 3}\n"
    # With them comes Redis, and LiteLLM gets its address.
    run(running.runtime.start())
    running.yaml = "kubernetes: {replicas: 2}\n"

    report = run(running.runtime.start())

    assert len(running.cluster.pods_of("litellm")) == 2
    assert "litellm" in report.unchanged


def test_what_is_not_declared_any_more_is_removed_and_what_others_made_is_not(stack: Stack) -> None:
    stack.yaml = REPLICAS
    stack.up()
    stack.cluster.add("ConfigMap", "of-others")
    assert stack.cluster.pods_of("redis")
    stack.yaml = ""

    run(stack.runtime.start())

    assert stack.cluster.pods_of("redis") == []
    assert ("Service", "redis") not in stack.cluster.objects
    assert ("ConfigMap", "of-others") in stack.cluster.objects


def test_an_old_configuration_stays_as_long_as_a_rollback_may_need_it(running: Stack) -> None:
    running.yaml = "models: {demo: {mock_response: hi}}\n"
    run(running.runtime.start())
    assert len(running.cluster.of("ConfigMap")) == 2
    old = [rs for rs in running.cluster.of("ReplicaSet").values() if "litellm" in str(rs)]
    for each in old:
        if not each["status"]["readyReplicas"]:
            del running.cluster.objects["ReplicaSet", each["metadata"]["name"]]

    run(running.runtime.start())

    assert len(running.cluster.of("ConfigMap")) == 1


def test_a_server_that_is_too_old_for_a_budget_runs_the_project_without_it(stack: Stack) -> None:
    stack.yaml = AUTOSCALING
    old = {"autoscaling/v2": "autoscaling/v2beta2", "policy/v1": "policy/v1beta1"}
    stack.cluster.versions = tuple(old.get(version, version) for version in VERSIONS)

    report = run(stack.runtime.start())

    assert len(report.warnings) == 2
    assert "PodDisruptionBudget litellm" in report.warnings[0]
    assert stack.cluster.of("PodDisruptionBudget") == {}


def test_a_server_without_an_api_that_is_needed_is_refused(stack: Stack) -> None:
    stack.yaml = "kubernetes: {postgres: cloudnative-pg}\n"
    stack.cluster.versions = tuple(v for v in VERSIONS if "cnpg" not in v)

    with pytest.raises(RuntimeUnavailable, match=r"postgresql\.cnpg\.io/v1"):
        stack.runtime.preflight()


def test_what_the_autoscaler_decided_is_kept(stack: Stack) -> None:
    stack.yaml = AUTOSCALING
    stack.up()
    deployment = stack.live("Deployment", "litellm")
    deployment["spec"]["replicas"] = 4
    stack.cluster.reconcile(deployment)

    report = run(stack.runtime.start())

    assert len(stack.cluster.pods_of("litellm")) == 4
    assert "litellm" in report.unchanged


def test_an_existing_secret_is_referred_to_and_none_is_made(stack: Stack) -> None:
    stack.yaml = "kubernetes: {secrets: {from: vault}}\n"
    stack.cluster.add("Namespace", "shop")
    stack.cluster.add("Secret", "vault")["data"] = encoded(SECRETS)

    run(stack.runtime.start())

    assert set(stack.cluster.of("Secret")) == {"vault"}
    version = stack.live("Deployment", "litellm")["spec"]["template"]["metadata"]["annotations"]
    assert "uid-vault" in version["gatewayctl.dev/secret-version"]


@pytest.mark.parametrize(
    ("data", "message"),
    [(None, "does not exist"), ({"LITELLM_MASTER_KEY": "eA=="}, "has no LITELLM_POSTGRES")],
)
def test_an_existing_secret_that_lacks_something_is_refused_before_pods_are_changed(
    stack: Stack, data: dict[str, str] | None, message: str
) -> None:
    stack.yaml = "kubernetes: {secrets: {from: vault}}\n"
    stack.cluster.add("Namespace", "shop")
    if data is not None:
        stack.cluster.add("Secret", "vault")["data"] = data

    with pytest.raises(SettingsProblem, match=message):
        drain(stack.runtime.start())

    assert stack.cluster.of("Pod") == {}


def test_a_variable_that_others_refer_to_stays_before_them(stack: Stack) -> None:
    """Server-side apply appends a new variable to the list that is there."""
    stack.yaml = "services: {postgres: {url_env: MY_URL}}\n"
    stack.env["MY_URL"] = "postgresql://a:b@db.example.com/litellm"
    stack.up()
    stack.yaml = ""

    run(stack.runtime.start())

    applied = [change for change in stack.cluster.changes if change == "apply Deployment litellm"]
    # Once with no list at all and paused, then as it is written.
    assert len(applied) == 2
    assert "paused" not in stack.live("Deployment", "litellm")["spec"]


def test_a_deadline_of_the_user_ends_the_wait_and_leaves_the_rollout(running: Stack) -> None:
    running.cluster.broken["litellm"] = waiting("ContainerCreating")
    running.yaml = "models: {demo: {mock_response: hi}}\n"
    began = running.clock()

    with pytest.raises(
        NotHealthyInTime, match=r"litellm is not ready after 60 s \(0 of 1"
    ) as caught:
        drain(running.runtime.start(timeout=60))

    assert caught.value.service == "litellm"
    assert 60 <= running.clock() - began < 65
    assert kinds(running.cluster.changes).count("apply Deployment litellm") == 1
    running.cluster.broken.clear()
    running.cluster.reconcile(running.live("Deployment", "litellm"))
    assert run(running.runtime.start(timeout=60)).unchanged == SERVICES


def test_a_deadline_of_the_user_holds_for_migrations_and_a_restart(running: Stack) -> None:
    running.cluster.broken["phoenix"] = waiting("ContainerCreating")
    with pytest.raises(NotHealthyInTime, match="phoenix is not ready"):
        drain(running.runtime.restart(["phoenix"], timeout=30))
    running.cluster.broken.clear()
    running.cluster.jobs = "running"
    running.yaml = "images: {litellm: 'ghcr.io/berriai/litellm:v9.9.9'}\n"

    with pytest.raises(NotHealthyInTime, match="its migrations are running"):
        drain(running.runtime.start(timeout=30))


def test_a_start_that_is_killed_at_any_change_is_finished_by_the_next_one(stack: Stack) -> None:
    for number in range(40):
        stack.cluster.killed_at = number
        stack.cluster.changes.clear()
        try:
            run(stack.runtime.start())
        except Killed:
            continue
        break

    stack.cluster.killed_at = None
    assert number > 3
    assert all(stack.cluster.pods_of(name) for name in SERVICES)
    assert run(stack.runtime.start()).unchanged == SERVICES


def test_a_permission_that_is_missing_is_named(stack: Stack) -> None:
    refusal = (
        'Error from server (Forbidden): services is forbidden: User "dev" cannot create resource'
        ' "services" in API group "" in the namespace "shop"'
    )
    stack.cluster.failing.append((("apply",), refusal))

    with pytest.raises(ClusterForbidden, match="services"):
        drain(stack.runtime.start())
