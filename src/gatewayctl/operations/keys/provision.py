"""Creates one virtual key so that .env and LiteLLM agree, whatever fails in between.

Secrets are generated here and registered, not issued by LiteLLM: .env is written first, so
a crash leaves a secret that the next run registers. Owns that order and the way back. Must
not know which keys are wanted, or terminals.
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
from gatewayctl.operations.keys.inheritance import inherit_lifetime, inherit_limits
from gatewayctl.operations.keys.limits import find_limit_differences, wanted_limits
from gatewayctl.operations.keys.metadata import (
    ENV_METADATA,
    advise_blocked,
    blocked_key,
    foreign_key,
    is_blocked,
    is_ours,
    updated_metadata,
    variable_of,
)
from gatewayctl.operations.keys.owners import require_owners
from gatewayctl.operations.keys.rotation import Family, Rotation
from gatewayctl.operations.keys.values import is_plausible_key, read_env_file_values
from gatewayctl.settings.declared.keys import DeclaredKey
from gatewayctl.settings.declared.limits import KEY_LIMITS
from gatewayctl.settings.model import Secret, Settings, Source
from gatewayctl.settings.overrides import advise_unset, overridden
from gatewayctl.settings.sources import ENV_FILE_NAME

_ALPHABET: Final = string.ascii_letters + string.digits
_LENGTH: Final = 32
_SHORTEST: Final = 16
"""LiteLLM's MINIMUM_CUSTOM_KEY_LENGTH."""

