"""Values for LiteLLM's official Helm chart (helm/litellm 1.0), from the same parts as our objects.

The chart renders the Deployment, the migration Job and what belongs to them; it has no database and
no Redis. Owns the names of the chart's values. Never sees the value of a secret.
"""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import yaml

from gatewayctl import network
from gatewayctl.rendering.kubernetes import environment, objects
from gatewayctl.rendering.kubernetes.config_map import (
    ConfigFiles,
    config_files,
    volume_mounts,
    volumes,
)
from gatewayctl.rendering.kubernetes.phoenix_chart import SERVICE
from gatewayctl.rendering.kubernetes.resources import resources, resources_for_chart
from gatewayctl.rendering.kubernetes.secrets import litellm_secret, operator_secret, secret_name
from gatewayctl.rendering.kubernetes.services import database_host
from gatewayctl.rendering.yaml_values import to_yaml
from gatewayctl.settings.model import Settings

_CONFIG: Final = "/app/config.yaml"
_DATABASE_URL: Final = "DATABASE_URL"
_OF_CHART: Final = frozenset(
    {
        "CONFIG_FILE_PATH", "DATABASE_HOST", "DATABASE_NAME", "DATABASE_PASSWORD", "DATABASE_PORT",
        "DATABASE_USER", "DATABASE_USERNAME", "DISABLE_SCHEMA_UPDATE", "LENS_WORKER_IMAGE",
        "LITELLM_MASTER_KEY", "NUM_WORKERS", "PROXY_MASTER_KEY",
    }
)  # fmt: skip
"""Variables that the chart sets itself: one that is set twice is refused by the cluster."""
_OF_CHART_FOR_REDIS: Final = frozenset({"REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD"})
_SELECTOR: Final = {
    "app.kubernetes.io/name": "litellm",
    "app.kubernetes.io/component": "proxy",
}
"""Labels of the chart's pods, whatever the release is called."""
_NO_TEXT: Final = re.compile("[\x7f-\x9f]")
"""Control characters that Helm changes, or with which it leaves the whole object empty."""


def litellm_values(settings: Settings, config: Mapping[str, str]) -> dict[str, Any]:
    """The values of the chart. ``config`` are LiteLLM's files, its configuration first."""
    kubernetes = settings.kubernetes
    files = config_files(_config(settings, config))
    found: dict[str, Any] = {
        # The Service is litellm then, not litellm-litellm: see `gatewayctl env --for cluster`.
        "fullnameOverride": "litellm",
        "image": _image(settings.images.litellm),
        "imagePullSecrets": [{"name": name} for name in kubernetes.image_pull_secrets],
        "monolith": {"enabled": True, "extraArgs": ["--config", _CONFIG]},
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
            "extraEnv": _variables(settings, environment.migration_environment(settings)),
            **_security(settings),
            "volumes": [{"name": "tmp", "emptyDir": {}}],
            "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
            "resources": resources(settings, "litellm-migrate"),
        },
        "gateway": _gateway(settings, files),
        **_redis(settings),
        **_ingress(settings),
        "extraResources": [_config_map(files)],
    }
    return {name: value for name, value in found.items() if value != []}


def needed_secrets(values: Mapping[str, Any]) -> dict[str, list[str]]:
    """The keys of each Secret that must exist for these values; optional ones last, in brackets."""
    found: dict[str, dict[str, None]] = {}
    for secret, key in _references(values):
        found.setdefault(secret, {})[key] = None
    return {name: sorted(keys, key=lambda key: key.startswith("[")) for name, keys in found.items()}


