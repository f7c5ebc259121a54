"""The Secrets of a project, made of the current values of its variables.

Owns where each value is found. The objects go to kubectl on standard input, and never to a file.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gatewayctl import network
from gatewayctl.env_file.read import read_env_file
from gatewayctl.errors import ClusterForbidden, EnvFileMissing, SettingsProblem
from gatewayctl.rendering.kubernetes.labels import project_labels, service_labels
from gatewayctl.rendering.kubernetes.secrets import PlannedSecret, plan_secrets
from gatewayctl.runtimes.kubernetes.context import ChosenContext, read_record
from gatewayctl.runtimes.kubernetes.kubectl import Kubectl, Object, Run
from gatewayctl.runtimes.kubernetes.objects import has_labels
from gatewayctl.runtimes.process import run
from gatewayctl.settings.fields import SECRETS
from gatewayctl.settings.master_key import NAME as MASTER_KEY
from gatewayctl.settings.model import Secret, Settings

_ATTRIBUTES: Final = {
    field.env: field.attribute for field in SECRETS if field.env and field.attribute
}


def make_secrets(settings: Settings) -> tuple[Object, ...]:
    """The Secrets to apply; none if the project uses one that exists."""
    if settings.kubernetes.secrets_from is not None:
        return ()
    values = _find_values(settings)
    return tuple(_make_secret(settings, planned, values) for planned in plan_secrets(settings))


def read_value(secret: Object, key: str) -> Secret | None:
    """The value of one key of a Secret that was read; None if it is not there."""
    encoded = (secret.get("data") or {}).get(key)
    return Secret(base64.b64decode(encoded).decode()) if encoded else None


def has_other_master_key(settings: Settings, place: ChosenContext, run: Run = run) -> bool:
    """True if the project runs in that place with a master key that is not the one of this folder.

    A folder that started it there may have a new one, but not none. Raises ClusterUnreachable.
    """
    if settings.kubernetes.secrets_from is not None:
        return False
    own = settings.secrets.master_key
    if own is not None and read_record(settings) == place:
        return False
    kubectl = Kubectl(context=place.context, namespace=place.namespace, run=run)
    try:
        found = kubectl.get("secret/litellm")
    except ClusterForbidden:
        # `up` names all permissions that are missing.
        return False
    if not found or not has_labels(found[0], project_labels(settings)):
        return False
    return read_value(found[0], MASTER_KEY) not in {None, own}


def changed_keys(before: Object | None, after: Object) -> tuple[str, ...]:
    """The names of the keys whose values differ, sorted."""
    old = {} if before is None else before.get("data") or {}
    new = after.get("data") or {}
    return tuple(sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key)))


def _make_secret(settings: Settings, planned: PlannedSecret, values: Mapping[str, str]) -> Object:
    # A key that must exist may be empty; an optional one exists only with a value.
    texts = {name: values[name] for name in planned.optional if values.get(name)}
    texts |= {name: values.get(name, "") for name in planned.variables}
    data = {name: text.encode() for name, text in texts.items()}
    data |= {key: _read_file(path) for key, path in planned.files.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": planned.name,
            "namespace": settings.kubernetes.namespace,
            "labels": service_labels(settings, planned.service),
        },
        "type": "Opaque",
        "data": {key: base64.b64encode(data[key]).decode() for key in sorted(data)},
    }


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsProblem(
            f"Cannot read {path} (services.litellm.mounts): {error.strerror}."
        ) from error


def _find_values(settings: Settings) -> dict[str, str]:
    """Every variable with its value: the environment overrides .env, as for every setting.

    .env is read again, because virtual keys are written after the settings were loaded. A proxy on
    loopback is of this machine, which no pod reaches.
    """
    known = {name: secret.reveal() for name, secret in settings.environment.items()}
    try:
        written = {name: entry.value for name, entry in read_env_file(settings.env_file).items()}
    except EnvFileMissing:
        written = {}
    outside = {name: value for name, value in os.environ.items() if value}
    found = {**known, **written, **outside}
    found = {name: found[name] for name in found.keys() - set(network.PROXY_VARIABLES)}
    proxies = network.select_usable(settings.network)
    found |= {name: each for name, each in proxies.items() if not network.is_loopback(each)}
    own = {name: getattr(settings.secrets, attribute) for name, attribute in _ATTRIBUTES.items()}
    return found | {name: secret.reveal() for name, secret in own.items() if secret is not None}
