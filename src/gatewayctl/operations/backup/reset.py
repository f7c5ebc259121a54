"""The verb reset: empty LiteLLM's database and create its declared keys again.

The caller has shown the loss and asked for consent.

- Checked before anything is lost: the master key, ports, engine, rendered files and images, that
  .env can be written, and a backup that was loaded back into scratch databases with the same row
  counts (unless ``backup`` is off, or there is no data). The database servers run then.
- Point of no return: the first drop of a database; Phoenix's with ``everything``, else LiteLLM's.
  With ``keep_keys`` LiteLLM's is not dropped but emptied, in one transaction.
- After it can fail: a service that does not start or does not become healthy in time, a key that
  LiteLLM does not create (exit 7), an app. Run reset again: every step can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from gatewayctl.env_file.write import require_writable_env_file
from gatewayctl.errors import GatewayctlError
from gatewayctl.operations.backup.create import has_user_data, start_databases, write_backup
from gatewayctl.operations.backup.keep_keys import empty_except_keys, has_keys
from gatewayctl.operations.backup.loss import Loss
from gatewayctl.operations.backup.swap import stop_services
from gatewayctl.operations.diagnosis.failure import explain_failures
from gatewayctl.operations.diagnosis.health import ServiceReport
from gatewayctl.operations.keys.create import KeysCreateReport, ensure_declared_keys
from gatewayctl.operations.project.init import ensure_project
from gatewayctl.operations.project.snapshot import Project
from gatewayctl.operations.stack.apps import start_apps
from gatewayctl.operations.stack.start import prepare_start
from gatewayctl.operations.stack.wait import wait_ready
from gatewayctl.operations.state import salt_key, upgrade_journal
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.runtimes.base import Progress, Runtime
from gatewayctl.runtimes.databases import databases
from gatewayctl.runtimes.registry import ResolvedRuntime
from gatewayctl.runtimes.runtime_marker import write_runtime
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetOptions:
    """``backup``: back up and verify what is lost. ``keep_keys``: every virtual key stays valid.

    ``everything``: drop Phoenix's traces too. ``timeout`` in seconds.
    """

    backup: bool = True
    keep_keys: bool = False
    everything: bool = False
    timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetReport:
    """What was lost, and the stack with its new keys.

    ``backup`` is None where it was skipped, or where there was no data. ``keys_kept`` is the
    number of virtual keys that were kept in LiteLLM's database.
    """

    project: str
    lost: Loss
    traces_lost: bool
    backup: Path | None
    services: tuple[ServiceReport, ...]
    keys: KeysCreateReport
    warnings: tuple[str, ...] = ()
    keys_kept: int = 0

    @property
    def problem(self) -> GatewayctlError | None:
        """Set where some of the keys could not be created."""
        return self.keys.problem


def reset(
    settings: Settings, load: Callable[[], Project], options: ResetOptions, *, lost: Loss
) -> Generator[Progress, None, ResetReport]:
    """Back up, empty, start, wait until healthy, create the declared keys.

    ``load`` reads the project's files again, with the secrets that were generated. Raises
    RestoreUnproven, DiskFull and FileUnwritable before anything is lost, and what `up` raises,
    before or after.
    """
    require_master_key(settings)
    with ExitStack() as stack:
        change = stack.enter_context(change_project(settings, "reset"))
        change.state = "This run has deleted no data."
        # The data that a lost salt key would be needed for is deleted.
        ensure_project(settings, replaces_data=True)
        project = load()
        settings, resolved, gateway = project.settings, project.resolved, project.gateway
        runtime = resolved.runtime
        stack.enter_context(explain_failures(runtime, settings.state_dir))
        notes = (yield from prepare_start(settings, resolved)).warnings
        write_runtime(settings.state_dir, resolved.name)
        require_writable_env_file(settings.env_file)
        saved = (yield from _back_up(settings, resolved)) if options.backup else None
        change.way_on = f"Finish it: `{_command(options)}`."
        change.state = "Data may be deleted already." + (
            "" if saved is None else f" All of it is in the backup {saved}."
        )
        if options.everything:
            yield from _empty_phoenix_database(runtime)
        kept = yield from _empty_litellm_database(runtime, keep_keys=options.keep_keys)
        upgrade_journal.delete_journal(settings)
        yield from runtime.start(timeout=options.timeout)
        services = yield from wait_ready(settings, runtime, gateway.http, timeout=options.timeout)
        keys = yield from ensure_declared_keys(settings, gateway, fresh=not options.keep_keys)
        apps = yield from start_apps(settings, runtime, gateway.http, timeout=options.timeout)
        salt_key.record_salt_key(settings, overwrite=True)
        change.problem = keys.problem
    return ResetReport(
        project=settings.project_name,
        lost=lost,
        traces_lost=options.everything and "phoenix" in runtime.databases,
        backup=saved,
        services=(*services, *apps.services),
        keys=keys,
        warnings=(*notes, *apps.warnings),
        keys_kept=kept,
    )


def _command(options: ResetOptions) -> str:
    """The command that finishes an interrupted reset. Its data is in the first one's backup."""
    flags = {"--all": options.everything, "--keep-keys": options.keep_keys}
    given = (flag for flag, is_given in flags.items() if is_given)
    return " ".join(["gatewayctl", "reset", "--yes", *given])


def _back_up(
    settings: Settings, resolved: ResolvedRuntime
) -> Generator[Progress, None, Path | None]:
    """Write and verify a backup of the current data; None where there is none."""
    yield from start_databases(settings, resolved)
    if not has_user_data(resolved.runtime):
        return None
    return (yield from write_backup(settings, resolved, verify=True)).file


def _empty_litellm_database(runtime: Runtime, *, keep_keys: bool) -> Generator[Progress, None, int]:
    """Empty the database, whole or but for its keys; returns how many keys were kept."""
    litellm = databases(runtime)[0]
    if not keep_keys or not (litellm.exists() and has_keys(litellm)):
        yield from runtime.empty_litellm_database()
        return 0
    yield from stop_services(runtime)
    litellm.shell.start()
    yield Progress(subject="database litellm", state="working", detail="emptying, without its keys")
    kept = empty_except_keys(litellm)
    yield Progress(subject="database litellm", state="ready", detail=f"empty but for {kept} keys")
    return kept


def _empty_phoenix_database(runtime: Runtime) -> Generator[Progress, None, None]:
    if "phoenix" not in runtime.databases:
        # A Phoenix of others: its traces are theirs.
        return
    phoenix = databases(runtime)[1]
    yield from stop_services(runtime)
    phoenix.shell.start()
    yield Progress(subject="database phoenix", state="working", detail="dropping")
    phoenix.create()
    yield Progress(subject="database phoenix", state="ready", detail="empty")
