"""`keys create`: creates the virtual keys that are missing, in .env and in LiteLLM.

Owns the report of several keys, of which some may fail. Must not know how a key is created,
or terminals.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from gatewayctl.errors import GatewayctlError, PartlyDone
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.operations.counting import handle_all
from gatewayctl.operations.keys.apps import warn_outdated_apps
from gatewayctl.operations.keys.owners import OwnerStep, ensure_owners, require_license
from gatewayctl.operations.keys.provision import KeyProvisioner, KeyResult
from gatewayctl.operations.keys.request import KeyRequest, resolve_requested_keys
from gatewayctl.operations.keys.unknown import advise_unknown_key, find_unknown_keys
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.runtimes.base import Progress
from gatewayctl.settings.declared.keys import DeclaredKey
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFailure:
    """A key that could not be created, and why."""

    alias: str
    env: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysCreateReport:
    """The requested keys, in their order; ``env_file`` is the file they are written to.

    ``teams`` and ``users`` are the declared ones, which are created before.
    """

    keys: tuple[KeyResult, ...]
    failed: tuple[KeyFailure, ...]
    env_file: Path
    warnings: tuple[str, ...] = ()
    teams: tuple[OwnerStep, ...] = ()
    users: tuple[OwnerStep, ...] = ()

    @property
    def owners(self) -> tuple[OwnerStep, ...]:
        return (*self.users, *self.teams)

    @property
    def changed(self) -> bool:
        created = any(owner.done for owner in self.owners)
        return created or any(key.status != "exists" for key in self.keys)

    @property
    def problem(self) -> GatewayctlError | None:
        errors = [owner.error for owner in self.owners if owner.error is not None]
        if not self.failed and not errors:
            return None
        if self.failed:
            total = len(self.failed) + len(self.keys)
            errors.append(f"{len(self.failed)} of {total} keys were not created:")
        return PartlyDone(" ".join((*errors, *(failure.message for failure in self.failed))))

    def reveal(self) -> KeysCreateReport:
        """Copy the report with every key in plain text, for `--show`."""
        return replace(self, keys=tuple(replace(key, plain=key.key.reveal()) for key in self.keys))


def create_keys(
    settings: Settings, gateway: GatewayClient, request: KeyRequest
) -> Generator[Progress, None, KeysCreateReport]:
    """Create the requested keys while holding the project's lock. See `ensure_keys`.

    Raises UsageProblem for an invalid request, and Locked.
    """
    wanted = resolve_requested_keys(settings, request)
    # Before the lock, which would create the folder of a project that does not exist.
    require_master_key(settings)
    with change_project(settings, "keys create", request.alias or "") as record:
        report = yield from ensure_keys(settings, gateway, wanted)
        record.problem = report.problem
        changed = [key.alias for key in report.keys if key.status != "exists"]
        record.subject = " ".join(changed)
    return replace(report, warnings=(*report.warnings, *warn_outdated_apps(settings, changed)))


def ensure_declared_keys(
    settings: Settings, gateway: GatewayClient, *, fresh: bool = False
) -> Generator[Progress, None, KeysCreateReport]:
    """Create every declared key that is missing. See `ensure_keys`.

    ``fresh`` generates new secrets for all of them, after LiteLLM's database was emptied. Warns of
    other keys in .env that LiteLLM does not have, and of blocked ones: the stack runs without them.
    """
    report = yield from ensure_keys(
        settings, gateway, settings.keys, fresh=fresh, blocked_fails=False
    )
    with suppress(GatewayctlError):
        unknown = find_unknown_keys(settings, gateway, require_master_key(settings))
        warnings = (
            f"{name} in .env holds a virtual key that LiteLLM does not have."
            f" {advise_unknown_key(name)}"
            for name in unknown
        )
        report = replace(report, warnings=(*report.warnings, *warnings))
    return report


def ensure_keys(
    settings: Settings,
    gateway: GatewayClient,
    wanted: Iterable[DeclaredKey],
    *,
    fresh: bool = False,
    blocked_fails: bool = True,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Generator[Progress, None, KeysCreateReport]:
    """Create the missing keys, in .env and in LiteLLM; running it twice changes nothing.

    Creates the declared teams and users before. Finishes what an interrupted run left; the caller
    holds the project's lock. A failure of one key is in the report if others succeeded, and raised
    if none did: KeyAliasExists, MasterKeyRefused, GatewayDatabaseMissing, GatewayUnreachable,
    EnvFileUnwritable… Raises LicenseMissing before anything is changed. Unless ``blocked_fails``, a
    blocked key that is not replaced is a warning, and not a failure.
    """
    master = require_master_key(settings)
    provisioner = KeyProvisioner(
        settings=settings, gateway=gateway, master=master, fresh=fresh, now=now
    )
    wanted = tuple(wanted)
    require_license(settings, gateway, master, wanted)
    owners = ensure_owners(settings, gateway, master)
    results: list[KeyResult] = []
    failures: list[tuple[DeclaredKey, GatewayctlError]] = []

    def ensure(declared: DeclaredKey) -> None:
        try:
            results.append(provisioner.ensure(declared))
        except GatewayctlError as error:
            if declared.alias in provisioner.blocked and not blocked_fails:
                provisioner.warnings.append(f"{error.message} {error.hint}")
            else:
                failures.append((declared, error))

    yield from handle_all("keys", wanted, ensure, handled="processed")
    if failures and not results and all(owner.error is None for owner in owners):
        raise failures[0][1]
    return KeysCreateReport(
        keys=tuple(results),
        failed=tuple(
            KeyFailure(alias=key.alias, env=key.env, code=error.code, message=error.message)
            for key, error in failures
        ),
        env_file=settings.env_file,
        warnings=(*provisioner.warnings, *_warn_of_owners(owners)),
        teams=tuple(owner for owner in owners if owner.kind == "team"),
        users=tuple(owner for owner in owners if owner.kind == "user"),
    )


def _warn_of_owners(owners: Iterable[OwnerStep]) -> tuple[str, ...]:
    return tuple(
        f"{owner.kind} {owner.name} differs from gateway.yaml ({'; '.join(owner.changes)}):"
        " `gatewayctl keys sync` changes it."
        for owner in owners
        if owner.changes
    )