def _references(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each Secret and a key of it; keys in brackets are optional."""
    gateway = values["gateway"]
    yield values["masterKey"]["secretName"], values["masterKey"]["secretKey"]
    for variable in (*gateway["extraEnv"], *values["migrationJob"]["extraEnv"]):
        if reference := variable.get("valueFrom", {}).get("secretKeyRef"):
            key = reference["key"]
            yield reference["name"], f"[{key}]" if reference.get("optional") else key
    credentials = values["database"]["writer"]["passwordSecret"]
    yield from ((credentials["name"], credentials[key]) for key in ("usernameKey", "passwordKey"))
    if "redis" in values:
        password = values["redis"]["passwordSecret"]
        yield password["name"], password["passwordKey"]
    mounted = {
        volume["name"]: volume["secret"]["secretName"]
        for volume in gateway["volumes"]
        if "secret" in volume
    }
    for mount in gateway["volumeMounts"]:
        if mount["name"] in mounted:
            yield mounted[mount["name"]], mount["subPath"]


def _image(name: str) -> dict[str, str]:
    repository, _, digest = name.partition("@")
    last = repository.rpartition("/")[2]
    tag = last.partition(":")[2]
    found = {"repository": repository.removesuffix(f":{tag}") if tag else repository}
    return {**found, "tag": tag, **({"digest": digest} if digest else {})}


def _database(settings: Settings) -> dict[str, Any]:
    """Where LiteLLM's database is: the chart gives the parts, and LiteLLM composes the URL.

    The proxy leaves the port out then, and the chart has no other parameters. So the URL of an
    external database is a variable, which counts; the chart insists on the parts nevertheless.
    """
    external = settings.services.postgres
    if external is not None:
        name = secret_name(settings, "litellm")
        keys = {"name": name, "usernameKey": external.url_env, "passwordKey": external.url_env}
        return {"host": f"in-{_DATABASE_URL}", "dbname": "litellm", "passwordSecret": keys}
    if settings.kubernetes.postgres == "cloudnative-pg":
        name, names = operator_secret("postgres-litellm"), ("username", "password")
    else:
        name = secret_name(settings, "postgres-litellm")
        names = ("LITELLM_POSTGRES_USER", "LITELLM_POSTGRES_PASSWORD")
    return {
        "host": database_host(settings, "postgres-litellm"),
        "port": 5432,
        "dbname": "litellm",
        "passwordSecret": {"name": name, "usernameKey": names[0], "passwordKey": names[1]},
    }


def _config(settings: Settings, config: Mapping[str, str]) -> dict[str, str]:
    """LiteLLM's files, without the URL of a database that LiteLLM composes."""
    if settings.services.postgres is not None:
        return dict(config)
    (name, text), *others = config.items()
    sections: dict[str, Any] = yaml.safe_load(text)
    sections.get("general_settings", {}).pop("database_url", None)
    comments = itertools.takewhile(lambda line: line.startswith("#"), text.splitlines())
    return {name: "\n".join((*comments, to_yaml(sections, block=True), "")), **dict(others)}


def _gateway(settings: Settings, files: ConfigFiles) -> dict[str, Any]:
    """The pods: the same probes, the same end and the same security as ours."""
    kubernetes = settings.kubernetes
    autoscaling = kubernetes.autoscaling
    has_others = kubernetes.most_replicas > 1
    return {
        # LITELLM_LOG, which the project can set.
        "logLevel": "",
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
        "pdb": {"enabled": True, "maxUnavailable": 1} if has_others else {"enabled": False},
        # Helm would parse and serialize it: 1.0e-07 as 1e-07, which is a string for LiteLLM.
        "config": {"create": False},
        "extraEnv": _variables(settings, environment.litellm_environment(settings)),
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
        },
        **objects.litellm_life(settings),
        **_security(settings),
        "resources": resources_for_chart(settings, "litellm"),
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": dict(_SELECTOR)},
            }
            for key in ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
        ],
        "volumes": volumes(settings, files),
        "volumeMounts": volume_mounts(settings, files),
    }


def _variables(
    settings: Settings, variables: Iterable[environment.Variable]
) -> list[environment.Variable]:
    """Our variables but for those of the chart, which has names of its own for the database."""
    external = settings.services.postgres
    others = {_DATABASE_URL, "LITELLM_POSTGRES_PASSWORD"}
    if external is not None:
        others = {external.url_env} - {_DATABASE_URL}
    if settings.needs_redis_in("kubernetes"):
        others |= _OF_CHART_FOR_REDIS
    return [_move(each) for each in variables if each["name"] not in _OF_CHART | others]


def _move(variable: environment.Variable) -> environment.Variable:
    """The same with the Service of Phoenix's chart."""
    if "value" not in variable:
        return variable
    text = str(variable["value"]).replace("http://phoenix:", f"http://{SERVICE}:")
    if variable["name"].upper() == network.NO_PROXY:
        text = ",".join(SERVICE if host == "phoenix" else host for host in text.split(","))
    return {**variable, "value": text}


def _config_map(files: ConfigFiles) -> dict[str, Any]:
    """LiteLLM's files as an object of the release; its name changes with them, as do the pods."""
    # The chart reads these values as a template.
    data = {key: text.replace("{{", "{{`{{`}}") for key, text in files.data.items()}
    binary = {
        key: base64.b64encode(text.encode()).decode()
        for key, text in files.data.items()
        if _NO_TEXT.search(text)
    }
    found: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": files.name},
        "immutable": True,
        "data": {key: text for key, text in data.items() if key not in binary},
    }
    return {**found, "binaryData": binary} if binary else found


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
            "host": ingress.host,
            "annotations": dict(ingress.annotations),
            "tls": tls if ingress.tls_secret else [],
        }
    }