KeyStatus = Literal["created", "exists", "registered", "replaced", "moved"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyResult:
    """The outcome for one key.

    ``created``: new in both places. ``exists``: nothing changed. ``registered``: the secret of
    .env was registered in LiteLLM. ``replaced``: created or registered, and an old key of ours
    whose secret was lost, or that had expired, was deleted. ``moved``: the same key, in the
    variable that is declared now. ``models`` and ``metadata`` are those of LiteLLM. ``written``:
    .env was changed. ``plain`` is set only to print it.
    """

    alias: str
    env: str
    status: KeyStatus
    key: Secret
    models: tuple[str, ...]
    metadata: dict[str, Any]
    expires: datetime | None
    written: bool = False
    plain: str | None = field(default=None, repr=False)


def generate_key_secret() -> Secret:
    """Generate ``sk-`` and 32 letters and digits: 190 bits, safe for every reader of .env."""
    return Secret("sk-" + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH)))


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyProvisioner:
    """Creates, finds and deletes single keys; ``warnings`` collects what is not in results.

    ``fresh`` replaces every secret, as after LiteLLM's database was emptied. ``blocked`` collects
    the aliases of keys that were not replaced, because an operator blocked them.
    """

    settings: Settings
    gateway: GatewayClient
    master: Secret
    now: Callable[[], datetime]
    fresh: bool = False
    warnings: list[str] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)

    @property
    def project(self) -> str:
        return self.settings.project_name

    @property
    def rotation(self) -> Rotation:
        return Rotation(
            gateway=self.gateway, master=self.master, project=self.project, now=self.now
        )

    def ensure(self, declared: DeclaredKey) -> KeyResult:
        """Create the key if it is missing. Raises the error that prevents it.

        A value of the environment is never registered: it may be a key that was revoked after the
        shell read it.
        """
        secret = self.stored_secret(declared.env)
        override = self.environment_secret(declared.env)
        if secret is not None and override not in {None, secret}:
            raise overridden({declared.env: Source(name=ENV_FILE_NAME)})
        family = self.rotation.load_family(declared.alias)
        current = self.finish_rotation(family, override, secret)
        if current is not None and self._is_blocked(current, override, secret):
            return self._leave_blocked(declared, current, override, secret)
        if self.fresh:
            if override is not None:
                self.warnings.append(_warn_override(declared.env))
            return self._create(declared, current, instead_of=secret)
        if secret is None:
            if override is not None:
                return self._recognize(declared, override, current)
            moved = self._move_variable(declared, current)
            return moved or self._create(declared, current, instead_of=None)
        if self._is_usable(secret) and not self._has_ended(family, current, secret):
            return self._adopt(declared, secret, current)
        return self._create(declared, current, instead_of=secret)

    def finish_rotation(self, family: Family, *found: Secret | None) -> VirtualKey | None:
        """Finish an interrupted rotation; returns the key that has the alias then.

        ``found`` are the secrets that the environment and .env hold for it.
        """
        return self.rotation.finish(family, {hash_key(each) for each in found if each is not None})

    def _is_blocked(self, current: VirtualKey, *found: Secret | None) -> bool:
        hashes = {hash_key(each) for each in found if each is not None}
        return is_ours(current, self.project) and is_blocked(current, hashes)

    def _leave_blocked(
        self, declared: DeclaredKey, current: VirtualKey, *found: Secret | None
    ) -> KeyResult:
        """The blocked key as it is. Raises KeyAliasExists if its secret is lost.

        A new key would undo the block, also where this one has expired.
        """
        for secret in found:
            if secret is not None and hash_key(secret) == current.hash:
                return self._adopt(declared, secret, current)
        self.blocked.append(declared.alias)
        raise blocked_key(declared.alias, "so it is not replaced by a new one")

    def stored_secret(self, env: str | None) -> Secret | None:
        """The current value of a variable in .env."""
        return read_env_file_values(self.settings).get(env) if env else None

    def environment_secret(self, env: str) -> Secret | None:
        """The value of a variable in the process environment, which overrides .env.

        Not what settings read from .env once: it may have been rotated since.
        """
        is_set = self.settings.source_of(env).is_environment
        return self.settings.environment.get(env) if is_set else None

    def write_secret(
        self, declared: DeclaredKey, secret: Secret, instead_of: Secret | None
    ) -> bool:
        """Write the secret to .env; False if the value there is not ``instead_of`` any more."""
        path, values = self.settings.env_file, {declared.env: secret.reveal()}
        comment = f"Virtual key {declared.alias} of the gateway; created by gatewayctl."
        if instead_of is None:
            update = update_env_file(path, values, only_missing=True, comment=comment)
        else:
            update = update_env_file(path, values, expect={declared.env: instead_of.reveal()})
        if update.mode_warning is not None:
            self.warnings.append(update.mode_warning)
        return declared.env in (*update.added, *update.changed)

    def delete(self, key: VirtualKey, env: str | None) -> bool:
        """Remove the key from .env, then delete it in LiteLLM; True if .env had it.

        In this order, because the next `keys create` registers a value that is left in .env.
        """
        secret = self.stored_secret(env)
        removed = env is not None and secret is not None and hash_key(secret) == key.hash
        if env is not None and secret is not None and removed:
            self.remove_secret(env, secret)
        litellm.delete_key(self.gateway, self.master, key.hash)
        return removed

    def remove_secret(self, env: str, secret: Secret) -> None:
        """Remove the line of a variable from .env, if it still holds that secret."""
        update_env_file(self.settings.env_file, {}, remove=[env], expect={env: secret.reveal()})

    def _is_usable(self, secret: Secret) -> bool:
        long_enough = len(secret.reveal()) >= _SHORTEST
        return is_plausible_key(secret) and long_enough and secret != self.master

    def _has_ended(self, family: Family, current: VirtualKey | None, secret: Secret) -> bool:
        """True if the secret is of a key that was deleted, or of ours that was rotated or expired.

        LiteLLM would register a deleted one again, and with it whoever it was revoked for.
        """
        hashed = hash_key(secret)
        if any(key.hash == hashed for key in family.predecessors):
            return True
        if current is None or current.hash != hashed:
            return litellm.was_deleted(self.gateway, self.master, hashed)
        return current.is_expired(self.now()) and is_ours(current, self.project)

    def _recognize(
        self, declared: DeclaredKey, secret: Secret, current: VirtualKey | None
    ) -> KeyResult:
        """The key that only the environment holds. Raises SettingsProblem for an unknown one."""
        if current is None or current.hash != hash_key(secret):
            raise SettingsProblem(
                f"{declared.env} is set in the environment only, and is not the virtual key"
                f" {declared.alias} of LiteLLM. {advise_unset(declared.env)}",
                hint="`gatewayctl keys create` then creates the key and writes it to .env.",
            )
        return self._adopt(declared, secret, current)

    def _move_variable(self, declared: DeclaredKey, current: VirtualKey | None) -> KeyResult | None:
        """Move the line of .env if the variable of the key was renamed in gateway.yaml."""
        before = None if current is None else variable_of(current)
        if current is None or before is None or before == declared.env:
            return None
        secret = self.stored_secret(before)
        in_use = any(key.env == before for key in self.settings.keys)
        ours = is_ours(current, self.project)
        if secret is None or in_use or not ours or hash_key(secret) != current.hash:
            return None
        path, expect = self.settings.env_file, {before: secret.reveal()}
        update_env_file(path, {declared.env: secret.reveal()}, remove=[before], expect=expect)
        change = KeyChange(metadata={**current.metadata, ENV_METADATA: declared.env})
        key = litellm.update_key(self.gateway, self.master, current.hash, change)
        return replace(_result(declared, "moved", secret, key), written=True)

    def _adopt(
        self, declared: DeclaredKey, secret: Secret, current: VirtualKey | None
    ) -> KeyResult:
        """Register the secret of .env, unless LiteLLM has it under this alias already."""
        if current is not None and current.hash == hash_key(secret):
            self._warn_of_other_models(declared, current)
            self._warn_of_other_limits(declared, current)
            if current.blocked:
                self.warnings.append(
                    f"{declared.alias} is blocked in LiteLLM, and stays so."
                    f" {advise_blocked(declared.alias)}"
                )
            return _result(declared, "exists", secret, current)
        known = litellm.get_key(self.gateway, self.master, hash_key(secret))
        if known is not None:
            raise KeyAliasExists(
                f"{declared.env} holds the key {known.alias!r}, not {declared.alias!r}.",
                hint=f"Delete the line {declared.env} of .env, or choose another variable.",
            )
        return self._register(declared, secret, current, status="registered")

    def _warn_of_other_models(self, declared: DeclaredKey, key: VirtualKey) -> None:
        if set(declared.models) != set(key.models) and (
            declared.models or declared in self.settings.keys
        ):
            has, wanted = (", ".join(models) or "all" for models in (key.models, declared.models))
            self.warnings.append(
                f"{declared.alias} exists with models {has}, not {wanted}; it was not changed."
            )

    def _warn_of_other_limits(self, declared: DeclaredKey, key: VirtualKey) -> None:
        differences = find_limit_differences(KEY_LIMITS, declared, key)
        if differences and declared in self.settings.keys and is_ours(key, self.project):
            self.warnings.append(
                f"{declared.alias} differs from gateway.yaml ({'; '.join(differences)}):"
                " `gatewayctl keys sync` changes it."
            )

    def _create(
        self, declared: DeclaredKey, current: VirtualKey | None, *, instead_of: Secret | None
    ) -> KeyResult:
        """Generate a secret, write it to .env and register it; undo that if LiteLLM refuses."""
        self._refuse_foreign(declared, current)
        self._choose_lifetime(declared, current)
        secret = generate_key_secret()
        if not self.write_secret(declared, secret, instead_of):
            # Another gatewayctl was faster: its secret is the key now.
            theirs = self.stored_secret(declared.env)
            if theirs is None:
                raise SettingsProblem(f"{declared.env} in .env keeps changing; it was not written.")
            return self._adopt(declared, theirs, current)
        try:
            created = self._register(declared, secret, current, status="created")
        except Refused:
            # After any other failure LiteLLM may know the secret: then it stays in .env, and
            # the next run registers it.
            if not self._is_half_deleted(current):
                self._restore(declared, secret, instead_of)
            raise
        return replace(created, written=True)

    def _is_half_deleted(self, current: VirtualKey | None) -> bool:
        """True if LiteLLM blocked the key and did not delete it.

        The new value in .env is then what distinguishes that block from one of an operator.
        """
        if current is None:
            return False
        found = litellm.get_key(self.gateway, self.master, current.hash)
        return found is not None and found.blocked

    def _register(
        self,
        declared: DeclaredKey,
        secret: Secret,
        current: VirtualKey | None,
        *,
        status: KeyStatus,
    ) -> KeyResult:
        self._refuse_foreign(declared, current)
        require_owners(self.gateway, self.master, declared)
        lifetime = self._choose_lifetime(declared, current)
        if current is None and status == "registered":
            self._warn_of_no_expiry(declared)
        if current is not None:
            # Our own key: its secret is lost, or it has expired.
            self.rotation.delete_replaced(current, by=hash_key(secret))
            status = "replaced"
            if declared not in self.settings.keys:
                declared = inherit_limits(declared, current)
        new = NewKey(
            alias=declared.alias,
            secret=secret,
            models=declared.models,
            metadata=updated_metadata(declared, self.project, current),
            duration=lifetime,
            limits=wanted_limits(KEY_LIMITS, declared, current),
            spend=0 if current is None else current.spend or 0,
        )
        try:
            key = litellm.generate_key(self.gateway, self.master, new)
        except KeyAliasExists:
            # Fine if another gatewayctl registered this same key meanwhile.
            found = litellm.find_key_by_alias(self.gateway, self.master, declared.alias)
            if found is None or found.hash != hash_key(secret):
                raise
            return _result(declared, "exists", secret, found)
        return _result(declared, status, secret, key)

    def _choose_lifetime(self, declared: DeclaredKey, current: VirtualKey | None) -> str | None:
        """The duration to register; raises UsageProblem for one that nothing is known of."""
        if current is None or declared in self.settings.keys:
            return declared.duration
        return inherit_lifetime(declared, current, self.now())

    def _warn_of_no_expiry(self, declared: DeclaredKey) -> None:
        # The key that it was, or replaces, may have had one; LiteLLM has neither now.
        if declared.duration is None and declared not in self.settings.keys:
            self.warnings.append(
                f"{declared.alias} is registered without --duration, so it never expires."
            )

    def _refuse_foreign(self, declared: DeclaredKey, current: VirtualKey | None) -> None:
        if current is not None and not is_ours(current, self.project):
            raise foreign_key(
                current,
                declared.alias,
                f"and {declared.env} does not hold it",
                hint=f"Put its value into .env as {declared.env}, or choose another alias.",
            )

    def _restore(self, declared: DeclaredKey, secret: Secret, instead_of: Secret | None) -> None:
        """Undo `write_secret`."""
        if instead_of is None:
            self.remove_secret(declared.env, secret)
            return
        path, expect = self.settings.env_file, {declared.env: secret.reveal()}
        update_env_file(path, {declared.env: instead_of.reveal()}, expect=expect)


def _warn_override(env: str) -> str:
    return f"{env} in the environment overrides that of .env. {advise_unset(env)}"


def _result(declared: DeclaredKey, status: KeyStatus, secret: Secret, key: VirtualKey) -> KeyResult:
    return KeyResult(
        alias=declared.alias,
        env=declared.env,
        status=status,
        key=secret,
        models=key.models,
        metadata=dict(key.metadata),
        expires=key.expires,
    )
