from __future__ import annotations

from typing import Any

from gatewayctl.runtimes.docker.changes import pending
from gatewayctl.runtimes.docker.states import container
from gatewayctl.runtimes.pending import PendingChange
from tests.fakes.docker import FakeDocker, inspected

HASH = {"com.docker.compose.config-hash": "one", "gatewayctl.config-sha256": "f1"}


def change(docker: FakeDocker, **said: Any) -> PendingChange:
    found = container(inspected("litellm", labels=HASH, image="litellm:1", **said))
    return pending(docker, "text", {"litellm": found}, ["litellm"])[0]


def engine(**fields: Any) -> FakeDocker:
    return FakeDocker(images={"litellm:1"}, **fields)


def test_the_same_settings_and_image_leave_a_container_alone() -> None:
    found = change(engine(hashed={"litellm": "one"}))

    assert found == PendingChange(service="litellm", action="untouched")


def test_what_does_not_run_would_be_started() -> None:
    docker = engine(hashed={"litellm": "one"})

    assert change(docker, status="exited").action == "start"
    assert pending(docker, "text", {}, ["litellm"])[0].action == "start"


def test_other_settings_recreate_it_and_are_named_as_in_env_file_without_values() -> None:
    service = {
        "image": "litellm:2",
        "labels": {"gatewayctl.config-sha256": "f2"},
        "environment": {"A": "1", "DATABASE_PASSWORD": "new-secret", "PLAIN": "x", "UNSET": None},
    }
    docker = engine(hashed={"litellm": "two"}, configured={"litellm": service})

    found = change(docker)

    assert found.action == "recreate"
    assert found.why == ("image", "litellm_config.yaml", "DATABASE_PASSWORD", "PLAIN")
    assert "new-secret" not in repr(found)


def test_a_name_that_points_to_another_image_recreates_it() -> None:
    service = {"labels": {"gatewayctl.config-sha256": "f1"}}
    docker = engine(hashed={"litellm": "one"}, configured={"litellm": service})
    moved = container(inspected("litellm", labels=HASH, image="litellm:1") | {"Image": "sha256:x"})

    found = pending(docker, "text", {"litellm": moved}, ["litellm"])[0]

    assert (found.action, found.why) == ("recreate", ("image",))


def test_a_difference_without_a_name_is_one_of_the_compose_file() -> None:
    service = {"labels": {"gatewayctl.config-sha256": "f1"}}
    docker = engine(hashed={"litellm": "two"}, configured={"litellm": service})

    assert change(docker).why == ("compose file",)
