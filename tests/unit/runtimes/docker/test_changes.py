from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from gatewayctl.errors import RuntimeProblem
from gatewayctl.runtimes.docker.changes import preview_changes
from gatewayctl.runtimes.docker.states import Container, parse_container
from gatewayctl.runtimes.service_change import ServiceChange
from tests.fakes.docker import FakeDocker, inspected

HASH = {"com.docker.compose.config-hash": "one", "gatewayctl.config-sha256": "f1"}


def planned(docker: FakeDocker, found: Mapping[str, Container], **generated: str) -> ServiceChange:
    return preview_changes(docker, "text", found, ["litellm"], generated=generated)[0]


def change(docker: FakeDocker, **fields: Any) -> ServiceChange:
    found = parse_container(inspected("litellm", labels=HASH, image="litellm:1", **fields))
    return planned(docker, {"litellm": found})


def engine(**fields: Any) -> FakeDocker:
    return FakeDocker(images={"litellm:1"}, **fields)


def test_the_same_settings_and_image_leave_a_container_alone() -> None:
    found = change(engine(hashed={"litellm": "one"}))

    assert found == ServiceChange(service="litellm", action="untouched")


def test_a_stopped_service_would_be_started() -> None:
    docker = engine(hashed={"litellm": "one"})

    assert change(docker, status="exited").action == "start"
    assert planned(docker, {}).action == "start"


def test_changed_settings_recreate_it_and_are_listed_by_their_names_in_env_without_values() -> None:
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


def test_a_tag_that_moved_to_another_image_recreates_it() -> None:
    service = {"labels": {"gatewayctl.config-sha256": "f1"}}
    docker = engine(hashed={"litellm": "one"}, configured={"litellm": service})
    moved = parse_container(
        inspected("litellm", labels=HASH, image="litellm:1") | {"Image": "sha256:x"}
    )

    found = planned(docker, {"litellm": moved})

    assert (found.action, found.why) == ("recreate", ("image",))


def test_the_full_name_that_podman_reports_is_no_other_image() -> None:
    docker = engine(
        hashed={"postgres": "two"},
        configured={"litellm": {"image": "litellm:1", "labels": HASH}},
    )
    full = inspected("litellm", labels=HASH, image="docker.io/library/litellm:1")
    found = parse_container(full | {"Image": "sha256:litellm:1"})

    assert planned(docker, {"litellm": found}).why == ("docker-compose.yml",)


def test_any_other_difference_is_one_of_the_compose_file() -> None:
    service = {"labels": {"gatewayctl.config-sha256": "f1"}}
    docker = engine(hashed={"litellm": "two"}, configured={"litellm": service})

    assert change(docker).why == ("docker-compose.yml",)


LOST = {
    "labels": {"gatewayctl.config-sha256": "f1"},
    "environment": {
        "DATABASE_URL": "postgresql://me:${DB_PASSWORD:?not set}@db/x",
        "PRICE": "$$5 and $${NAME}",
    },
}


def test_a_variable_missing_in_env_is_listed_for_a_service_that_needs_it() -> None:
    docker = engine(hashed={"litellm": "two"}, configured={"litellm": LOST})
    running = {"litellm": parse_container(inspected("litellm", labels=HASH, image="litellm:1"))}

    found = planned(docker, running, DB_PASSWORD="generated-secret")

    assert (found.action, found.why) == ("recreate", ("DB_PASSWORD", "PRICE"))
    assert "generated-secret" not in repr(found)


def test_a_missing_variable_that_is_not_generated_is_a_failure() -> None:
    docker = engine(hashed={"litellm": "two"}, configured={"litellm": LOST})

    with pytest.raises(RuntimeProblem, match="DB_PASSWORD is missing a value"):
        planned(docker, {})


def test_what_depends_on_a_recreated_container_is_recreated_too() -> None:
    found = {
        name: parse_container(inspected(name, labels=HASH, image="litellm:1"))
        for name in ("postgres-litellm", "litellm", "phoenix")
    }
    docker = engine(
        hashed={"postgres-litellm": "two", "litellm": "one", "phoenix": "one"},
        configured={"litellm": {"depends_on": {"postgres-litellm": {}, "phoenix": {}}}},
        recreations=frozenset({"postgres-litellm", "litellm"}),
    )

    changes = preview_changes(docker, "text", found, [*found], generated={})

    assert [change.action for change in changes] == ["recreate", "recreate", "untouched"]
    assert changes[1].why == ("postgres-litellm",)
