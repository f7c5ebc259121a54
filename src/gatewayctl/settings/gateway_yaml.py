"""The first gateway.yaml of a project: every default shown, commented out.

Owns its wording and order; the defaults come from fields.py and reference.py. As it is,
it declares nothing; with the settings uncommented it declares the reference stack. After
the `#` a setting has an even number of blanks (its own indentation), a sentence an odd one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from textwrap import wrap
from typing import Any, Final

from gatewayctl.settings import fields, reference
from gatewayctl.settings.fields import Field
from gatewayctl.settings.model import Component, Model

_HEADER: Final = """\
# What this gateway should be. Everything is optional: what is commented out is the default.
# Secrets do not belong here but into .env; models name the variable that holds their key.
# `gatewayctl render --check --diff` shows what a change does, `gatewayctl up` applies it.
"""

_MODELS: Final = """\
# Models, by the name applications ask for. Declaring any replaces these three; `demo`, which
# answers offline, is always there in the development profile.
#   model         what LiteLLM calls it: provider/name (docs.litellm.ai/docs/providers)
#   api_key_env   the variable with the provider's key; by default the provider's usual one,
#                 none for a server without keys
#   api_base      another address than the provider's
#   num_retries, timeout (seconds), mock_response (answer this, call nobody)
#   params        anything else LiteLLM takes
# Two more, as examples:
#   claude: {model: anthropic/claude-sonnet-5}
#   llama: {model: openai/llama, api_base: "http://127.0.0.1:8080/v1", api_key_env: none}
"""

_KEYS: Final = """\
# Virtual keys, by alias. Declaring any replaces these two.
#   env           the variable of .env that `gatewayctl keys create` writes the key to
#   models        those it may use; none named means all
#   duration      how long it lives: 12h, 30d, 6mo; for ever if left out
#   metadata      anything, kept with the key and with what it spends
"""

_COMPONENTS: Final = """\
# Components: the parts of your application that call models, for `gatewayctl chat
# --component` and for finding their traces. Declaring any replaces these three.
#   operations    what the component does: a list of names, or a mapping with, for each,
#                 model, prompt (its system message), offline_model (plays it for `demo`)
#   metadata      anything, sent with every call of the component
"""

_APPS: Final = """\
# Apps: services of your own beside the gateway, in Docker. Each gets LLM_BASE_URL, LLM_API_KEY
# and Phoenix's address, and starts when the gateway answers. There are none by default.
#   image, build  one of them: an image, or the folder of its Dockerfile
#   ports         ports of this machine to its own: ["8080:80"]
#   key           the alias of the virtual key it calls models with; litellm-dev if left out
#   command       in place of the image's own: a text or a list
#   environment   more variables; os.environ/NAME takes NAME from .env, for secrets
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
    """The commented file for a project whose folder gives it that name."""
    scalars = [field for field in fields.SCALARS if field.yaml and "." not in field.yaml]
    parts = [_HEADER, *(_scalar(field, project_name) for field in scalars)]
    parts.extend(map(_group, _GROUPS))
    parts.append(_MODELS + _commented({"models": dict(map(_model, reference.MODELS))}))
    parts.append(_KEYS + _commented({"keys": _keys()}))
    parts.append(_COMPONENTS + _commented({"components": _components()}))
    parts.append(_APPS)
    return "\n".join(parts)


def _scalar(field: Field, project_name: str) -> str:
    value = project_name if field.kind == "name" else field.default
    choices = f" One of: {', '.join(field.choices)}." if field.choices else ""
    comment = "".join(f"# {line}\n" for line in wrap(field.help + choices, 96))
    # Quoted: a project named `on` or `2026` is text.
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


def _commented(data: Mapping[str, Any]) -> str:
    return "".join(f"#{line}\n" for line in _lines(data, ""))


def _lines(data: Mapping[str, Any], indent: str) -> Iterator[str]:
    """The data as YAML lines: what is empty is left out, lists on one line."""
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
