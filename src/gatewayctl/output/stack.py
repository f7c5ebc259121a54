"""Renders the reports of plan, up, down, status, restart, ui, env and logs as text and tables."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, Literal

from rich.text import Text

from gatewayctl.output.console import Verbatim, make_printable
from gatewayctl.output.table import make_table
from gatewayctl.output.wording import format_duration

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from gatewayctl.operations.diagnosis.external import ExternalService
    from gatewayctl.operations.diagnosis.health import ServiceReport
    from gatewayctl.operations.stack.down import DownReport
    from gatewayctl.operations.stack.env import EnvReport
    from gatewayctl.operations.stack.logs import LogsReport
    from gatewayctl.operations.stack.plan import PlanReport
    from gatewayctl.operations.stack.restart import RestartReport
    from gatewayctl.operations.stack.sbom import SbomReport
    from gatewayctl.operations.stack.scale import ScaleReport
    from gatewayctl.operations.stack.status import StatusReport
    from gatewayctl.operations.stack.ui import UiReport
    from gatewayctl.operations.stack.up import UpReport
    from gatewayctl.runtimes.base import LogLine

_PAST: Final = {
    "start": "started",
    "restart": "restarted",
    "recreate": "recreated",
    "roll_out": "rolled out",
    "update": "updated",
    "untouched": "untouched",
}
_KEY_ACTIONS: Final = {
    "unknown": "created or checked once the gateway runs",
    "update": "differs, `gatewayctl keys sync` changes it",
    "conflict": "created by others, not changed",
}
_LEFTOVERS: Final = {
    "orphan_processes": "orphan processes",
    "leftover_containers": "leftover containers",
}
"""What `down` removed beside services, as in its report → as in a sentence."""


def services_table(services: Sequence[ServiceReport]) -> Table:
    """One row per service: state, health, version, address, uptime."""
    return make_table(
        ("SERVICE", "STATE", "HEALTH", "VERSION", "ADDRESS", "UPTIME"),
        [
            (s.service, s.state, s.health, s.version, s.address, format_duration(s.uptime))
            for s in services
        ],
    )


def render_plan(report: PlanReport) -> Iterable[RenderableType]:
    """What `up` would change, or that it would change nothing."""
    if report.kubernetes is not None:
        yield f"In {report.kubernetes}"
    for row in report.database:
        if row.effect != "pulled":
            yield Text(f"Database {row.path}: {row.detail}")
    for warning in report.warnings:
        yield Text(make_printable(f"Warning: {warning}"))
    if not report.changed:
        command = "`gatewayctl keys sync`" if report.runtime == "external" else "`gatewayctl up`"
        yield f"{report.project} is up to date: {command} would change nothing."
        yield from _planned_rows(report)
        return
    if report.secrets:
        yield Text(f"Generate into .env: {', '.join(report.secrets)}")
    if report.recovered:
        yield Text(f"Recover into .env from LiteLLM: {', '.join(report.recovered)}")
    for file in report.files:
        if file.state != "unchanged":
            yield Text(f"{'Write' if file.state == 'missing' else 'Change'} {file.path}")
            yield Verbatim((file.diff or "").rstrip("\n"))
    if report.services:
        yield make_table(
            ("SERVICE", "WOULD BE", "WHY"),
            [(each.service, _PAST[each.action], ", ".join(each.why)) for each in report.services],
        )
    yield from _planned_rows(report)
    for sentence in report.data_at_risk:
        yield Text.assemble(("At risk: ", "bold red"), sentence)
    for sentence in report.downtime:
        yield Text.assemble(("Downtime: ", "bold yellow"), sentence)


def _planned_rows(report: PlanReport) -> Iterator[Text]:
    """A line for each user, team and key that is not as declared, and for the retention."""
    planned = [
        *((f"User {each.name}", each.action, each.changes) for each in report.users),
        *((f"Team {each.name}", each.action, each.changes) for each in report.teams),
        *((f"Key {key.alias} ({key.env})", key.action, key.changes) for key in report.keys),
    ]
    for name, action, changes in planned:
        why = f" ({'; '.join(changes)})" if changes else ""
        yield Text(f"{name}: {_KEY_ACTIONS.get(action, action)}{why}")
    if report.retention is not None:
        yield Text(str(report.retention))


def render_up(report: UpReport) -> Iterator[RenderableType]:
    """What up did, the services, and what to do next."""
    for warning in (*report.warnings, *(report.keys.warnings if report.keys else ())):
        yield f"Warning: {warning}"
    if report.secrets_added:
        yield f"Generated into .env: {', '.join(report.secrets_added)}"
    if report.files:
        yield f"Rendered: {', '.join(report.files)}"
    yield services_table(report.services)
    if report.retention is not None:
        yield Text(str(report.retention))
    for owner in report.keys.owners if report.keys else ():
        if owner.done:
            yield f"{owner.kind.capitalize()} {owner.name} created"
    keys = report.keys.keys if report.keys else ()
    for key in keys:
        if key.status != "exists":
            yield f"Virtual key {key.alias} {key.status}, in .env as {key.env}"
    runtime = f"{report.runtime} runtime: {report.runtime_why}"
    if not report.changed:
        yield f"Nothing changed: everything runs as declared ({runtime})."
        return
    yield f"Ready in {report.seconds:.1f} s ({runtime})."
    yield ""
    yield 'Next: `gatewayctl chat --component passthrough "Hello"`'
    if report.phoenix_url is not None:
        yield "      `gatewayctl ui phoenix`   the traces"
    yield "      `gatewayctl env`          LLM_BASE_URL and LLM_API_KEY for applications"


def render_down(report: DownReport) -> Iterator[str]:
    """What was stopped, and where the data is."""
    if report.stopped:
        yield f"Stopped: {', '.join(_LEFTOVERS.get(name, name) for name in report.stopped)}."
    else:
        yield "Nothing was running."
    if report.data_removed:
        yield (
            "All data of this project's own services was deleted."
            if report.external
            else "All data was deleted: keys, spend, traces."
        )
        if report.external:
            yield f"Not deleted, because others run it: {', '.join(report.external)}."
    elif report.data_place is not None:
        where = " and with others" if report.external else ""
        yield f"Data stays in {report.data_place}{where}; start again with `gatewayctl up`."


def render_status(report: StatusReport) -> Iterator[RenderableType]:
    """Services, keys, runtime and why; nothing for a folder that is no project."""
    if not report.is_project:
        return
    yield f"Project {report.project}, {report.runtime} runtime ({report.runtime_why})"
    if report.kubernetes is not None:
        yield f"In {report.kubernetes}"
    yield ""
    yield services_table(report.services)
    for service in report.services:
        if service.health != "healthy" and service.detail:
            yield f"  {service.service}: {make_printable(service.detail)}"
    if report.external:
        yield ""
        yield make_table(
            ("EXTERNAL", "KIND", "ADDRESS", "STATE"),
            [
                (each.name, each.kind, each.address, _describe_external(each))
                for each in report.external
            ],
        )
    yield ""
    yield make_table(
        ("VIRTUAL KEY", "VARIABLE", "VALUE"),
        [(key.alias, key.env, key.key or "missing") for key in report.keys],
    )
    if report.trace_sample is not None and report.trace_sample < 1:
        yield ""
        yield f"Traces: {report.trace_sample:.4g} of the requests, and every one that fails"
    if any(report.retention.values()):
        periods = report.retention.items()
        kept = (f"{name.replace('_', ' ')} {period or 'all'}" for name, period in periods)
        yield f"\nRetention: {', '.join(kept)}"
    for warning in report.warnings:
        yield f"Warning: {warning}"


def _describe_external(service: ExternalService) -> str:
    if service.usable is None:
        return f"not checked: {make_printable(service.detail)}"
    if not service.usable:
        return make_printable(service.detail)
    return "usable, cannot be asked" if service.queryable is False else "usable"


def render_status_env(report: StatusReport) -> Iterator[str]:
    """The addresses as dotenv lines for scripts, without secrets."""
    yield f"GATEWAYCTL_PROJECT_NAME={report.project}"
    yield f"GATEWAYCTL_RUNTIME={report.runtime}"
    yield f"LLM_BASE_URL={report.gateway_url}"
    if report.phoenix_url is not None:
        yield f"PHOENIX_URL={report.phoenix_url}"


def render_scale(report: ScaleReport) -> Iterator[RenderableType]:
    """The number of pods before and now, what came along, and the state of each service."""
    for warning in report.warnings:
        yield f"Warning: {warning}"
    if report.secrets_added:
        yield f"Generated into .env: {', '.join(report.secrets_added)}"
    yield services_table(report.services)
    pods = f"{report.replicas} {'pod' if report.replicas == 1 else 'pods'}"
    if not report.changed:
        yield f"Nothing changed: {report.service} runs with {pods} already."
        return
    if report.replicas != report.before:
        yield f"Scaled {report.service} from {report.before} to {pods} (gateway.yaml)."
    if report.redis == "added":
        yield "Redis was added: the pods share limits and revoked keys through it."
    if report.redis == "removed":
        yield "Redis was removed: one pod needs none."


def render_restart(report: RestartReport) -> Iterator[RenderableType]:
    """Which services were restarted, and the state of all."""
    for warning in report.warnings:
        yield f"Warning: {warning}"
    yield f"Restarted: {', '.join(report.restarted)}."
    if report.retention is not None:
        yield Text(str(report.retention))
    yield services_table(report.services)


def render_ui(report: UiReport) -> Iterator[str]:
    """The address alone on one line, to copy or pipe."""
    yield report.url


def render_env(format_: Literal["dotenv", "shell", "json"]) -> Callable[[EnvReport], Iterator[str]]:
    """Return the renderer for one format."""

    def render(report: EnvReport) -> Iterator[str]:
        if format_ == "json":
            import json

            yield json.dumps(dict(report.variables), indent=2)
            return
        for name, value in report.variables.items():
            yield f"export {name}={shlex.quote(value)}" if format_ == "shell" else f"{name}={value}"

    return render


def render_sbom(report: SbomReport) -> Iterator[str]:
    """The document alone, for a file or a scanner."""
    import json

    yield json.dumps(report.document, indent=2)


def render_logs(report: LogsReport) -> Iterator[str]:
    """Every line with its time and service."""
    return format_log_lines(report.lines)


def format_log_lines(lines: Iterable[LogLine]) -> Iterator[str]:
    """Format lines as text without control characters."""
    for line in lines:
        at = "-" if line.at is None else line.at.isoformat(timespec="milliseconds")
        yield f"{at} {line.service:<8} {make_printable(line.text)}"
