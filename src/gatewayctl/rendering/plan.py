"""Render the templates of a runtime in memory; nothing is written.

Owns the list of templates and their Jinja environment. A template's path under
``templates/<runtime>/`` is the path of the file it renders, and a template can include the hash of
another rendered file. Must not know where the files go. Never sees the value of a secret: files
refer to variables.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gatewayctl.network import PROXY_VARIABLES
from gatewayctl.rendering import compose, tracing
from gatewayctl.rendering.ca_bundle import read_certificates
from gatewayctl.rendering.kubernetes import manifests
from gatewayctl.rendering.kubernetes.services import processes
from gatewayctl.rendering.litellm_config import merge
from gatewayctl.rendering.locate import locate_templates
from gatewayctl.rendering.side_files import find_side_files, read_side_file
from gatewayctl.rendering.sizes import KEEPALIVE_SECONDS, sizes
from gatewayctl.rendering.yaml_values import to_yaml
from gatewayctl.settings.declared.retention import format_period
from gatewayctl.settings.litellm.config import LitellmConfig
from gatewayctl.settings.model import CA_BUNDLE_NAME, Model, RuntimeName, Settings

HEADER: Final = """\
# Rendered by gatewayctl from gateway.yaml: edit that file, then run `gatewayctl render`.
# `gatewayctl render --check` detects manual edits of this file, and `render` overwrites them."""

_LITELLM_CONFIG: Final = "litellm_config.yaml"
_LITELLM_FILES: Final = ("litellm_callbacks.py", _LITELLM_CONFIG)
_MERGED: Final = """\
# The configuration that `litellm:` names there, with gatewayctl's own settings over it.
# `os.environ/NAME` is a variable of the gateway's own environment: this file has no secrets.
"""
# Not every file of the folder: pip compiles litellm_callbacks.py to a .pyc beside it.
TEMPLATES: Final[Mapping[RuntimeName | Literal["helm"], tuple[str, ...]]] = {
    "docker": ("docker-compose.yml", *_LITELLM_FILES),
    "embedded": _LITELLM_FILES,
    "kubernetes": (*sorted((*manifests.FILES, manifests.KUSTOMIZATION)),),
    "external": (),
    "helm": ("litellm-values.yaml", "phoenix-values.yaml"),
}
"""The files of each runtime and of the Helm charts, sorted by path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedFile:
    """The expected content of a file; ``path`` is relative to the project's compose folder."""

    path: PurePosixPath
    content: str


def plan_files(
    settings: Settings,
    *,
    runtime: RuntimeName | None = None,
    templates: Path | None = None,
    folder: Path | None = None,
) -> tuple[RenderedFile, ...]:
    """Render the files of one runtime, sorted by path; equal settings render equal text.

    ``runtime`` is the one resolved from `auto`; without it `auto` counts as embedded. ``folder`` is
    where the files go, if not to compose/. Raises CaBundleUnusable, and SettingsInvalid for what a
    cluster cannot run.
    """
    chosen = runtime or ("embedded" if settings.runtime == "auto" else settings.runtime)
    source = (templates or locate_templates()) / chosen
    if chosen == "kubernetes":
        return _plan_manifests(settings, source)
    render = _renderer(settings, chosen, source, folder)
    if not TEMPLATES[chosen]:
        return ()
    bundle = () if settings.ca_bundle is None else (CA_BUNDLE_NAME,)
    names = sorted({*bundle, *TEMPLATES[chosen], *find_side_files(settings)})
    return tuple(RenderedFile(path=PurePosixPath(name), content=render(name)) for name in names)


def _plan_manifests(settings: Settings, folder: Path) -> tuple[RenderedFile, ...]:
    """The files for a cluster, in a folder of their own: LiteLLM's files are in a ConfigMap."""
    config = litellm_files(settings, folder.parent)
    files = manifests.render_manifests(settings, config, header=HEADER, templates=folder)
    return tuple(
        RenderedFile(path=PurePosixPath("kubernetes", name), content=files[name])
        for name in sorted(files)
    )


