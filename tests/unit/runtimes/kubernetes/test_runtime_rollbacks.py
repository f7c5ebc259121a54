from __future__ import annotations

import base64

import pytest

from gatewayctl.errors import (
    ServiceFailed,
)
from gatewayctl.generators import drain
from tests.fakes.cluster_controllers import CRASHING, waiting
from tests.unit.runtimes.kubernetes.stack import SECRETS, Stack, run

REDIS = "kubernetes: {replicas: 2}\n"


def test_a_failed_rollout_goes_back_to_the_revision_that_served(running: Stack) -> None:
    (served,) = running.cluster.pods_of("litellm")
    running.cluster.broken["litellm"] = CRASHING
    running.yaml = "models: {demo: {mock_response: hi}}\n"

    with pytest.raises(ServiceFailed, match="crashes again and again") as caught:
        drain(running.runtime.start())

    assert "was rolled back to its previous revision, which serves" in caught.value.message
    assert "it does not work" in caught.value.message
    assert caught.value.service == "litellm"
    assert served in running.cluster.pods_of("litellm")
    assert len(running.cluster.pods_of("litellm")) == 1


def test_after_a_rollback_the_corrected_settings_roll_out(running: Stack) -> None:
    running.cluster.broken["litellm"] = CRASHING
    running.yaml = "models: {demo: {mock_response: hi}}\n"
    with pytest.raises(ServiceFailed):
        drain(running.runtime.start())
    running.cluster.broken.clear()
    running.yaml = "models: {demo: {mock_response: hello}}\n"

    report = run(running.runtime.start())

    assert report.restarted == ("litellm",)


def test_a_rollback_restores_exactly_the_revision_that_served(running: Stack) -> None:
    before = set(running.cluster.of("ReplicaSet"))
    running.cluster.broken["litellm"] = CRASHING
    running.yaml = "services: {litellm: {environment: {A_FIRST: x}}}\n"

    with pytest.raises(ServiceFailed):
        drain(running.runtime.start())

    serving = running.live("Deployment", "litellm")["spec"]["template"]["spec"]["containers"][0]
    assert "A_FIRST" not in {each["name"] for each in serving["env"]}
    assert len(set(running.cluster.of("ReplicaSet")) - before) == 1


def test_a_first_start_that_fails_has_nothing_to_go_back_to(stack: Stack) -> None:
    stack.cluster.broken["litellm"] = CRASHING

    with pytest.raises(ServiceFailed, match="nothing was rolled back"):
        drain(stack.runtime.start())


def test_a_database_that_fails_goes_back_to_its_earlier_image(running: Stack) -> None:
    running.cluster.broken["postgres:99"] = waiting("ImagePullBackOff", "not found")
    running.yaml = "images: {postgres: 'postgres:99'}\n"

    with pytest.raises(ServiceFailed, match="cannot pull its image postgres:99"):
        drain(running.runtime.start())

    images = {
        pod["spec"]["containers"][0]["image"]
        for name in ("postgres-litellm", "postgres-phoenix")
        for pod in running.cluster.pods_of(name)
    }
    assert images == {"postgres:16"}


def image_of(stack: Stack, service: str) -> str:
    """The image of its only pod, which is ready."""
    (pod,) = stack.cluster.pods_of(service)
    assert pod["status"]["conditions"][0]["status"] == "True"
    return str(pod["spec"]["containers"][0]["image"])


def test_redis_that_was_stopped_for_its_new_revision_goes_back_to_the_earlier_one(
    stack: Stack,
) -> None:
    stack.yaml = REDIS
    stack.up()
    before = image_of(stack, "redis")
    stack.cluster.broken["redis:99"] = waiting("ImagePullBackOff", "not found")
    stack.yaml = f"{REDIS}images: {{redis: 'redis:99'}}\n"

    with pytest.raises(ServiceFailed, match="cannot pull its image redis:99") as caught:
        drain(stack.runtime.start())

    assert "rolled back to its previous revision, which starts again" in caught.value.message
    assert image_of(stack, "redis") == before


def test_the_same_mistake_a_second_time_goes_back_again(stack: Stack) -> None:
    stack.yaml = REDIS
    stack.up()
    before = image_of(stack, "redis")
    stack.cluster.broken["redis:99"] = waiting("ImagePullBackOff", "not found")
    stack.yaml = f"{REDIS}images: {{redis: 'redis:99'}}\n"

    for _ in range(2):
        with pytest.raises(ServiceFailed, match="cannot pull its image redis:99"):
            drain(stack.runtime.start())

        assert image_of(stack, "redis") == before


def test_redis_that_did_not_change_does_not_go_back_when_its_pod_fails(stack: Stack) -> None:
    stack.yaml = REDIS
    stack.up()
    stack.yaml = f"{REDIS}images: {{redis: 'redis:8'}}\n"
    stack.up()
    stack.cluster.broken["redis"] = CRASHING

    with pytest.raises(ServiceFailed, match="redis failed") as caught:
        drain(stack.runtime.start())

    assert "nothing was rolled back" in caught.value.message
    (pod,) = stack.cluster.pods_of("redis")
    assert pod["spec"]["containers"][0]["image"] == "redis:8"


def test_phoenix_whose_new_image_is_missing_goes_back_to_the_earlier_one(running: Stack) -> None:
    before = image_of(running, "phoenix")
    running.cluster.broken["phoenix:99"] = waiting("ImagePullBackOff", "not found")
    running.yaml = "images: {phoenix: 'phoenix:99'}\n"

    with pytest.raises(ServiceFailed, match="phoenix was rolled back"):
        drain(running.runtime.start())

    assert image_of(running, "phoenix") == before


def test_phoenix_that_ran_and_may_have_migrated_its_database_does_not_go_back(
    running: Stack,
) -> None:
    running.cluster.broken["phoenix:99"] = CRASHING
    running.yaml = "images: {phoenix: 'phoenix:99'}\n"

    with pytest.raises(ServiceFailed, match="nothing was rolled back"):
        drain(running.runtime.start())

    (pod,) = running.cluster.pods_of("phoenix")
    assert pod["spec"]["containers"][0]["image"] == "phoenix:99"


def test_a_quota_is_named_and_what_serves_goes_on(running: Stack) -> None:
    message = (
        'pods "litellm-1" is forbidden: exceeded quota: small, requested: requests.cpu=1,'
        " used: requests.cpu=2, limited: requests.cpu=2"
    )
    running.cluster.refused["litellm"] = message
    running.yaml = "models: {demo: {mock_response: hi}}\n"

    with pytest.raises(ServiceFailed, match="quota of the namespace does not allow") as caught:
        drain(running.runtime.start())

    assert "limited: requests.cpu=2" in caught.value.message
    assert "ResourceQuota" in caught.value.hint


def test_a_rollback_restores_the_secrets_but_not_the_passwords_of_databases(
    running: Stack,
) -> None:
    running.cluster.broken["litellm"] = CRASHING
    running.env["OPENAI_API_KEY"] = "sk-provider-another-key-0000"
    running.env["LITELLM_POSTGRES_PASSWORD"] = "another-password"

    with pytest.raises(ServiceFailed):
        drain(running.runtime.start())

    data = running.live("Secret", "litellm")["data"]
    found = {key: base64.b64decode(value).decode() for key, value in data.items()}
    assert found["OPENAI_API_KEY"] == SECRETS["OPENAI_API_KEY"]
    assert found["LITELLM_POSTGRES_PASSWORD"] == "another-password"
