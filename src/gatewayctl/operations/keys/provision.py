"""Making one virtual key so that .env and LiteLLM agree, whatever happens in between.

Secrets are made here and registered, not handed out by LiteLLM: .env is written first, so
that a crash in between leaves a secret that the next run registers. Owns that order and
its undoing. Must not know which keys are wanted, or terminals.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal

from gatewayctl.env_file.write import update_env_file
from gatewayctl.errors import KeyAliasExists, Refused, SettingsProblem
from gatewayctl.gateway import keys as litellm
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.gateway.keys import KeyChange, NewKey, VirtualKey, hash_key
from gatewayctl.operations.keys.metadata import (
    ENV_METADATA,
    declared_metadata,
    is_ours,
    user_metadata,
    variable_of,
)
from gatewayctl.operations.keys.rotation import Family, Rotation
from gatewayctl.operations.keys.values import is_plausible_key, read_env_file_values
from gatewayctl.settings.model import DeclaredKey, Secret, Settings
from gatewayctl.settings.sources import ENV_FILE_NAME

_ALPHABET: Final = string.ascii_letters + string.digits
_LENGTH: Final = 32
_SHORTEST: Final = 16
"""LiteLLM's MINIMUM_CUSTOM_KEY_LENGTH."""

KeyStatus = Literal["created", "exists", "registered", "replaced", "moved"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyResult:
    """What became of one key.

    ``created``: new in both places. ``exists``: nothing changed. ``registered``: the secret
    .env held was made known to LiteLLM. ``replaced``: as either of the two, and an old key
    of ours whose secret was lost, or whose time was over, is deleted. ``moved``: the same
    key, now under the variable that is declared for it. ``models`` and ``metadata`` are what
    LiteLLM has. ``written`` tells that .env was changed, ``plain`` is filled only to be shown.
    """

    alias: str
    env: str
    status: KeyStatus
    key: Secret
    models: tuple[str, ...]
    metadata: dict[str, Any]
    expires: datetime | None
    written: bool
    plain: str | None = field(default=None, repr=False)


def generate_key_secret() -> Secret:
    """``sk-`` and 32 letters and digits: 190 bits, and the same in every reader of .env."""
    return Secret("sk-" + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH)))


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyProvisioner:
    """Makes keys one by one; ``warnings`` gathers what is worth telling beside the results."""

    settings: Settings
    gateway: GatewayClient
    master: Secret
    fresh: bool
    now: Callable[[], datetime]
    warnings: list[str] = field(default_factory=list)

    @property
    def rotation(self) -> Rotation:
        project = self.settings.project_name
        return Rotation(gateway=self.gateway, master=self.master, project=project, now=self.now)

    def ensure(self, declared: DeclaredKey) -> KeyResult:
        """Make the key if it is missing. Raises what keeps it from being made."""
        in_file = read_env_file_values(self.settings).get(declared.env)
        environment_secret = self.environment_secret(declared.env)
        secret = environment_secret or in_file
        family = self.rotation.load_family(declared.alias)
        holder = self.finish_rotation(family, environment_secret, in_file)
        if self.fresh:
            if environment_secret is not None:
                self.warnings.append(f"{declared.env} in the environment hides that of .env.")
            return self._create_secret(declared, holder, instead_of=in_file)
        if secret is None:
            moved = self._move_variable(declared, holder)
            return moved or self._create_secret(declared, holder, instead_of=None)
        if self._is_usable(secret):
            if environment_secret is None and self._has_ended(family, holder, secret):
                return self._create_secret(declared, holder, instead_of=secret)
            return self._adopt_secret(declared, secret, holder)
        if environment_secret is not None:
            raise SettingsProblem(
                f"{declared.env} in the environment is no virtual key, and hides the one of .env.",
                hint=f"Unset it: unset {declared.env}.",
            )
        return self._create_secret(declared, holder, instead_of=secret)

    def finish_rotation(self, family: Family, *found: Secret | None) -> VirtualKey | None:
        """The key that bears the alias, after an interrupted rotation of it was finished.

        ``found`` are the secrets that the environment and .env hold for it.
        """
        live = {hash_key(secret) for secret in found if secret is not None}
        return self.rotation.finish(family, live)

    def _has_ended(self, family: Family, holder: VirtualKey | None, secret: Secret) -> bool:
        """True for our own key whose time is over or ends: declared still, so due anew."""
        hashed = hash_key(secret)
        if any(key.hash == hashed for key in family.predecessors):
            return True
        return (
            holder is not None
            and holder.hash == hashed
            and holder.is_expired(self.now())
            and is_ours(holder, self.settings.project_name)
        )

    def _move_variable(self, declared: DeclaredKey, holder: VirtualKey | None) -> KeyResult | None:
        """The key whose variable was renamed in gateway.yaml: the line of .env moves."""
        before = None if holder is None else variable_of(holder)
        if holder is None or before is None or before == declared.env:
            return None
        secret = read_env_file_values(self.settings).get(before)
        claimed = any(key.env == before for key in self.settings.keys)
        ours = is_ours(holder, self.settings.project_name)
        if secret is None or claimed or not ours or hash_key(secret) != holder.hash:
            return None
        path, expect = self.settings.env_file, {before: secret.reveal()}
        update_env_file(path, {declared.env: secret.reveal()}, remove=[before], expect=expect)
        change = KeyChange(metadata={**holder.metadata, ENV_METADATA: declared.env})
        key = litellm.update_key(self.gateway, self.master, holder.hash, change)
        return replace(_result(declared, "moved", secret, key), written=True)

    def _is_usable(self, secret: Secret) -> bool:
        long_enough = len(secret.reveal()) >= _SHORTEST
        return is_plausible_key(secret) and long_enough and secret != self.master

    def environment_secret(self, env: str) -> Secret | None:
        """The value of the process's environment, which outranks .env.

        What settings once read from .env is not asked: somebody may have rotated it since.
        """
        if self.settings.source_of(env).name == ENV_FILE_NAME:
            return None
        return self.settings.environment.get(env)

    def _warn_of_other_models(self, declared: DeclaredKey, key: VirtualKey) -> None:
        if set(declared.models) != set(key.models) and (
            declared.models or declared in self.settings.keys
        ):
            has, wanted = (", ".join(models) or "all" for models in (key.models, declared.models))
            self.warnings.append(
                f"{declared.alias} exists for the models {has}, not {wanted}; it was left so."
            )

    def _adopt_secret(
        self, declared: DeclaredKey, secret: Secret, holder: VirtualKey | None
    ) -> KeyResult:
        """(a) LiteLLM knows it under this alias; (b) it does not, and is told."""
        if holder is not None and holder.hash == hash_key(secret):
            self._warn_of_other_models(declared, holder)
            if holder.blocked:
                self.warnings.append(f"{declared.alias} is blocked in LiteLLM; it was left so.")
            return _result(declared, "exists", secret, holder)
        known = litellm.get_key(self.gateway, self.master, hash_key(secret))
        if known is not None:
            raise KeyAliasExists(
                f"{declared.env} holds the key {known.alias!r}, not {declared.alias!r}.",
                hint=f"Delete the line {declared.env} of .env, or choose another variable.",
            )
        return self._register(declared, secret, holder, status="registered")

    def _create_secret(
        self, declared: DeclaredKey, holder: VirtualKey | None, *, instead_of: Secret | None
    ) -> KeyResult:
        """(c) Make a secret, write it to .env, then tell LiteLLM; or leave no trace."""
        self._refuse_foreign(declared, holder)
        secret = generate_key_secret()
        if not self.write_secret(declared, secret, instead_of):
            # Another gatewayctl was quicker: its secret is the key now.
            theirs = read_env_file_values(self.settings).get(declared.env)
            if theirs is None:
                raise SettingsProblem(f"{declared.env} in .env changes all the time; left alone.")
            return self._adopt_secret(declared, theirs, holder)
        try:
            made = self._register(declared, secret, holder, status="created")
        except Refused:
            # Any other failure leaves open whether LiteLLM knows the secret by now; then it
            # stays, and the next run registers it.
            self._restore_line(declared, secret, instead_of)
            raise
        return replace(made, written=True)

    def _register(
        self,
        declared: DeclaredKey,
        secret: Secret,
        holder: VirtualKey | None,
        *,
        status: KeyStatus,
    ) -> KeyResult:
        self._refuse_foreign(declared, holder)
        if holder is not None:
            # Ours, and nobody has its secret any more.
            litellm.delete_key(self.gateway, self.master, holder.hash)
            status = "replaced"
            if declared not in self.settings.keys:
                declared = inherit_limits(declared, holder, self.now())
        new = NewKey(
            alias=declared.alias,
            secret=secret,
            models=declared.models,
            metadata=declared_metadata(declared, self.settings.project_name),
            duration=declared.duration,
        )
        try:
            made = litellm.generate_key(self.gateway, self.master, new)
        except KeyAliasExists:
            # Somebody registered it since we looked; if it is this very key, all is well.
            now = litellm.find_key_by_alias(self.gateway, self.master, declared.alias)
            if now is None or now.hash != hash_key(secret):
                raise
            return _result(declared, "exists", secret, now)
        return _result(declared, status, secret, made)

    def write_secret(
        self, declared: DeclaredKey, secret: Secret, instead_of: Secret | None
    ) -> bool:
        """True if .env holds the secret now; False if somebody else wrote one meanwhile."""
        path, values = self.settings.env_file, {declared.env: secret.reveal()}
        comment = f"Virtual key {declared.alias} of the gateway; made by gatewayctl."
        if instead_of is None:
            written = update_env_file(path, values, only_missing=True, comment=comment)
        else:
            written = update_env_file(path, values, expect={declared.env: instead_of.reveal()})
        if written.widened_mode is not None:
            self.warnings.append(f"{path} could be read by others; its mode is 0600 now.")
        return declared.env in (*written.added, *written.changed)

    def _refuse_foreign(self, declared: DeclaredKey, holder: VirtualKey | None) -> None:
        if holder is not None and not is_ours(holder, self.settings.project_name):
            raise KeyAliasExists(
                f"LiteLLM has a key {declared.alias!r} that gatewayctl did not make,"
                f" and {declared.env} does not hold it.",
                hint=f"Put its value into .env as {declared.env}, or choose another alias.",
            )

    def _restore_line(
        self, declared: DeclaredKey, secret: Secret, instead_of: Secret | None
    ) -> None:
        path, expect = self.settings.env_file, {declared.env: secret.reveal()}
        if instead_of is None:
            update_env_file(path, {}, remove=[declared.env], expect=expect)
        else:
            update_env_file(path, {declared.env: instead_of.reveal()}, expect=expect)


def inherit_limits(declared: DeclaredKey, lost: VirtualKey, now: datetime) -> DeclaredKey:
    """A key of the command line, no wider than the one it replaces where nothing is said."""
    left = None if lost.expires is None else int((lost.expires - now).total_seconds())
    return replace(
        declared,
        models=declared.models or lost.models,
        metadata={**user_metadata(lost.metadata), **declared.metadata},
        duration=declared.duration or (f"{left}s" if left is not None and left > 0 else None),
    )


def _result(declared: DeclaredKey, status: KeyStatus, secret: Secret, key: VirtualKey) -> KeyResult:
    return KeyResult(
        alias=declared.alias,
        env=declared.env,
        status=status,
        key=secret,
        models=key.models,
        metadata=dict(key.metadata),
        expires=key.expires,
        written=False,
    )
