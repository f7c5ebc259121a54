from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gatewayctl.errors import ProjectNameTaken
from gatewayctl.settings.model import Settings
from tests.fakes.docker import FakeDocker, inspected
from tests.fakes.driving import driven, report_of
from tests.unit.runtimes.docker.faked_engine import SERVICES, runtime_of, up_and_running


def test_a_stop_ends_services_before_their_databases_and_keeps_the_data(
    settings: Settings,
) -> None:
    docker = up_and_running("old-app")

    seen, ran = driven(runtime_of(settings, docker).stop())

    assert ran == (*SERVICES, "old-app")
    assert docker.calls == [
        "stop id-phoenix id-litellm id-old-app",
        "stop id-postgres-litellm id-postgres-phoenix",
        "remove id-postgres-litellm id-postgres-phoenix id-phoenix id-litellm id-old-app",
        "remove networks",
    ]
    assert {event.subject for event in seen if event.state == "stopped"} == set(ran)


def test_a_stop_removes_data_only_on_request(settings: Settings) -> None:
    docker = FakeDocker()

    assert report_of(runtime_of(settings, docker).stop(remove_data=True)) == ()
    assert docker.calls == ["remove networks", "remove volumes"]


def test_anonymous_volumes_are_removed_only_with_the_data(settings: Settings) -> None:
    kept, removing = up_and_running(), up_and_running()

    report_of(runtime_of(settings, kept).stop())
    report_of(runtime_of(settings, removing).stop(remove_data=True))

    removed = [call for docker in (kept, removing) for call in docker.calls if "remove id-" in call]
    assert [call.endswith(" with data") for call in removed] == [False, True]


def test_containers_that_exited_are_removed_too(settings: Settings) -> None:
    docker = FakeDocker(running={"litellm": inspected("litellm", status="exited")})

    assert report_of(runtime_of(settings, docker).stop()) == ("leftover_containers",)


def checking(**state: Any) -> dict[str, Any]:
    """The container of a pre-flight, whose docker program was killed."""
    labels = {"com.docker.compose.oneoff": "True"}
    return inspected("litellm", id="id-check", labels=labels, policy="no", **state)


def test_a_stop_removes_the_container_of_a_killed_check_which_holds_the_network(
    settings: Settings,
) -> None:
    docker = up_and_running()
    docker.temporary = [checking()]

    assert report_of(runtime_of(settings, docker).stop(remove_data=True)) == SERVICES

    assert docker.calls[0] == "remove id-check with data"
    assert docker.calls[-2:] == ["remove networks", "remove volumes"]


def test_a_killed_check_alone_is_something_to_stop(settings: Settings) -> None:
    docker = FakeDocker(temporary=[checking()])

    assert report_of(runtime_of(settings, docker).stop()) == ("leftover_containers",)
    assert docker.temporary == []


def test_the_check_of_another_folder_with_the_same_name_is_left_alone(
    settings: Settings, tmp_path: Path
) -> None:
    docker = FakeDocker(temporary=[checking(folder=str(tmp_path))])

    with pytest.raises(ProjectNameTaken):
        report_of(runtime_of(settings, docker).stop())

    assert docker.calls == []
