"""From settings to the files they mean: pure, nothing is written.

Owns the templates' environment: a template's path under ``templates/<runtime>/`` is the
path of the file it makes. Must not know where the files go, and never sees a secret's
value: files refer to variables.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gatewayctl.errors import RuntimeUnavailable
from gatewayctl.rendering.locate import locate
from gatewayctl.settings.model import Model, RuntimeName, Settings

HEADER: Final = """\
# Rendered by gatewayctl from gateway.yaml: edit that file, then run `gatewayctl render`.
# Changes made here by hand are found by `gatewayctl render --check` and lost by `render`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedFile:
    """A file as it should be; ``path`` is relative to the project's compose folder."""

    path: PurePosixPath
    content: str


def plan(
    settings: Settings, *, runtime: RuntimeName | None = None, templates: Path | None = None
) -> tuple[RenderedFile, ...]:
    """The files of one runtime, sorted by path; the same settings give the same text.

    ``runtime`` is the one resolved from `auto`; without it `auto` counts as embedded.
    Raises RuntimeUnavailable where there are no templates for that runtime.
    """
    chosen = runtime or ("embedded" if settings.runtime == "auto" else settings.runtime)
    folder = (templates or locate()) / chosen
    paths = _template_paths(folder)
    if not paths:
        raise RuntimeUnavailable(f"There are no templates for the runtime {chosen}.")
    environment = _environment(folder)
    return tuple(
        RenderedFile(
            path=path,
            content=environment.get_template(str(path)).render(
                settings=settings, runtime=chosen, header=HEADER
            ),
        )
        for path in paths
    )


def _template_paths(folder: Path) -> list[PurePosixPath]:
    """Every file below the folder but hidden ones, as paths of the files they make."""
    if not folder.is_dir():
        return []
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    visible = (path for path in files if not any(part.startswith(".") for part in path.parts))
    return sorted(PurePosixPath(path.as_posix()) for path in visible)


def _environment(folder: Path) -> Environment:
    # Nothing is escaped for HTML: every value of a setting goes through to_yaml instead.
    environment = Environment(  # noqa: S701
        loader=FileSystemLoader(folder, encoding="utf-8"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["to_yaml"] = to_yaml
    environment.filters["litellm_params"] = litellm_params
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


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    plain = value.isprintable() and value == value.strip()
    style = None if plain else '"'
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
