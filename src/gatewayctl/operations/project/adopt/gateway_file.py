"""The gateway.yaml of an adopted gateway: as init writes it, with what was taken over.

Owns which commented line of it becomes a setting. Must not know files.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from gatewayctl.operations.project.adopt.plan import Adoption
from gatewayctl.operations.project.adopt.sources import CONFIG_NAME
from gatewayctl.settings.document import parse
from gatewayctl.settings.edits.gateway_yaml_edit import with_value
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
        new = int(value) if value.isdecimal() else value
        text = with_value(_uncomment(text, group, setting), group, setting, new)
    return text if text.endswith("\n") else f"{text}\n"


def find_missing(content: bytes, adoption: Adoption) -> tuple[str, ...]:
    """The settings of an adoption that a gateway.yaml lacks, each as ``dotted.name: value``."""
    node = parse(content.decode(errors="replace"), name="gateway.yaml", problems=Problems())

    def at(name: str) -> Any:
        found = node.at(name)
        return None if found is None else found.plain()

    missing = [f"{n}: {v}" for n, v in adoption.services.items() if str(at(n)) != v]
    for name, wanted in (("environment", adoption.environment), ("files", adoption.copied)):
        present = at(f"services.litellm.{name}") or ()
        names = [present] if isinstance(present, str) else present
        if lacking := tuple(each for each in wanted if each not in names):
            missing.append(f"services.litellm.{name}: {_flow(lacking)}")
    mounts = at("services.litellm.mounts") or {}
    if pairs := {n: v for n, v in adoption.mounts.items() if n not in mounts}:
        inside = ", ".join(f"{_quote(name)}: {_quote(value)}" for name, value in pairs.items())
        missing.append(f"services.litellm.mounts: {{{inside}}}")
    return tuple(missing)


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


def _uncomment(text: str, group: str, name: str) -> str:
    """Make the commented line of a setting, and that of its group, part of the document."""
    head, line, rest = text.partition(f"\n#{group}:\n")
    if not line:
        head, line, rest = text.partition(f"\n{group}:\n")
    block, gap, after = rest.partition("\n\n")
    block = re.sub(rf"(?m)^#(?=  {name}:)", "", block)
    return f"{head}\n{group}:\n{block}{gap}{after}"


def _flow(values: tuple[str, ...]) -> str:
    return f"[{', '.join(map(_quote, values))}]"


def _quote(text: str) -> str:
    """A string as YAML: quoted, unless it is a plain word that YAML reads as this string."""
    if not re.fullmatch(r"[A-Za-z_/][\w./-]*", text):
        return json.dumps(text)
    read = parse(f"a: {text}", name="", problems=Problems()).at("a")
    return text if read is not None and read.value == text else json.dumps(text)
