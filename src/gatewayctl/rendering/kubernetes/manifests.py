"""The objects of a project in a cluster, as the text of files for kubectl and kustomize.

Owns which files there are, and the values that their templates get. Must not know where the files
go, nor who applies them. Never sees the value of a secret.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gatewayctl.rendering.compose import escape_dollars
from gatewayctl.rendering.kubernetes import environment, labels, objects
from gatewayctl.rendering.kubernetes.config_map import (
    ConfigFiles,
    config_files,
    short_hash,
    volume_mounts,
    volumes,
)
from gatewayctl.rendering.kubernetes.databases import databases
from gatewayctl.rendering.kubernetes.resources import resources
from gatewayctl.rendering.kubernetes.services import MIGRATION, longest_request, services_of
from gatewayctl.rendering.kubernetes.unsupported import check_supported
from gatewayctl.rendering.yaml_values import to_yaml
from gatewayctl.settings.declared.apps import App
from gatewayctl.settings.model import Settings

KUSTOMIZATION: Final = "kustomization.yaml"
FILES: Final = (
    *("namespace.yaml", "service-account.yaml", "litellm-config.yaml"),
    *("postgres-litellm.yaml", "postgres-phoenix.yaml", "redis.yaml", "phoenix.yaml"),
    *("litellm-migrate.yaml", "litellm.yaml", "network-policies.yaml", "apps.yaml", "ingress.yaml"),
)
"""The files with objects, in the order in which they are applied."""
_MIGRATION_SECONDS: Final = 1800


def files_of(settings: Settings) -> tuple[str, ...]:
    """The files that a project has, in the order in which they are applied."""
    services = services_of(settings)
    optional = {
        **{f"{name}.yaml": name in services for name in services_of_all()},
        "apps.yaml": bool(settings.apps),
        "ingress.yaml": settings.kubernetes.ingress is not None,
        "network-policies.yaml": settings.kubernetes.network_policies,
    }
    return tuple(name for name in FILES if optional.get(name, True))


def services_of_all() -> tuple[str, ...]:
    """The services that a project can do without."""
    return ("postgres-litellm", "postgres-phoenix", "redis", "phoenix")


def render_manifests(
    settings: Settings, config: Mapping[str, str], *, header: str, templates: Path
) -> dict[str, str]:
    """Render the files of a project by name, kustomization.yaml last.

    ``config`` are LiteLLM's files, its configuration first; ``templates`` is the folder of these
    templates. Raises SettingsInvalid for what a cluster cannot run.
    """
    check_supported(settings)
    names = files_of(settings)
    values = _values(settings, config_files(config))
    found = template_environment(templates)
    return {
        name: found.get_template(name).render(header=header, files=names, **values)
        for name in (*names, KUSTOMIZATION)
    }


@functools.cache
def template_environment(templates: Path) -> Environment:
    """Jinja for a folder of templates."""
    found = Environment(  # noqa: S701
        loader=FileSystemLoader(templates, encoding="utf-8"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["to_yaml"] = to_yaml
    return found


def _values(settings: Settings, config: ConfigFiles) -> dict[str, Any]:
    bound = functools.partial
    return {
        "settings": settings,
        "kubernetes": settings.kubernetes,
        "namespace": settings.kubernetes.namespace,
        "services": services_of(settings),
        "metadata": bound(objects.metadata, settings),
        "project_metadata": bound(objects.project_metadata, settings),
        "labels": bound(labels.service_labels, settings),
        "selector": bound(labels.selector, settings),
        "project_labels": labels.project_labels(settings),
        "instance_selector": {labels.INSTANCE: labels.instance(settings)},
        "trace_client": labels.TRACE_CLIENT,
        "service_account": labels.service_account(settings),
        "pod": bound(objects.pod, settings),
        "container_security": objects.container_security,
        "pod_security_level": objects.pod_security_level(settings),
        "resources": bound(resources, settings),
        "config": config,
        "databases": databases(settings),
        "database_callers": _database_callers(settings),
        "litellm": _litellm(settings, config),
        "migration": _migration(settings),
        "phoenix": {"environment": environment.phoenix_environment(settings)},
        "redis": {"environment": environment.redis_environment(settings)},
        "apps": [_app(app, settings) for app in settings.apps],
        "longest_request": longest_request(settings),
        **_ingress(settings),
    }


def _litellm(settings: Settings, config: ConfigFiles) -> dict[str, Any]:
    return {
        "environment": environment.litellm_environment(settings),
        "life": objects.litellm_life(settings),
        "mounts": volume_mounts(settings, config),
        "volumes": volumes(settings, config),
    }


def _migration(settings: Settings) -> dict[str, Any]:
    """The Job: what it does decides its name, because a Job cannot be changed."""
    container = {
        "name": MIGRATION,
        "image": settings.images.litellm,
        "imagePullPolicy": "IfNotPresent",
        "args": ["--skip_server_startup"],
        "env": environment.migration_environment(settings),
        "resources": resources(settings, MIGRATION),
        "securityContext": objects.container_security(read_only=False),
        "volumeMounts": volume_mounts(settings),
    }
    spec = {
        **objects.pod(settings, MIGRATION),
        "restartPolicy": "Never",
        "containers": [container],
        "volumes": volumes(settings),
    }
    template = {
        "metadata": {"labels": labels.service_labels(settings, MIGRATION)},
        "spec": spec,
    }
    name = f"{MIGRATION}-{short_hash(template)}"
    return {"name": name, "seconds": _MIGRATION_SECONDS, "template": template}


def _database_callers(settings: Settings) -> dict[str, tuple[str, ...]]:
    callers = {"postgres-litellm": ("litellm", MIGRATION), "postgres-phoenix": ("phoenix",)}
    services = services_of(settings)
    # The instances of a Cluster replicate from each other.
    is_cluster = settings.kubernetes.postgres == "cloudnative-pg"
    return {
        name: (*who, *((name,) if is_cluster else ()))
        for name, who in callers.items()
        if name in services
    }


def _app(app: App, settings: Settings) -> dict[str, Any]:
    """An app: its Service has the ports that are published elsewhere, and those inside."""
    ports = sorted(set(app.ports.values()))
    return {
        "name": app.name,
        "image": settings.pulled_name(app.image or ""),
        "args": [escape_dollars(word) for word in app.command],
        "environment": environment.app_environment(app, settings),
        "security": objects.app_security(app),
        "ports": [{"name": f"port-{port}", "inside": port} for port in ports],
        "services": [
            {"name": f"port-{outside}", "outside": outside, "inside": inside}
            for outside, inside in sorted({**app.ports, **{port: port for port in ports}}.items())
        ],
    }


def _ingress(settings: Settings) -> dict[str, Any]:
    ingress = settings.kubernetes.ingress
    if ingress is None:
        return {}
    hosts = [("litellm", ingress.host, 4000), ("phoenix", ingress.phoenix_host, 6006)]
    namespace, _, name = (ingress.gateway or "").rpartition("/")
    services, seconds = services_of(settings), str(longest_request(settings))
    # Most controllers end a request after a minute, and a model may take longer.
    usual = {"nginx.ingress.kubernetes.io/proxy-read-timeout": seconds}
    return {
        "ingress_hosts": [entry for entry in hosts if entry[1] and entry[0] in services],
        "ingress_annotations": {**({} if ingress.gateway else usual), **ingress.annotations},
        "parent_gateway": {"name": name, **({"namespace": namespace} if namespace else {})},
    }
