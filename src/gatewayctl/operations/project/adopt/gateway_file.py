"""The gateway.yaml of an adopted gateway: as init writes it, with what was taken over.

Owns which commented line of it becomes a setting. Must not know files.
"""

from __future__ import annotations

import json
import re
from typing import Final

from gatewayctl.operations.project.adopt.plan import Adoption
from gatewayctl.operations.project.adopt.sources import CONFIG_NAME
from gatewayctl.settings.document import parse
from gatewayctl.settings.gateway_yaml import first_gateway_yaml
from gatewayctl.settings.problems import Problems

_COMMENT: Final = """\
# The gateway that was adopted, in LiteLLM's own format. gatewayctl lays over it only what it owns.
"""
_SERVICES: Final = """\
# What LiteLLM gets besides its configuration: variables of .env, files in its folder, paths.
"""


def adopted_gateway_yaml(project_name: str, adoption: Adoption) -> str:
    """Generate the file for a project of that name."""
    text = first_gateway_yaml(project_name)
    # The models are in litellm.yaml.
    parts = [part for part in text.split("\n\n") if not part.startswith("# Models,")]
    index = next(i for i, part in enumerate(parts) if re.search(r"(?m)^project_name:", part))
    parts[index + 1 : index + 1] = _own_parts(adoption)
    text = "\n\n".join(parts)
    for name, value in adoption.services.items():
        group, _, setting = name.partition(".")
        text = _with_setting(text, group, setting, value)
    return text if text.endswith("\n") else f"{text}\n"


def declares_config(content: bytes) -> bool:
    """True for a gateway.yaml that reads the adopted configuration."""
    node = parse(content.decode(errors="replace"), name="gateway.yaml", problems=Problems())
    config = node.at("litellm")
    return config is not None and config.plain() in {CONFIG_NAME, f"./{CONFIG_NAME}"}


def _own_parts(adoption: Adoption) -> list[str]:
    parts = [f"{_COMMENT}litellm: {CONFIG_NAME}"]
    lines = []
    if adoption.environment:
        lines.append(f"environment: {_flow(adoption.environment)}")
    if adoption.copied:
        lines.append(f"files: {_flow(adoption.copied)}")
    if adoption.mounts:
        lines.append("mounts:")
        lines += [f"  {_quote(k)}: {_quote(v)}" for k, v in adoption.mounts.items()]
    if lines:
        inside = "".join(f"\n    {line}" for line in lines)
        parts.append(f"{_SERVICES}services:\n  litellm:{inside}")
    return parts


def _with_setting(text: str, group: str, name: str, value: str) -> str:
    """Make a commented setting of a group the given value."""
    head, line, rest = text.partition(f"#{group}:\n")
    if not line:
        head, line, rest = text.partition(f"{group}:\n")
    changed = re.sub(
        rf"(?m)^#  {name}: \S+ *(#.*)$",
        lambda found: f"  {name}: {value}  {found[1]}",
        rest,
        count=1,
    )
    return f"{head}{group}:\n{changed}"


def _flow(values: tuple[str, ...]) -> str:
    return f"[{', '.join(map(_quote, values))}]"


def _quote(text: str) -> str:
    """A string as YAML: quoted, unless it is a plain word."""
    return text if re.fullmatch(r"[A-Za-z_/][\w./-]*", text) else json.dumps(text)