def litellm_files(settings: Settings, templates: Path) -> dict[str, str]:
    """The files that LiteLLM reads in a cluster, by name, its configuration first."""
    render = _renderer(settings, "kubernetes", templates / "docker")
    bundle = () if settings.ca_bundle is None else (CA_BUNDLE_NAME,)
    names = (_LITELLM_CONFIG, "litellm_callbacks.py", *bundle, *find_side_files(settings))
    return {name: render(name) for name in names}


def _renderer(
    settings: Settings, runtime: RuntimeName, templates: Path, folder: Path | None = None
) -> Callable[[str], str]:
    """Return the function that renders a template by name, each only once."""
    environment, in_cluster = _environment(templates), runtime == "kubernetes"
    project = Path(os.path.relpath(settings.project_dir, folder or settings.compose_dir))
    side_files = find_side_files(settings)
    bundle = () if settings.ca_bundle is None else (CA_BUNDLE_NAME,)

    @functools.cache
    def render(name: str) -> str:
        if name == CA_BUNDLE_NAME:
            return f"{HEADER}\n{read_certificates(settings)}"
        if name in side_files:
            return read_side_file(side_files[name])
        text = environment.get_template(name).render(
            settings=settings,
            runtime=runtime,
            header=HEADER,
            proxy_variables=PROXY_VARIABLES,
            ca_bundle=None if settings.ca_bundle is None else CA_BUNDLE_NAME,
            keepalive_seconds=KEEPALIVE_SECONDS,
            sizes=sizes(processes(settings) if in_cluster else settings.workers),
            has_redis=runtime in ("docker", "kubernetes") and settings.needs_redis_in(runtime),
            litellm_files=(_LITELLM_CONFIG, "litellm_callbacks.py", *bundle, *side_files),
            services=compose.services_of(settings),
            build_context=functools.partial(compose.build_context, project=project.as_posix()),
            sha256=sha256,
        )
        if name == _LITELLM_CONFIG and settings.litellm is not None:
            return _lay_over(settings.litellm, text)
        return text

    def sha256(*names: str) -> str:
        """Hash rendered files: a service that reads them is restarted when it changes."""
        texts = "\0".join(render(name) for name in names)
        return hashlib.sha256(texts.encode()).hexdigest()

    return render


def _lay_over(config: LitellmConfig, text: str) -> str:
    """The operator's configuration, under the settings of the rendered text."""
    sections = merge(config, yaml.safe_load(text))
    parts = [f"{to_yaml({name: value})}\n" for name, value in sections.items()]
    return "\n".join((f"{HEADER}\n{_MERGED}", *parts))


@functools.cache
def _environment(folder: Path) -> Environment:
    # No escaping for HTML: every value of a setting goes through to_yaml instead.
    environment = Environment(  # noqa: S701
        # A runtime can include a template of another one, such as docker/litellm_config.yaml.
        loader=FileSystemLoader([folder, folder.parent], encoding="utf-8"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["to_yaml"] = to_yaml
    environment.filters["to_compose"] = lambda value: to_yaml(compose.escape_dollars(value))
    for function in (
        model_list_params,
        format_period,
        compose.app_environment,
        compose.no_proxy,
        compose.provider_variables,
        compose.required_variable,
        tracing.container_otel_variables,
        tracing.own_phoenix_variables,
        tracing.span_variables,
        tracing.tracing_callbacks,
    ):
        environment.filters[function.__name__] = function
    return environment


def model_list_params(model: Model) -> dict[str, Any]:
    """The ``litellm_params`` of a model in LiteLLM's model_list; its key only by reference."""
    params = dict(model.litellm_params)
    if model.api_key_env is not None:
        params["api_key"] = f"os.environ/{model.api_key_env}"
    return {**params, "num_retries": model.num_retries, "timeout": model.timeout}
