from __future__ import annotations

import json
from pathlib import Path

import pytest

from gatewayctl.errors import ImageMissing, ServiceFailed
from gatewayctl.runtimes.base import StartReport
from gatewayctl.runtimes.docker.runtime import DockerRuntime
from gatewayctl.runtimes.docker.volumes import claim_volumes
from gatewayctl.runtimes.scram import is_verifier_of, make_verifier
from gatewayctl.settings.model import Secret, Settings
from tests.fakes.docker import FakeDocker, inspected
from tests.fakes.driving import driven, report_of
from tests.fakes.projects import project
from tests.unit.runtimes.docker.faked_engine import APPS, SERVICES, runtime_of, up_and_running


def test_the_services_are_in_order_with_redis_only_if_needed(tmp_path: Path) -> None:
    one = DockerRuntime(project(tmp_path / "one", APPS), docker=FakeDocker())
    two = DockerRuntime(project(tmp_path / "two", "workers: 2\n"), docker=FakeDocker())

    assert (one.services, one.apps) == (SERVICES, ("api", "shop"))
    assert two.services == (*SERVICES[:2], "redis", *SERVICES[2:])


def test_a_first_start_brings_up_the_services_and_no_app(tmp_path: Path) -> None:
    docker = FakeDocker(kept=[], says={"up": [" Container shop-litellm-1  Created", "noise"]})

    seen, report = driven(runtime_of(project(tmp_path / "shop", APPS), docker).start())

    assert docker.calls == [f"up {' '.join(SERVICES)}"]
    assert report == StartReport(started=SERVICES)
    assert [(event.subject, event.detail) for event in seen] == [("litellm", "created")]


def test_a_second_start_changes_nothing(settings: Settings) -> None:
    assert report_of(runtime_of(settings, up_and_running()).start()) == StartReport(
        unchanged=SERVICES
    )


def test_what_compose_recreated_is_reported_as_restarted(settings: Settings) -> None:
    docker = up_and_running()
    docker.differs = {"litellm"}
    docker.running["phoenix"] = inspected("phoenix", status="exited")

    report = report_of(runtime_of(settings, docker).start())

    assert report == StartReport(
        started=("phoenix",), restarted=("litellm",), unchanged=SERVICES[:2]
    )


SECRETS = "LITELLM_POSTGRES_PASSWORD=password-of-litellm\nPOSTGRES_PASSWORD=password-of-phoenix\n"


def test_data_of_an_earlier_start_gets_the_passwords_before_a_service_uses_them(
    tmp_path: Path,
) -> None:
    verifiers = {"phoenix_user": make_verifier("password-of-phoenix")}
    docker = FakeDocker(kept=["shop_postgres-litellm"], verifiers=verifiers)
    settings = project(tmp_path / "shop", env=SECRETS)
    claim_volumes(settings)

    report = report_of(runtime_of(settings, docker).start())

    assert docker.calls == [
        "up postgres-litellm postgres-phoenix",
        "new password of litellm_user",
        f"up {' '.join(SERVICES)}",
    ]
    assert is_verifier_of(docker.verifiers["litellm_user"], "password-of-litellm")
    assert report == StartReport(started=SERVICES)


def test_a_running_stack_gets_a_changed_password_before_it_is_recreated(tmp_path: Path) -> None:
    docker = up_and_running()
    docker.kept = ["shop_postgres-litellm"]
    docker.verifiers = {"litellm_user": make_verifier("the-old-password")}
    docker.differs = {"postgres-litellm", "litellm"}
    runtime = runtime_of(project(tmp_path / "shop", env=SECRETS), docker)

    report = report_of(runtime.start())

    assert docker.calls[-1] == f"up {' '.join(SERVICES)}"
    assert docker.calls[:2] == ["new password of litellm_user", "new password of phoenix_user"]
    assert report.restarted == ("postgres-litellm", "litellm")
    docker.calls.clear()
    assert report_of(runtime.start()) == StartReport(unchanged=SERVICES)
    assert docker.calls == [f"up {' '.join(SERVICES)}"]


def test_the_salt_key_is_found_in_a_container_that_runs_or_not(settings: Settings) -> None:
    docker = FakeDocker(running={"litellm": inspected("litellm", status="exited")})
    assert runtime_of(settings, docker).find_salt_key() is None

    docker.running["litellm"]["Config"]["Env"] = ["LITELLM_SALT_KEY=sk-salt-0123"]

    assert runtime_of(settings, docker).find_salt_key() == Secret("sk-salt-0123")
    assert runtime_of(settings, FakeDocker()).find_salt_key() is None


def test_a_container_in_a_crash_loop_is_recreated_at_once(settings: Settings) -> None:
    docker = up_and_running()
    docker.running["litellm"] = inspected("litellm", health="starting", restarts=7)
    docker.died = [{"Action": "die", "Actor": {"Attributes": {"exitCode": "1"}}}] * 2

    report_of(runtime_of(settings, docker).start())

    assert docker.calls[0] == "remove id-litellm"


def test_apps_are_started_separately(tmp_path: Path) -> None:
    docker = up_and_running()
    runtime = runtime_of(project(tmp_path / "shop", APPS), docker)

    assert report_of(runtime.start_apps()) == StartReport(started=("api", "shop"))
    assert docker.calls == ["up api shop"]
    assert report_of(runtime_of(project(tmp_path / "b"), docker).start_apps()) == StartReport()


def test_a_start_that_is_interrupted_ends_the_program(settings: Settings) -> None:
    docker = FakeDocker(says={"up": [" Container shop-litellm-1  Creating"] * 3})
    start = runtime_of(settings, docker).start()

    next(start)
    start.close()

    assert docker.closed == ["up"]


def test_a_service_that_blocked_others_is_reported_with_its_log(settings: Settings) -> None:
    output = "dependency failed to start: container shop-postgres-litellm-1 is unhealthy"
    docker = up_and_running()
    docker.ends = {"up": output}
    docker.says = {"id-postgres-litellm": ["FATAL:  data directory has wrong ownership"]}

    with pytest.raises(ServiceFailed) as failed:
        report_of(runtime_of(settings, docker).start())

    assert failed.value.message.startswith("postgres-litellm failed")
    assert failed.value.message.endswith("wrong ownership")


TRACEBACK = 'Traceback (most recent call last):\n  File "x.py", line 1, in y\n    z()\n'


def test_of_a_traceback_in_json_the_error_is_reported(settings: Settings) -> None:
    error = {"message": TRACEBACK + "ValueError: the reason"}
    docker = up_and_running()
    docker.ends = {"up": "dependency failed to start: container shop-postgres-litellm-1 exited (3)"}
    docker.says = {"id-postgres-litellm": [json.dumps(error)]}

    with pytest.raises(ServiceFailed, match="its log:\nValueError: the reason"):
        report_of(runtime_of(settings, docker).start())


def test_any_other_failed_start_has_its_reason(settings: Settings) -> None:
    docker = FakeDocker(ends={"up": "No such image: litellm:typo"})

    with pytest.raises(ImageMissing):
        report_of(runtime_of(settings, docker).start())


def test_prepare_pulls_images_and_builds_apps(tmp_path: Path) -> None:
    docker = FakeDocker(images={"postgres:16"})

    driven(runtime_of(project(tmp_path, APPS), docker).prepare())

    assert [call.split()[0] for call in docker.calls] == ["pull", "pull", "pull", "build"]
    assert docker.calls[-2:] == ["pull shop:1", "build api"]
