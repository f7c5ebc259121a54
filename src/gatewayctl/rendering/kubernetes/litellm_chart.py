"""Values for LiteLLM's official Helm chart (helm/litellm 1.0), from the same parts as our objects.

The chart renders the Deployment, the migration Job and what belongs to them; it has no database and
no Redis. Owns the names of the chart's values. Never sees the value of a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import yaml

from gatewayctl.errors import Problem, SettingsInvalid
from gatewayctl.rendering.kubernetes import environment, labels, objects
from gatewayctl.rendering.kubernetes.config_map import config_files, volume_mounts, volumes
from gatewayctl.rendering.kubernetes.phoenix_chart import SERVICE
from gatewayctl.rendering.kubernetes.resources import resources
from gatewayctl.rendering.kubernetes.secrets import (
    litellm_secret,
    operator_secret,
    plan_secrets,
    secret_name,
)
from gatewayctl.rendering.kubernetes.services import database_host
from gatewayctl.settings.declared.external_services import parse_database_url
from gatewayctl.settings.model import CA_BUNDLE_NAME, Settings

_FOLDER: Final = "/app/config"
"""Where the chart has the configuration, and modules beside it."""
_OF_CHART: Final = frozenset(
    {"DATABASE_URL", "DISABLE_SCHEMA_UPDATE", "LITELLM_POSTGRES_PASSWORD", "LITELLM_MASTER_KEY"}
)
"""Variables that the chart sets itself."""
_USER, _PASSWORD = "username", "password"


def litellm_values(settings: Settings, config: Mapping[str, str]) -> dict[str, Any]:
    """The values of the chart. ``config`` are LiteLLM's files, its configuration first.

    Raises SettingsInvalid if the host of an external database is not known.
    """
    kubernetes = settings.kubernetes
    found: dict[str, Any] = {
        "image": _image(settings.images.litellm),
        "imagePullSecrets": [{"name": name} for name in kubernetes.image_pull_secrets],
        "monolith": {"enabled": True},
        "masterKey": {
            "secretName": litellm_secret(settings).name,
            "secretKey": "LITELLM_MASTER_KEY",
        },
        "database": {"writer": _database(settings)},
        "serviceAccounts": {"gateway": {"create": True, "automount": False}},
        # As a hook of Helm itself, before the pods of a release start.
        "migrationJob": {
            "enabled": True,
            "hooks": {"helm": {"enabled": True}},
            "activeDeadlineSeconds": 1800,
            **_security(settings),
            "volumes": [{"name": "tmp", "emptyDir": {}}],
            "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
            "resources": resources(settings, "litellm-migrate"),
        },
        "gateway": _gateway(settings, config),
        **_redis(settings),
        **_ingress(settings),
        "extraResources": [_files(settings, config)],
    }
    return {name: value for name, value in found.items() if value != []}


def needed_secrets(settings: Settings) -> list[dict[str, Any]]:
    """The names of the Secrets that must exist for the chart, with their keys.

    The chart composes the database's URL, from keys of its own.
    """
    external = settings.services.postgres
    unused = "LITELLM_POSTGRES_PASSWORD" if external is None else external.url_env
    planned = {
        secret.name: [
            *(name for name in secret.variables if name != unused),
            *(f"[{name}]" for name in secret.optional),
        ]
        for secret in plan_secrets(settings)
        if secret.service in {"litellm", "redis"} and not secret.files
    }
    planned.setdefault(_database_secret(settings), [])
    planned[_database_secret(settings)] += [_USER, _PASSWORD]
    return [{"name": name, "variables": keys} for name, keys in planned.items()]


def _image(name: str) -> dict[str, str]:
    repository, _, digest = name.partition("@")
    last = repository.rpartition("/")[2]
    tag = last.partition(":")[2]
    found = {"repository": repository.removesuffix(f":{tag}") if tag else repository}
    return {**found, "tag": tag, **({"digest": digest} if digest else {})}


def _database_secret(settings: Settings) -> str:
    if settings.services.postgres is None and settings.kubernetes.postgres == "cloudnative-pg":
        return operator_secret("postgres-litellm")
    return secret_name(settings, "postgres-litellm")


def _database(settings: Settings) -> dict[str, Any]:
    host, port, name = database_host(settings, "postgres-litellm"), 5432, "litellm"
    if settings.services.postgres is not None:
        variable = settings.services.postgres.url_env
        secret = settings.environment.get(variable)
        if secret is None:
            message = f"the chart needs the host of the database: set {variable} in .env"
            place = str(settings.source_of("services.postgres"))
            raise SettingsInvalid(problems=(Problem(source=place, message=message),))
        url = parse_database_url(secret.reveal())
        host, port, name = url.host, url.port, url.database
    keys = {"name": _database_secret(settings), "usernameKey": _USER, "passwordKey": _PASSWORD}
    return {"host": host, "port": port, "dbname": name, "passwordSecret": keys}


def _gateway(settings: Settings, config: Mapping[str, str]) -> dict[str, Any]:
    """The pods: the same probes, the same end and the same security as ours."""
    kubernetes = settings.kubernetes
    autoscaling = kubernetes.autoscaling
    return {
        "numWorkers": settings.pod_workers,
        **({} if autoscaling else {"replicaCount": kubernetes.replicas}),
        "hpa": {
            "enabled": autoscaling is not None,
            **(
                {
                    "minReplicas": autoscaling.min_replicas,
                    "maxReplicas": autoscaling.max_replicas,
                    "targetCPUUtilizationPercentage": autoscaling.cpu_percent,
                    # What the engine of the database client once took, it keeps.
                    "targetMemoryUtilizationPercentage": None,
                }
                if autoscaling
                else {}
            ),
        },
        "pdb": {"enabled": kubernetes.most_replicas > 1, "maxUnavailable": 1},
        "config": {"create": True, "proxy_config": _proxy_config(config)},
        "envSecrets": [litellm_secret(settings).name],
        "extraEnv": _variables(settings),
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
        },
        **objects.litellm_life(settings),
        **_security(settings),
        "resources": resources(settings, "litellm"),
        "volumes": volumes(settings, config_files(_beside(config))),
        "volumeMounts": _mounts(settings, config),
    }


def _variables(settings: Settings) -> list[dict[str, Any]]:
    """Our variables, but for those of the chart and those of ``envSecrets``."""
    literal_or_renamed = (
        variable
        for variable in environment.litellm_environment(settings)
        if variable["name"] not in _OF_CHART
        and variable.get("valueFrom", {}).get("secretKeyRef", {}).get("key") != variable["name"]
    )
    return [_move(variable) for variable in literal_or_renamed]


def _move(variable: dict[str, Any]) -> dict[str, Any]:
    """The same with the folder of the chart, and the Service of Phoenix's chart."""
    if "value" not in variable:
        return variable
    text = str(variable["value"]).replace("http://phoenix:", f"http://{SERVICE}:")
    is_bundle = text == f"/app/{CA_BUNDLE_NAME}"
    return {**variable, "value": f"{_FOLDER}/{CA_BUNDLE_NAME}" if is_bundle else text}


