"""From settings to the files they mean: pure, nothing is written.

Owns the templates' environment: a template's path under ``templates/<runtime>/`` is the
path of the file it makes, and a template can ask for the hash of another one's file. Must not
know where the files go, and never sees a secret's value: files refer to variables.
"""

from __future__ import annotations

import functools
import hashlib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gatewayctl.errors import RuntimeUnavailable
from gatewayctl.rendering import compose
from gatewayctl.rendering.locate import locate_templates
from gatewayctl.rendering.sizes import sizes
from gatewayctl.settings.model import PHOENIX_PROJECT, Model, RuntimeName, Settings

HEADER: Final = """\
# Rendered by gatewayctl from gateway.yaml: edit that file, then run `gatewayctl render`.
# Changes made here by hand are found by `gatewayctl render --check` and lost by `render`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedFile:
    """A file as it should be; ``path`` is relative to the project's compose folder."""

    path: PurePosixPath
    content: str


def plan_files(
    settings: Settings, *, runtime: RuntimeName | None = None, templates: Path | None = None
) -> tuple[RenderedFile, ...]:
    """The files of one runtime, sorted by path; the same settings give the same text.

    ``runtime`` is the one resolved from `auto`; without it `auto` counts as embedded.
    Raises RuntimeUnavailable where there are no templates for that runtime.
    """
    chosen = runtime or ("embedded" if settings.runtime == "auto" else settings.runtime)
    folder = (templates or locate_templates()) / chosen
    paths = _template_paths(folder)
    if not paths:
        raise RuntimeUnavailable(f"There are no templates for the runtime {chosen}.")
    content = _contents(settings, chosen, folder)
    return tuple(RenderedFile(path=path, content=content(str(path))) for path in paths)


def _contents(settings: Settings, runtime: RuntimeName, folder: Path) -> Callable[[str], str]:
    """What a template makes, by its name; each is made once."""
    environment = _environment(folder)

    @functools.cache
    def content(name: str) -> str:
        return environment.get_template(name).render(
            settings=settings,
            runtime=runtime,
            header=HEADER,
            phoenix_project=PHOENIX_PROJECT,
            sizes=sizes(settings.workers),
            sha256=sha256,
        )

    def sha256(*names: str) -> str:
        """Changes when one of these files does: a reason to restart what reads them."""
        texts = "\0".join(content(name) for name in names)
        return hashlib.sha256(texts.encode()).hexdigest()

    return content


def _template_paths(folder: Path) -> list[PurePosixPath]:
    """Every file below the folder but hidden ones, as paths of the files they make."""
    if not folder.is_dir():
        return []
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    visible = (path for path in files if not any(part.startswith(".") for part in path.parts))
    return sorted(PurePosixPath(path.as_posix()) for path in visible)


@functools.cache
def _environment(folder: Path) -> Environment:
    # Nothing is escaped for HTML: every value of a setting goes through to_yaml instead.
    environment = Environment(  # noqa: S701
        # Runtimes share a template by including it by the name of the runtime that has it.
        loader=FileSystemLoader([folder, folder.parent], encoding="utf-8"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["to_yaml"] = to_yaml
    environment.filters["to_compose"] = lambda value: to_yaml(compose.escape_dollars(value))
    environment.filters["litellm_params"] = litellm_params
    for function in (
        compose.app_environment,
        compose.build_context,
        compose.provider_variables,
        compose.required,
    ):
        environment.filters[function.__name__] = function
    return environment


def litellm_params(model: Model) -> dict[str, Any]:
    """What LiteLLM's model_list holds for a model; its key only by reference."""
    params = dict(model.litellm_params)
    if model.api_key_env is not None:
        params["api_key"] = f"os.environ/{model.api_key_env}"
    return {**params, "num_retries": model.num_retries, "timeout": model.timeout}


class _Dumper(yaml.SafeDumper):
    """Writes every text that could be read as something else in quotes, on one line."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


# Compose reads YAML 1.2, where 1e3 and 0o17 are numbers; PyYAML knows 1.1, and writes them bare.
_LIKE_A_NUMBER: Final = re.compile(r"[-+.]?[0-9].*")


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    plain = value.isprintable() and value == value.strip()
    style = "'" if _LIKE_A_NUMBER.fullmatch(value) else None
    style = style if plain else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def to_yaml(value: Any, *, indent: int = 0) -> str:
    """A value as YAML text that reads back as itself, whatever it holds.

    A mapping becomes one name a line, every line but the first after ``indent`` blanks;
    anything else becomes one line. This is what keeps a setting from becoming structure.
    """
    text = yaml.dump(
        dict(value) if isinstance(value, Mapping) else value,
        Dumper=_Dumper,
        default_flow_style=not isinstance(value, Mapping),
        sort_keys=False,
        allow_unicode=True,
        width=math.inf,
    )
    lines = text.removesuffix("\n...\n").rstrip("\n").split("\n")
    return ("\n" + " " * indent).join(lines)
