"""Checks of the secrets: there, strong, different, the right ones.

Owns what weak means. No evidence holds a value. Must not know services.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from gatewayctl.errors import MasterKeyMissing, MasterKeyWeak, SettingsProblem
from gatewayctl.operations.doctor.checks.subject import DoctorCheck, Observation, Subject
from gatewayctl.operations.models.provider_keys import has_real_key, is_placeholder
from gatewayctl.operations.state import salt_key
from gatewayctl.settings.fields import SECRETS
from gatewayctl.settings.master_key import NAME as MASTER_KEY
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Secret, Settings

_SHORTEST: Final = 12
_FEWEST_CHARACTERS: Final = 6
# What stands in compose files and documentation of LiteLLM, Phoenix and PostgreSQL.
PUBLISHED: Final = frozenset(
    {
        "postgres", "password", "passw0rd", "admin", "administrator", "secret", "litellm",
        "llmproxy", "dbpassword9090", "phoenix", "gateway", "letmein", "12345678", "123456789",
        "qwerty", "sk-1234", "sk-12345", "sk-123456", "sk-12345678", "sk-1234567890", "sk-master",
        "sk-litellm", "sk-test", "litellm_password", "litellm-password", "mysecretpassword",
        "postgrespassword", "sk-random-hash-key", "sk-salt-1234",
    }
)  # fmt: skip


def missing(subject: Subject) -> Iterator[Observation]:
    """Secrets of the stack that nobody set. Without .env that is the finding."""
    if not subject.project.env_file.exists():
        return
    for name, secret in _stack_secrets(subject.project).items():
        if secret is None and name != MASTER_KEY and name not in _optional(subject.project):
            yield Observation(finding="secret_missing", evidence=f"{name} is set nowhere")


def master_key(subject: Subject) -> Iterator[Observation]:
    """The rules LiteLLM itself applies, and one about length."""
    try:
        require_master_key(subject.project)
    except MasterKeyMissing as error:
        yield Observation(finding="master_key_missing", evidence=error.message)
    except MasterKeyWeak as error:
        yield Observation(finding="master_key_weak", evidence=error.message)
    except SettingsProblem:
        # No .env at all is a finding of its own.
        return


def weak(subject: Subject) -> Iterator[Observation]:
    """Secrets that could be guessed. The master key has its own rules."""
    for name, secret in _stack_secrets(subject.project).items():
        why = "" if secret is None or name == MASTER_KEY else _weakness(secret.reveal())
        if why:
            source = subject.project.source_of(name)
            yield Observation(finding="secret_weak", evidence=f"{name} ({source}) {why}")


def the_same(subject: Subject) -> Iterator[Observation]:
    """Variables of the project that share a value."""
    holders: dict[Secret, set[str]] = defaultdict(set)
    known = {**_stack_secrets(subject.project), **subject.project.environment}
    for name, secret in known.items():
        if secret is not None:
            holders[secret].add(name)
    for names in sorted(sorted(names) for names in holders.values() if len(names) > 1):
        said = f"{', '.join(names[:-1])} and {names[-1]} have the same value"
        yield Observation(finding="secrets_the_same", evidence=said)


def salt(subject: Subject) -> Iterator[Observation]:
    """Whether the salt key is the one the database was made with."""
    if salt_key.has_changed(subject.project):
        source = subject.project.source_of(salt_key.NAME)
        said = f"{salt_key.NAME} ({source}) is not the one remembered at the first start"
        yield Observation(finding="salt_key_changed", evidence=said)


def provider_keys(subject: Subject) -> Iterator[Observation]:
    """Models that nobody can call, because the key of their provider is missing."""
    settings = subject.project
    callable_ones = [model for model in settings.models if has_real_key(model, settings)]
    without: dict[str, list[str]] = defaultdict(list)
    for model in settings.models:
        if model.api_key_env and model not in callable_ones:
            without[model.api_key_env].append(model.name)
    for name, models in without.items():
        yield Observation(
            finding="provider_key_missing",
            evidence=f"{name} is not set, or a stand-in: {', '.join(models)}",
            severity="info" if callable_ones and settings.profile == "development" else None,
        )


def _weakness(value: str) -> str:
    if value.lower() in PUBLISHED or is_placeholder(value):
        return "is published: it stands in examples"
    body = value.removeprefix("sk-")
    if len(body) < _SHORTEST:
        return f"has fewer than {_SHORTEST} characters"
    if len(set(body)) < _FEWEST_CHARACTERS:
        return f"has fewer than {_FEWEST_CHARACTERS} different characters"
    return ""


def _stack_secrets(settings: Settings) -> dict[str, Secret | None]:
    return {
        field.env: getattr(settings.secrets, field.attribute)
        for field in SECRETS
        if field.env and field.attribute
    }


def _optional(settings: Settings) -> set[str]:
    """Redis has no password to miss where there is no Redis."""
    return set() if settings.needs_redis else {"REDIS_PASSWORD"}


CHECKS = (
    DoctorCheck(name="secrets there", look=missing, needs=("settings",)),
    DoctorCheck(name="master key", look=master_key, needs=("settings",)),
    DoctorCheck(name="secrets strong", look=weak, needs=("settings",)),
    DoctorCheck(name="secrets different", look=the_same, needs=("settings",)),
    DoctorCheck(name="salt key", look=salt, needs=("settings",)),
    DoctorCheck(name="provider keys", look=provider_keys, needs=("settings",)),
)