def _proxy_config(config: Mapping[str, str]) -> dict[str, Any]:
    sections: dict[str, Any] = yaml.safe_load(next(iter(config.values())))
    # The chart gives the parts of the address, and LiteLLM composes it.
    sections.get("general_settings", {}).pop("database_url", None)
    return sections


def _beside(config: Mapping[str, str]) -> dict[str, str]:
    """The files beside the configuration, which the chart does not know."""
    return dict(list(config.items())[1:])


def _files(settings: Settings, config: Mapping[str, str]) -> dict[str, Any]:
    found = config_files(_beside(config))
    # The chart reads these values as a template.
    data = {key: text.replace("{{", "{{`{{`}}") for key, text in found.data.items()}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": found.name, "labels": labels.project_labels(settings)},
        "immutable": True,
        "data": data,
    }


def _mounts(settings: Settings, config: Mapping[str, str]) -> list[dict[str, Any]]:
    found = config_files(_beside(config))
    paths = dict(zip(found.data, _beside(config), strict=True))
    mounts = [mount for mount in volume_mounts(settings) if mount["name"] != "config"]
    return [
        *(
            {
                "name": "config",
                "mountPath": f"{_FOLDER}/{path}",
                "subPath": key,
                "readOnly": True,
            }
            for key, path in paths.items()
        ),
        *mounts,
    ]


def _security(settings: Settings) -> dict[str, Any]:
    return {
        "podSecurityContext": objects.pod(settings, "litellm")["securityContext"],
        "securityContext": objects.container_security(read_only=False),
    }


def _redis(settings: Settings) -> dict[str, Any]:
    if not settings.needs_redis_in("kubernetes"):
        return {}
    secret = {"name": secret_name(settings, "redis"), "passwordKey": "REDIS_PASSWORD"}
    return {"redis": {"host": "redis", "port": 6379, "passwordSecret": secret}}


def _ingress(settings: Settings) -> dict[str, Any]:
    ingress = settings.kubernetes.ingress
    # The chart has no HTTPRoute.
    if ingress is None or ingress.gateway:
        return {}
    tls = [{"secretName": ingress.tls_secret, "hosts": [ingress.host]}]
    return {
        "ingress": {
            "enabled": True,
            "className": ingress.class_name or "",
            "controller": "nginx",
            "host": ingress.host,
            "annotations": dict(ingress.annotations),
            "tls": tls if ingress.tls_secret else [],
        }
    }
