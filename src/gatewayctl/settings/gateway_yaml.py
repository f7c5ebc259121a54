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
from gatewayctl.settings.model import Component
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
#   (your own server; in Docker http://host.docker.internal:8080/v1, where on Linux it must
#   listen beyond 127.0.0.1)
"""
_KEYS: Final = "# Virtual keys, by alias. Declaring any replaces these two.\n"
_LIMITS: Final = """\
# Budgets, rates and more of LiteLLM's fields are in docs/keys.md. There are none by default:
#   batch: {env: BATCH_KEY, team: search, max_budget: 5, budget_duration: 30d, rpm_limit: 60}
# Teams and users that keys belong to, with budgets and rates of their own. For example:
# teams:
#   search: {max_budget: 100, budget_duration: 30d}
"""
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

_RETENTION: Final = """\
# Retention: older traces and spend logs are deleted. By default nothing is. For example:
# retention: {traces: 30d, spend_logs: 90d}
"""

_GROUPS: Final = {
    "ports": "# Ports, all on the address above.\n",
    "images": (
        "# Container images, each with a version or a digest (name@sha256:...): never `latest`.\n"
    ),
    "external": "# A gateway that others operate, for runtime: external.\n",
}
_OF_KEYS: Final = ("env", "models", "duration", "metadata")
_MAX_TEXT: Final = 70


def first_gateway_yaml(project_name: str) -> str:
    """Generate the commented file for a project of that name."""
    scalars = [field for field in fields.SCALARS if field.yaml and "." not in field.yaml]
    parts = [_HEADER, *(_scalar(field, project_name) for field in scalars)]
    parts.extend(map(_group, _GROUPS))
    data = {"models": _models()}
    parts.append(_MODELS + _explain(models.SETTINGS) + _MORE_MODELS + _comment_out(data))
    parts.append(_KEYS + _explain(keys.SETTINGS) + _LIMITS + _comment_out({"keys": _keys()}))
    operations = _OPERATIONS + _explain(components.OPERATION_SETTINGS)
    data = {"components": _components()}
    parts.append(_COMPONENTS + _explain(components.SETTINGS) + operations + _comment_out(data))
    parts.append(_APPS + _explain(apps.SETTINGS) + _EXAMPLE_APP)
    parts.append(_RETENTION)
    return "\n".join(parts)


def _scalar(field: Field, project_name: str) -> str:
    value = project_name if field.kind == "name" else field.default
    comment = "".join(f"# {line}\n" for line in wrap(field.help_with_choices, 96))
    # Quoted: a project named `on` or `2026` is a string.
    quoted = f'"{value}"' if field.kind == "name" else value
    # Without a value it has the default, which depends on the command.
    line = f"{field.yaml}:{'' if value is None else f' {quoted}'}\n"
    # Written down: keys, volumes and containers have it, also after the folder is renamed.
    return f"{comment}{'' if field.kind == 'name' else '#'}{line}"


def _group(group: str) -> str:
    members = [field for field in fields.SCALARS if (field.yaml or "").startswith(f"{group}.")]
    pairs = [f"{(field.yaml or '').split('.')[1]}: {field.default_text}" for field in members]
    width = max(map(len, pairs)) + 2
    lines = [
        f"#  {pair:<{width}} # {field.help}\n" for pair, field in zip(pairs, members, strict=True)
    ]
    return f"{_GROUPS[group]}#{group}:\n{''.join(lines)}"


def _explain(settings: Mapping[str, Setting]) -> str:
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


def _models() -> dict[str, Any]:
    own = ("api_key_env", "num_retries", "timeout")
    return {
        model.name: {**model.litellm_params, **{name: getattr(model, name) for name in own}}
        for model in reference.MODELS
    }


def _keys() -> dict[str, Any]:
    return {key.alias: {name: getattr(key, name) for name in _OF_KEYS} for key in reference.KEYS}


def _components() -> dict[str, Any]:
    return {
        component.name: {"operations": _operations(component), "metadata": component.metadata}
        for component in reference.COMPONENTS
    }


def _operations(component: Component) -> Any:
    names = component.operations
    return {n: asdict(component.operation(n)) for n in names} if component.declared else names


def _comment_out(data: Mapping[str, Any]) -> str:
    return "".join(f"#{line}\n" for line in _lines(data, ""))


def _lines(data: Mapping[str, Any], indent: str) -> Iterator[str]:
    """Write the data as YAML lines, without empty values, and lists on one line."""
    for name, value in data.items():
        if value in (None, (), {}):
            continue
        if isinstance(value, Mapping):
            yield f"{indent}{name}:"
            yield from _lines(value, f"{indent}  ")
        elif isinstance(value, tuple):
            yield f"{indent}{name}: [{', '.join(value)}]"
        elif isinstance(value, str) and len(value) > _MAX_TEXT:
            yield f"{indent}{name}: >-"
            lines = wrap(value, 94 - len(indent), break_on_hyphens=False)
            yield from (f"{indent}  {line}" for line in lines)
        else:
            yield f"{indent}{name}: {value}"
