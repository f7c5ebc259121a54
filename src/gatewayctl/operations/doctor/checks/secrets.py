"""Checks of the secrets: present, strong, different, unchanged.

Owns what weak means. Evidence never contains a value. Must not know services.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from gatewayctl.errors import MasterKeyMissing, MasterKeyWeak, SettingsProblem
from gatewayctl.operations.doctor.checks.subject import DoctorCheck, Observation, Subject
from gatewayctl.operations.models.provider_failure import advise_provider_key
from gatewayctl.operations.models.provider_keys import has_real_key, is_placeholder
from gatewayctl.operations.state import salt_key
from gatewayctl.settings.fields import SECRETS
from gatewayctl.settings.master_key import NAME as MASTER_KEY
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Secret, Settings

_SHORTEST: Final = 12
_FEWEST_CHARACTERS: Final = 6
# Used in compose files and documentation of LiteLLM, Phoenix and PostgreSQL.
PUBLISHED: Final = frozenset(
    {
        "postgres", "password", "passw0rd", "admin", "administrator", "secret", "litellm",
        "llmproxy", "dbpassword9090", "phoenix", "gateway", "letmein", "12345678", "123456789",
        "qwerty", "sk-1234", "sk-12345", "sk-123456", "sk-12345678", "sk-1234567890", "sk-master",
        "sk-litellm", "sk-test", "litellm_password", "litellm-password", "mysecretpassword",
        "postgrespassword", "sk-random-hash-key", "sk-salt-1234",
    }
)  # fmt: skip


def check_missing(subject: Subject) -> Iterator[Observation]:
    """Find secrets of the stack that are not set. A missing .env is a finding of its own."""
    if not subject.project.env_file.exists():
        return
    for name, secret in _list_stack_secrets(subject.project).items():
        if secret is None and name != MASTER_KEY and name not in _list_optional(subject.project):
            yield Observation(finding="secret_missing", evidence=f"{name} is not set")


def check_master_key(subject: Subject) -> Iterator[Observation]:
    """Apply LiteLLM's own rules, and one about length."""
    try:
        require_master_key(subject.project)
    except (MasterKeyMissing, MasterKeyWeak) as error:
        yield Observation.of(error)
    except SettingsProblem:
        # A missing .env is a finding of its own.
        return


def check_weak(subject: Subject) -> Iterator[Observation]:
    """Find secrets that are easy to guess. The master key has its own rules."""
    for name, secret in _list_stack_secrets(subject.project).items():
        why = "" if secret is None or name == MASTER_KEY else _find_weakness(secret.reveal())
        if why:
            source = subject.project.source_of(name)
            yield Observation(finding="secret_weak", evidence=f"{name} ({source}) {why}")


def check_duplicates(subject: Subject) -> Iterator[Observation]:
    """Find variables of the project that share a value."""
    names_by_value: dict[Secret, set[str]] = defaultdict(set)
    known = {**_list_stack_secrets(subject.project), **subject.project.environment}
    for name, secret in known.items():
        if secret is not None:
            names_by_value[secret].add(name)
    for names in sorted(sorted(names) for names in names_by_value.values() if len(names) > 1):
        evidence = f"{', '.join(names[:-1])} and {names[-1]} have the same value"
        yield Observation(finding="secrets_the_same", evidence=evidence)


def check_salt_key(subject: Subject) -> Iterator[Observation]:
    """Check that the salt key is the one the database was created with.

    One that is not set is a missing secret: `up` may recover it.
    """
    if subject.project.secrets.salt_key is not None and salt_key.has_changed(subject.project):
        evidence = salt_key.describe_change(subject.project)
        yield Observation(finding="salt_key_changed", evidence=evidence)


def check_provider_keys(subject: Subject) -> Iterator[Observation]:
    """Find models that cannot be called because the key of their provider is missing."""
    settings = subject.project
    callable_ones = [model for model in settings.models if has_real_key(model, settings)]
    without: dict[str, list[str]] = defaultdict(list)
    for model in settings.models:
        if model.api_key_env and model not in callable_ones:
            without[model.api_key_env].append(model.name)
    for name, models in without.items():
        # A placeholder in the environment would override a real key in .env.
        shadowed = settings.source_of(name).is_environment
        yield Observation(
            finding="provider_key_missing",
            evidence=f"{name} is not set, or is a placeholder: {', '.join(models)}",
            severity="info" if callable_ones and settings.profile == "development" else None,
            remedy=advise_provider_key(name, settings) if shadowed else None,
        )


def _find_weakness(value: str) -> str:
    if value.lower() in PUBLISHED or is_placeholder(value):
        return "is publicly known: it is used in examples"
    body = value.removeprefix("sk-")
    if len(body) < _SHORTEST:
        return f"has fewer than {_SHORTEST} characters"
    if len(set(body)) < _FEWEST_CHARACTERS:
        return f"has fewer than {_FEWEST_CHARACTERS} different characters"
    return ""


def _list_stack_secrets(settings: Settings) -> dict[str, Secret | None]:
    return {
        field.env: getattr(settings.secrets, field.attribute)
        for field in SECRETS
        if field.env and field.attribute
    }


def _list_optional(settings: Settings) -> set[str]:
    """Secrets that may be missing: without Redis, its password is not needed."""
    return set() if settings.needs_redis else {"REDIS_PASSWORD"}


CHECKS = (
    DoctorCheck(name="secrets present", run=check_missing, needs=("settings", "own_stack")),
    DoctorCheck(name="master key", run=check_master_key, needs=("settings",)),
    DoctorCheck(name="secrets strong", run=check_weak, needs=("settings", "own_stack")),
    DoctorCheck(name="secrets different", run=check_duplicates, needs=("settings",)),
    DoctorCheck(name="salt key", run=check_salt_key, needs=("settings", "own_stack")),
    DoctorCheck(name="provider keys", run=check_provider_keys, needs=("settings", "own_stack")),
)
