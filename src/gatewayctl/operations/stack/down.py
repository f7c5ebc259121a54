"""The verb down: stop all services of the project; with ``volumes`` also delete its data."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

from gatewayctl.errors import ProjectMissing
from gatewayctl.operations.state import restore_journal, salt_key, upgrade_journal
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.runtimes.base import Progress, Runtime
from gatewayctl.runtimes.kubernetes import context
from gatewayctl.runtimes.runtime_marker import clear_runtime
from gatewayctl.settings.model import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class DownReport:
    """What was stopped; ``data_place`` is where the data is or was, None if there was none.

    ``external`` names what is on services of others, whose data is never deleted.
    """

    project: str
    stopped: tuple[str, ...]
    data_place: str | None
    data_removed: bool
    changed: bool
    external: tuple[str, ...] = ()


def down(
    settings: Settings, runtime: Runtime, *, volumes: bool
) -> Generator[Progress, None, DownReport]:
    """Stop the stack; with ``volumes`` delete its data too. The caller has confirmed that.

    Raises ProjectMissing in a folder without a project, unless a stack of its name is left.
    """
    if not settings.is_project and not _is_left(runtime):
        raise ProjectMissing(f"There is no gateway project in {settings.project_dir}.")
    with change_project(settings, "down --volumes" if volumes else "down") as change:
        change.state = "Some services may still run" + (
            ", and some data may be deleted." if volumes else "; the data is kept."
        )
        data = runtime.has_data()
        stopped = yield from runtime.stop(remove_data=volumes)
        if volumes:
            clear_runtime(settings.state_dir)
            context.forget(settings)
            if settings.services.postgres is None:
                salt_key.forget(settings)
            restore_journal.end(settings.state_dir)
            upgrade_journal.delete_journal(settings)
    return DownReport(
        project=settings.project_name,
        stopped=stopped,
        data_place=runtime.data_place if stopped or data else None,
        data_removed=volumes,
        changed=bool(stopped) or volumes,
        external=tuple(_name_external(settings)),
    )


def _name_external(settings: Settings) -> Iterator[str]:
    if settings.services.postgres is not None:
        yield f"LiteLLM's database ({settings.services.postgres.url_env})"
    yield from (f"the traces in {store.name}" for store in settings.tracing.stores)


def _is_left(runtime: Runtime) -> bool:
    return runtime.has_data() or any(state.state != "stopped" for state in runtime.states())
