from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from gatewayctl.errors import UnknownService
from gatewayctl.settings.model import Settings
from tests.fakes.docker import STARTED, FakeDocker, inspected
from tests.fakes.driving import driven
from tests.fakes.projects import project
from tests.unit.runtimes.docker.faked_engine import APPS, SERVICES, runtime_of, up_and_running


def test_a_restart_keeps_containers_whose_settings_did_not_change(settings: Settings) -> None:
    docker = up_and_running()
    docker.differs = {"phoenix"}

    driven(runtime_of(settings, docker).restart(["phoenix", "litellm"]))

    assert docker.calls == [f"up {' '.join(SERVICES)}", "restart litellm"]


def test_a_restart_does_not_restart_what_it_just_started(settings: Settings) -> None:
    docker = up_and_running()
    docker.running["litellm"] = inspected("litellm", status="exited")
    docker.says = {"up": [" Container shop-litellm-1  Started"]}
    restart = runtime_of(settings, docker).restart(["litellm", "phoenix"])

    next(restart)
    # As Compose starts what had ended: the container stays the same one.
    docker.running["litellm"] = inspected("litellm", started=STARTED + timedelta(minutes=1))
    driven(restart)

    assert docker.calls == [f"up {' '.join(SERVICES)}", "restart phoenix"]


def test_a_restart_of_all_includes_the_apps_that_were_started(tmp_path: Path) -> None:
    docker = up_and_running("shop")

    driven(runtime_of(project(tmp_path / "shop", APPS), docker).restart([]))

    assert docker.calls[-2:] == ["up shop", f"restart {' '.join(SERVICES)} shop"]


def test_a_restart_with_nothing_running_is_a_start(settings: Settings) -> None:
    docker = FakeDocker(kept=[])

    driven(runtime_of(settings, docker).restart([]))

    assert docker.calls == [f"up {' '.join(SERVICES)}"]


def test_an_unknown_service_is_reported_with_the_known_ones(settings: Settings) -> None:
    runtime = runtime_of(settings, FakeDocker())

    with pytest.raises(UnknownService) as unknown:
        driven(runtime.restart(["postgres"]))
    with pytest.raises(UnknownService):
        runtime.logs(["postgres"], tail=None, since=None, follow=False)

    assert "postgres-litellm" in unknown.value.hint
