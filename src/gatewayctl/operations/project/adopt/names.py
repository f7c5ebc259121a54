"""Names of the variables that hold what was written out: telling, and never one that is in use.

Owns how a name is formed from the place of a value, and which names are free. The same
configuration and the same .env give the same names. Must not know files.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from gatewayctl.operations.project.adopt.secret_values import has_secret_form
from gatewayctl.settings import fields, providers
from gatewayctl.settings.litellm.yaml_text import Value, ValuePath

_OF_OPENAI: Final = "OPENAI_API_KEY"
_NOT_FREE: Final = (fields.RESERVED - {_OF_OPENAI}) | {field.env for field in fields.SECRETS[1:]}
# LiteLLM, Phoenix, Prisma and gatewayctl give names that begin like this a meaning.
_MEANT: Final = re.compile(
    r"(?:LITELLM|PHOENIX|OTEL|PRISMA|GATEWAYCTL|REDIS|DATABASE|POSTGRES)_|UI_"
)
_PREFIX: Final = "GATEWAY_"
# What names an item of a list.
_ITEM_NAMES: Final = (
    *("model_name", "guardrail_name", "credential_name", "team_id", "team_alias", "path"),
    *("search_tool_name", "vector_store_name", "agent_name", "server_name", "name"),
)
# Mappings between an item and its settings, whose names say nothing.
_SILENT: Final = frozenset(
    {
        *("litellm_params", "credential_values", "headers", "extra_headers", "static_headers"),
        *("env", "params", "optional_params", "extra_body", "default_headers", "config"),
    }
)
_SECTIONS: Final = {
    "general_settings": "GATEWAY",
    "litellm_settings": "GATEWAY",
    "router_settings": "ROUTER",
    "mcp_servers": "MCP",
    "cache_params": "CACHE",
}
_LONGEST: Final = 60


class Names:
    """The names given in one adoption. ``env`` is what .env holds, ``environ`` this process."""

    def __init__(
        self, *, reads: Collection[str], env: Mapping[str, str], environ: Mapping[str, str]
    ) -> None:
        self._reads = reads
        self._env = env
        self._environ = environ
        self.given: dict[str, str] = {}
        """The value of each name."""
        self._by_value: dict[str, str] = {}

    def reserve(self, name: str, value: str, *, share: bool) -> None:
        """Take a name that the configuration itself gives; ``share`` it with equal secrets."""
        self.given[name] = value
        if share:
            self._by_value.setdefault(value, name)

    def name_for(self, value: str, wanted: str) -> str:
        """The name of a secret: that of an equal one, else the wanted one or it with a number."""
        if value not in self._by_value:
            name = next(name for name in _candidates(wanted) if self._is_free(name, value))
            self.given[name] = value
            self._by_value[value] = name
        return self._by_value[value]

    def _is_free(self, name: str, value: str) -> bool:
        if name in self._reads or name in _NOT_FREE or name in self.given:
            return False
        held = self._env.get(name)
        return held == value or (not held and self._environ.get(name, value) == value)


def wanted_name(value: Value, data: Any) -> str:
    """The name for a value by its place, such as ``OPENAI_API_KEY`` or ``CACHE_PASSWORD``."""
    item = _item(value.path, data)
    if isinstance(item, dict) and value.path[:1] == ("model_list",) and value.name == "api_key":
        given = item.get("litellm_params")
        params = given if isinstance(given, dict) else {}
        model = params.get("model")
        provider = params.get("custom_llm_provider") or providers.provider_of(str(model or ""))
        variable = providers.key_variable(str(provider))
        has_own_address = bool(params.get("api_base") or params.get("base_url"))
        if variable and not (has_own_address and providers.falls_back_to_openai(str(provider))):
            return variable
    return _from_words(_words(value.path, item))


def implicit_reads(data: Any) -> set[str]:
    """The variables that LiteLLM reads by itself, for deployments without a key."""
    found: set[str] = set()
    for model in _dicts(data.get("model_list")):
        params = model.get("litellm_params")
        if not isinstance(params, dict) or params.get("api_key") is not None:
            continue
        if params.get("litellm_credential_name"):
            continue
        name = str(params.get("model") or "")
        provider = params.get("custom_llm_provider") or providers.provider_of(name)
        provider = "*" if name.startswith("*") else str(provider)
        found |= {providers.key_variable(provider) or "", *providers.other_variables(provider)}
    for guardrail in _dicts(data.get("guardrails")):
        params = guardrail.get("litellm_params")
        if isinstance(params, dict) and params.get("guardrail") == "openai_moderation":
            found |= set() if params.get("api_key") else {_OF_OPENAI}
    return found - {""}


def _dicts(items: Any) -> Iterator[dict[str, Any]]:
    yield from (item for item in items if isinstance(item, dict)) if isinstance(items, list) else ()


def _candidates(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}_{number}" for number in itertools.count(2))


def _item(path: ValuePath, data: Any) -> Any:
    """The innermost item of a list on the way to a value."""
    found = None
    for step in path[:-1]:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            break
        if isinstance(step, int) and isinstance(data, dict):
            found = data
    return found


def _words(path: ValuePath, item: Any) -> list[str]:
    # A name that is itself a secret must not get into the name of a variable.
    names = [step for step in path if isinstance(step, str) and not has_secret_form(step)]
    if not names:
        return []
    own = next((str(item[n]) for n in _ITEM_NAMES if item.get(n)), "") if item else ""
    own = own if _split(own) and not has_secret_form(own) else ""
    inside = [name for name in names[:-1] if name not in _SILENT]
    parent = inside[-1] if inside else ""
    sections = [_SECTIONS[name] for name in names if name in _SECTIONS]
    if own:
        return [own, names[-1]]
    if parent in _SECTIONS or not sections or sections[-1] == "CACHE":
        return [sections[-1] if sections else parent, names[-1]]
    return [*(sections if sections[-1] == "MCP" else ()), parent, names[-1]]


def _split(word: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode()
    return re.findall(r"[A-Z0-9]+", plain.upper())


def _from_words(words: list[str]) -> str:
    """Join words to a name, without repeating a word at a seam: weather-aws, aws_secret."""
    parts: list[str] = []
    for word in words:
        split = _split(word)
        parts += split[1:] if parts and split and parts[-1] == split[0] else split
    name = "_".join(parts)[-_LONGEST:].strip("_") or "VALUE"
    if not name[0].isalpha() or len(parts) < 2:
        name = f"MODEL_{name}" if name[0].isdigit() else f"{_PREFIX}{name}"
    return f"{_PREFIX}{name}" if _MEANT.match(name) else name
