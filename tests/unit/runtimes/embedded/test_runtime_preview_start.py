from __future__ import annotations

import dataclasses

import pytest

from gatewayctl.rendering.plan import plan_files
from gatewayctl.runtimes.base import StartReport
from gatewayctl.runtimes.embedded.services import SERVICES
from gatewayctl.runtimes.service_change import ServiceChange
from gatewayctl.settings.fields import SECRETS
from gatewayctl.settings.model import Secret
from tests.fakes.projects import project
from tests.unit.runtimes.embedded.faked_stack import ENV, Stack


def preview(stack: Stack, *, without: str | None = None) -> dict[str, ServiceChange]:
    """What a start would do, by service, with one secret missing from .env."""
    runtime = stack.runtime()
    if without is not None:
        name = next(field.env for field in SECRETS if field.attribute == without)
        lines = [line for line in ENV.splitlines() if not line.startswith(f"{name}=")]
        runtime._settings = project(stack.folder, env="\n".join(lines))
    files = plan_files(runtime._settings, runtime="embedded")
    return {change.service: change for change in runtime.preview_start(files)}


@pytest.fixture
def running(stack: Stack) -> Stack:
    for file in plan_files(stack.settings(), runtime="embedded"):
        target = stack.settings().compose_dir / file.path
        target.parent.mkdir(exist_ok=True)
        target.write_text(file.content)
    stack.up()
    return stack


def test_a_service_that_runs_with_the_current_settings_is_untouched(running: Stack) -> None:
    assert {change.action for change in preview(running).values()} == {"untouched"}


@pytest.mark.parametrize(
    ("lost", "service", "name"),
    [
        ("master_key", "litellm", "LITELLM_MASTER_KEY"),
        ("litellm_postgres_password", "litellm", "PGPASSWORD"),
        ("phoenix_postgres_password", "phoenix", "PHOENIX_SQL_DATABASE_URL"),
    ],
)
def test_a_secret_missing_from_env_file_restarts_the_services_that_use_it(
    running: Stack, lost: str, service: str, name: str
) -> None:
    changes = preview(running, without=lost)

    assert (changes[service].action, changes[service].why) == ("restart", (name,))
    others = {change.action for other, change in changes.items() if other != service}
    assert others == {"untouched"}


def test_an_outdated_supervisord_alone_is_no_reason_to_restart(running: Stack) -> None:
    running.layout.supervisor_config.write_text("of another version of gatewayctl")

    assert {change.action for change in preview(running).values()} == {"untouched"}
    assert running.up() == StartReport(unchanged=SERVICES)


@pytest.mark.parametrize("reason", ["settings", "a service that ended"])
def test_an_outdated_supervisord_is_replaced_with_the_next_change(
    running: Stack, reason: str
) -> None:
    running.layout.supervisor_config.write_text("of another version of gatewayctl")
    assert running.supervisor.states is not None
    if reason == "settings":
        running.gateway_yaml = "ports: {phoenix_grpc: 14317}\n"
    else:
        running.supervisor.states["phoenix"] = "failed"

    changes = preview(running)
    report = running.up()

    assert {change.why for change in changes.values()} == {("supervisord.conf",)}
    restarted = tuple(name for name, change in changes.items() if change.action == "restart")
    assert (report.restarted, report.unchanged) == (restarted, ())


def test_a_missing_salt_key_is_the_only_reason_for_every_service(running: Stack) -> None:
    changes = preview(running, without="salt_key")

    assert changes["litellm"].why == ("LITELLM_SALT_KEY",)
    assert {change.action for change in changes.values()} == {"restart"}
    assert list(changes) == list(SERVICES)


def test_no_value_is_in_a_plan(running: Stack) -> None:
    secrets = [value for value in vars_of(running) if value is not None]

    shown = repr(preview(running, without="master_key"))

    assert secrets
    assert not [secret for secret in secrets if secret.reveal() in shown]


def vars_of(stack: Stack) -> list[Secret | None]:
    secrets = stack.settings().secrets
    return [getattr(secrets, field.name) for field in dataclasses.fields(secrets)]
