"""Generate the first gateway.yaml of a project: every default, commented out.

Owns its wording and order; the settings come from fields.py and sections/, the defaults from
reference.py. Uncommented it declares the reference stack. After the `#` a setting has an even
number of blanks (its own indentation), a sentence an odd one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from textwrap import wrap
from typing import Any, Final

from gatewayctl.settings import fields, reference
from gatewayctl.settings.fields import Field, Setting
from gatewayctl.settings.model import Component, Model
from gatewayctl.settings.sections import apps, components, keys, models

_HEADER: Final = """\
# What this gateway should be. Everything is optional: what is commented out is the default.
# Secrets do not belong here but in .env; models name the variable with their key.
# `gatewayctl render --check --diff` shows the effect of a change, `gatewayctl up` applies it.
"""

_MODELS: Final = """\
# Models, by the name applications ask for. Declaring any replaces these three; `demo`, which
# answers offline, is always present in the development profile.
"""
_MORE_MODELS: Final = """\
# Two more, as examples:
#   claude: {model: anthropic/claude-sonnet-5}
#   llama: {model: openai/llama, api_base: "http://127.0.0.1:8080/v1", api_key_env: none}
"""
_KEYS: Final = "# Virtual keys, by alias. Declaring any replaces these two.\n"
_COMPONENTS: Final = """\
# Components: the parts of your application that call models, for `gatewayctl chat
# --component` and for finding their traces. Declaring any replaces these three.
"""
_OPERATIONS: Final = "# Settings of one operation:\n"
_APPS: Final = """\
# Apps: your own services next to the gateway, in Docker. Each gets LLM_BASE_URL, LLM_API_KEY
# and Phoenix's address, and starts when the gateway answers. There are none by default.
"""
_EXAMPLE_APP: Final = """\
# For example:
# apps:
#   api: {build: ./api, ports: ["8080:80"], environment: {LOG_LEVEL: info}}
"""

_GROUPS: Final = {
    "ports": "# Ports, all on the address above.\n",
    "images": (
        "# Container images, each with a version or a digest (name@sha256:...): never `latest`.\n"
    ),
}
_MAX_TEXT: Final = 70


def first_gateway_yaml(project_name: str) -> str:
    """Generate the commented file for a project of that name."""
    scalars = [field for field in fields.SCALARS if field.yaml and "." not in field.yaml]
    parts = [_HEADER, *(_scalar(field, project_name) for field in scalars)]
    parts.extend(map(_group, _GROUPS))
    data = {"models": dict(map(_model, reference.MODELS))}
    parts.append(_MODELS + _explain_settings(models.SETTINGS) + _MORE_MODELS + _comment_out(data))
    parts.append(_KEYS + _explain_settings(keys.SETTINGS) + _comment_out({"keys": _keys()}))
    operations = _OPERATIONS + _explain_settings(components.OPERATION_SETTINGS)
    data = {"components": _components()}
    own = _explain_settings(components.SETTINGS)
    parts.append(_COMPONENTS + own + operations + _comment_out(data))
    parts.append(_APPS + _explain_settings(apps.SETTINGS) + _EXAMPLE_APP)
    return "\n".join(parts)


def _scalar(field: Field, project_name: str) -> str:
    value = project_name if field.kind == "name" else field.default
    comment = "".join(f"# {line}\n" for line in wrap(field.help_with_choices, 96))
    # Quoted: a project named `on` or `2026` is a string.
    quoted = f'"{value}"' if field.kind == "name" else value
    return f"{comment}#{field.yaml}: {quoted}\n"


def _group(group: str) -> str:
    members = [field for field in fields.SCALARS if (field.yaml or "").startswith(f"{group}.")]
    pairs = [f"{(field.yaml or '').split('.')[1]}: {field.default}" for field in members]
    width = max(map(len, pairs)) + 2
    lines = [
        f"#  {pair:<{width}} # {field.help}\n" for pair, field in zip(pairs, members, strict=True)
    ]
    return f"{_GROUPS[group]}#{group}:\n{''.join(lines)}"


def _explain_settings(settings: Mapping[str, Setting]) -> str:
    """One comment a setting: its name, purpose and default."""
    lines: list[str] = []
    for name, setting in settings.items():
        default = setting.default.replace("required", "Required", 1)
        if default and default == setting.default:
            default = f"Default: {default}"
        text = f"{setting.help} {default}." if default else setting.help
        first, following = f"#   {name:<14}", f"#{'':17}"
        lines += wrap(text, 98, initial_indent=first, subsequent_indent=following)
    return "".join(f"{line}\n" for line in lines)


def _model(model: Model) -> tuple[str, dict[str, Any]]:
    return model.name, {
        **model.litellm_params,
        "api_key_env": model.api_key_env,
        "num_retries": model.num_retries,
        "timeout": model.timeout,
    }


def _keys() -> dict[str, Any]:
    return {
        key.alias: {"env": key.env, "models": list(key.models), "metadata": dict(key.metadata)}
        for key in reference.KEYS
    }


def _components() -> dict[str, Any]:
    return {
        component.name: {
            "operations": _operations(component),
            "metadata": dict(component.metadata),
        }
        for component in reference.COMPONENTS
    }


def _operations(component: Component) -> list[str] | dict[str, Any]:
    if not component.declared:
        return list(component.operations)
    return {
        name: {key: value for key, value in asdict(component.operation(name)).items() if value}
        for name in component.operations
    }


def _comment_out(data: Mapping[str, Any]) -> str:
    return "".join(f"#{line}\n" for line in _lines(data, ""))


def _lines(data: Mapping[str, Any], indent: str) -> Iterator[str]:
    """Write the data as YAML lines, without empty values, and lists on one line."""
    for name, value in data.items():
        if isinstance(value, Mapping) and value:
            yield f"{indent}{name}:"
            yield from _lines(value, f"{indent}  ")
        elif isinstance(value, list) and value:
            yield f"{indent}{name}: [{', '.join(value)}]"
        elif isinstance(value, str) and len(value) > _MAX_TEXT:
            yield f"{indent}{name}: >-"
            yield from wrap(
                value,
                96 - len(indent),
                initial_indent=f"{indent}  ",
                subsequent_indent=f"{indent}  ",
                break_on_hyphens=False,
            )
        elif value not in ([], {}):
            yield f"{indent}{name}: {value}"
