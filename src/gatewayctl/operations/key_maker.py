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

from gatewayctl.env_file.write import update
from gatewayctl.errors import KeyAliasExists, Refused, SettingsProblem
from gatewayctl.gateway import keys as litellm
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.gateway.keys import NewKey, VirtualKey, hash_of
from gatewayctl.operations.virtual_keys import values_in_env_file
from gatewayctl.settings.model import DeclaredKey, Secret, Settings
from gatewayctl.settings.sources import ENV_NAME

CREATED_BY: Final = "gatewayctl"
ENV_METADATA: Final = "gatewayctl_env"
"""In a key's metadata: the variable of .env that holds it."""

_ALPHABET: Final = string.ascii_letters + string.digits
_LENGTH: Final = 32
_SHORTEST: Final = 16
"""LiteLLM's MINIMUM_CUSTOM_KEY_LENGTH."""

KeyStatus = Literal["created", "exists", "registered", "replaced"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyResult:
    """What became of one key.

    ``created``: new in both places. ``exists``: nothing changed. ``registered``: the secret
    .env held was made known to LiteLLM. ``replaced``: as either of the two, and an old key
    of ours whose secret was lost is deleted. ``models`` and ``metadata`` are what LiteLLM
    has. ``written`` tells that .env was changed, ``plain`` is filled only to be shown.
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


def new_key_secret() -> Secret:
    """``sk-`` and 32 letters and digits: 190 bits, and the same in every reader of .env."""
    return Secret("sk-" + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH)))


def is_ours(key: VirtualKey) -> bool:
    """True for a key that gatewayctl registered, which it may therefore delete."""
    return key.metadata.get("created_by") == CREATED_BY


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyMaker:
    """Makes keys one by one; ``warnings`` gathers what is worth telling beside the results."""

    settings: Settings
    gateway: GatewayClient
    master: Secret
    fresh: bool
    now: Callable[[], datetime]
    warnings: list[str] = field(default_factory=list)

    def ensure(self, declared: DeclaredKey) -> KeyResult:
        """Make the key if it is missing. Raises what keeps it from being made."""
        in_file = values_in_env_file(self.settings).get(declared.env)
        outside = self._outside(declared)
        secret = outside or in_file
        if self.fresh:
            if outside is not None:
                self.warnings.append(f"{declared.env} in the environment hides that of .env.")
            return self._with_new_secret(declared, instead_of=in_file)
        if secret is None:
            return self._with_new_secret(declared, instead_of=None)
        if self._usable(secret):
            return self._with_known_secret(declared, secret)
        if outside is not None:
            raise SettingsProblem(
                f"{declared.env} in the environment is no virtual key, and hides the one of .env.",
                hint=f"Unset it: unset {declared.env}.",
            )
        return self._with_new_secret(declared, instead_of=secret)

    def _usable(self, secret: Secret) -> bool:
        value = secret.reveal()
        return value.startswith("sk-") and len(value) >= _SHORTEST and secret != self.master

    def _outside(self, declared: DeclaredKey) -> Secret | None:
        """The value of the process's environment, which outranks .env.

        What settings once read from .env is not asked: somebody may have rotated it since.
        """
        if self.settings.source_of(declared.env).name == ENV_NAME:
            return None
        return self.settings.environment.get(declared.env)

    def _warn_of_other_models(self, declared: DeclaredKey, key: VirtualKey) -> None:
        if set(declared.models) != set(key.models) and (
            declared.models or declared in self.settings.keys
        ):
            has, wanted = (", ".join(models) or "all" for models in (key.models, declared.models))
            self.warnings.append(
                f"{declared.alias} exists for the models {has}, not {wanted}; it was left so."
            )

    def _with_known_secret(self, declared: DeclaredKey, secret: Secret) -> KeyResult:
        """(a) LiteLLM knows it under this alias; (b) it does not, and is told."""
        holder = litellm.with_alias(self.gateway, self.master, declared.alias)
        if holder is not None and holder.hash == hash_of(secret):
            self._warn_of_other_models(declared, holder)
            return _result(declared, "exists", secret, holder)
        known = litellm.info(self.gateway, self.master, hash_of(secret))
        if known is not None:
            raise KeyAliasExists(
                f"{declared.env} holds the key {known.alias!r}, not {declared.alias!r}.",
                hint=f"Delete the line {declared.env} of .env, or choose another variable.",
            )
        return self._registered(declared, secret, holder, status="registered")

    def _with_new_secret(self, declared: DeclaredKey, *, instead_of: Secret | None) -> KeyResult:
        """(c) Make a secret, write it to .env, then tell LiteLLM; or leave no trace."""
        holder = litellm.with_alias(self.gateway, self.master, declared.alias)
        _refuse_foreign(declared, holder)
        secret = new_key_secret()
        if not self._written(declared, secret, instead_of):
            # Another gatewayctl was quicker: its secret is the key now.
            theirs = values_in_env_file(self.settings).get(declared.env)
            if theirs is None:
                raise SettingsProblem(f"{declared.env} in .env changes all the time; left alone.")
            return self._with_known_secret(declared, theirs)
        try:
            made = self._registered(declared, secret, holder, status="created")
        except Refused:
            # Any other failure leaves open whether LiteLLM knows the secret by now; then it
            # stays, and the next run registers it.
            self._taken_back(declared, secret, instead_of)
            raise
        return replace(made, written=True)

    def _registered(
        self,
        declared: DeclaredKey,
        secret: Secret,
        holder: VirtualKey | None,
        *,
        status: KeyStatus,
    ) -> KeyResult:
        _refuse_foreign(declared, holder)
        if holder is not None:
            # Ours, and nobody has its secret any more.
            litellm.delete(self.gateway, self.master, holder.hash)
            status = "replaced"
            if declared not in self.settings.keys:
                declared = _with_limits_of(declared, holder, self.now())
        new = NewKey(
            alias=declared.alias,
            secret=secret,
            models=declared.models,
            metadata=self._metadata(declared),
            duration=declared.duration,
        )
        try:
            made = litellm.generate(self.gateway, self.master, new)
        except KeyAliasExists:
            # Somebody registered it since we looked; if it is this very key, all is well.
            now = litellm.with_alias(self.gateway, self.master, declared.alias)
            if now is None or now.hash != hash_of(secret):
                raise
            return _result(declared, "exists", secret, now)
        return _result(declared, status, secret, made)

    def _metadata(self, declared: DeclaredKey) -> dict[str, Any]:
        return {
            **declared.metadata,
            "created_by": CREATED_BY,
            "project": self.settings.project_name,
            ENV_METADATA: declared.env,
        }

    def _written(self, declared: DeclaredKey, secret: Secret, instead_of: Secret | None) -> bool:
        """True if .env holds the secret now; False if somebody else wrote one meanwhile."""
        path, values = self.settings.env_file, {declared.env: secret.reveal()}
        comment = f"Virtual key {declared.alias} of the gateway; made by gatewayctl."
        if instead_of is None:
            written = update(path, values, only_missing=True, comment=comment)
        else:
            written = update(path, values, expect={declared.env: instead_of.reveal()})
        if written.widened_mode is not None:
            self.warnings.append(f"{path} could be read by others; its mode is 0600 now.")
        return declared.env in (*written.added, *written.changed)

    def _taken_back(self, declared: DeclaredKey, secret: Secret, instead_of: Secret | None) -> None:
        path, expect = self.settings.env_file, {declared.env: secret.reveal()}
        if instead_of is None:
            update(path, {}, remove=[declared.env], expect=expect)
        else:
            update(path, {declared.env: instead_of.reveal()}, expect=expect)


def _refuse_foreign(declared: DeclaredKey, holder: VirtualKey | None) -> None:
    if holder is not None and not is_ours(holder):
        raise KeyAliasExists(
            f"LiteLLM has a key {declared.alias!r} that gatewayctl did not make,"
            f" and {declared.env} does not hold it.",
            hint=f"Put its value into .env as {declared.env}, or choose another alias.",
        )


def _with_limits_of(declared: DeclaredKey, lost: VirtualKey, now: datetime) -> DeclaredKey:
    """A key of the command line, no wider than the one it replaces where nothing is said."""
    left = None if lost.expires is None else int((lost.expires - now).total_seconds())
    return replace(
        declared,
        models=declared.models or lost.models,
        metadata={**lost.metadata, **declared.metadata},
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
