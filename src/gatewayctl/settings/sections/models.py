"""The ``models:`` of gateway.yaml: any model LiteLLM supports, by the name it is served as.

Owns the reading of one section. Must not know keys, components or other sections.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from gatewayctl.settings import providers, reference
from gatewayctl.settings.cursor import VARIABLE_NAME, Cursor
from gatewayctl.settings.document import Node
from gatewayctl.settings.fields import Setting
from gatewayctl.settings.litellm.config import LitellmConfig
from gatewayctl.settings.litellm.deployments import deployments
from gatewayctl.settings.masking import looks_like_a_secret
from gatewayctl.settings.model import Model, Profile
from gatewayctl.settings.plain_secrets import (
    REFERENCE,
    refuse_secrets,
    refuse_stack_secret,
)
from gatewayctl.settings.problems import quote

SETTINGS: Final = {
    "model": Setting(
        "string",
        "required without mock_response",
        "LiteLLM's name of the model: provider/name (docs.litellm.ai/docs/providers).",
    ),
    "api_key_env": Setting(
        "environment variable",
        "the provider's usual one",
        "Variable with the provider's key; none for a server without keys.",
    ),
    "api_key": Setting(
        "os.environ/NAME", "", "A reference, as LiteLLM writes it: the same as api_key_env: NAME."
    ),
    "api_base": Setting("URL", "the provider's", "Address of the server."),
    "num_retries": Setting(
        "non-negative integer", str(reference.NUM_RETRIES), "Retries of a failed request."
    ),
    "timeout": Setting("seconds", str(reference.TIMEOUT), "Time limit of a request, in seconds."),
    "mock_response": Setting("string", "", "Fixed answer, given without calling a provider."),
    "params": Setting("mapping", "", "Any other parameter of LiteLLM."),
    "model_info": Setting("mapping", "", "LiteLLM's model_info: mode, prices, access groups."),
}
_KEY_SETTINGS: Final = ("api_key", "api_key_env")
_NOT_IN_HEADER: Final = (
    "each call would fail, because LiteLLM sends this in an HTTP header, which takes Latin-1 only"
)
_SHARED: Final = tuple(name for name in SETTINGS if name not in {"params", "model_info"})
"""Settings that are read from `params:` too, where LiteLLM's own configuration has most of them."""


def parse_models(
    section: Cursor, profile: Profile, config: LitellmConfig | None = None
) -> tuple[Model, ...]:
    """Read the declared models, after those of LiteLLM's own configuration.

    They are those of the reference stack if neither is given. In the development profile `demo` is
    added unless a model of that name is declared.
    """
    models: tuple[Model, ...] = reference.MODELS if config is None else deployments(config)
    if section.is_set:
        read = [
            _model(deployment)
            for entry in section.mapping().values()
            for deployment in _deployments(entry)
        ]
        theirs = () if config is None else models
        models = (*theirs, *(model for model in read if model is not None))
    if profile == "development" and all(model.name != reference.DEMO.name for model in models):
        return (*models, reference.DEMO)
    return models


def _deployments(entry: Cursor) -> list[Cursor]:
    """A list is several deployments of one name, between which LiteLLM shares the calls."""
    if not isinstance(entry.value, list):
        return [entry]
    if not entry.value:
        entry.add(f"{entry.path} lists no deployment")
    return [replace(part, name=entry.name) for part in entry.parts()]


def _model(entry: Cursor) -> Model | None:
    entry.check_printable_name("model name")
    if "," in entry.name:
        entry.add_at_name(
            f"{entry.path}: LiteLLM reads a model name with a comma as several models"
        )
    if not _fits_in_header(entry.name):
        entry.add_at_name(f"{entry.path}: {_NOT_IN_HEADER}")
    # A string alone is the model.
    entry, extra = _split(entry.expand(str, "model"))
    for part in (*entry.parts(), *extra.values()):
        if part.name not in _KEY_SETTINGS:
            refuse_secrets(part)
    target = _target(entry)
    retries = entry.child("num_retries").non_negative_integer()
    timeout = entry.child("timeout").seconds()
    params = _params(entry, extra)
    if target is None:
        return None
    provider = params.get("custom_llm_provider") or providers.provider_of(target)
    if provider is None and target != providers.ANY:
        entry.child("model").add(
            f"{entry.path}.model: {quote(target)} names no provider: write provider/{target}, or"
            f" openai/{target} for a server of one's own with api_base"
        )
    keyless, variable = _api_key(entry, provider, str(params.get("api_base") or ""))
    if keyless and providers.falls_back_to_openai(provider or ""):
        params["api_key"] = providers.NO_KEY
    return Model(
        name=entry.name,
        litellm_params=MappingProxyType({"model": target, **params}),
        api_key_env=variable,
        num_retries=reference.NUM_RETRIES if retries is None else retries,
        timeout=reference.TIMEOUT if timeout is None else timeout,
        model_info=entry.child("model_info").data(),
    )


def _split(entry: Cursor) -> tuple[Cursor, dict[str, Cursor]]:
    """Return the settings of one model, and LiteLLM's other parameters."""
    entry.check_names(SETTINGS, hint="; other parameters of LiteLLM go under params:")
    given: dict[str, Node] = dict(entry.node.children())
    extra = entry.child("params").mapping()
    given.pop("params", None)
    for name in (name for name in _SHARED if name in extra):
        part = extra.pop(name)
        if name in given:
            part.add_at_name(f"{entry.path}.{name} is given twice, here and outside params:")
        given.setdefault(name, part.node)
    return entry.with_parts(given) if isinstance(entry.value, dict) else entry, extra


def _target(entry: Cursor) -> str | None:
    """LiteLLM's name of the model; one that only answers offline needs none."""
    target = entry.child("model")
    if target.is_given:
        if isinstance(target.value, str) and not _fits_in_header(target.value):
            target.add(f"{target.path}: {_NOT_IN_HEADER}")
        return target.string()
    if entry.child("mock_response").is_given:
        return f"openai/{entry.name}"
    # Anything but a mapping is reported already.
    if isinstance(entry.value, dict | None):
        entry.add_at_name(f"{entry.path} needs model:, for example model: openai/gpt-4o")
    return None


def _params(entry: Cursor, extra: dict[str, Cursor]) -> dict[str, Any]:
    """Return what LiteLLM gets besides model, key, retries and timeout."""
    given = (entry.child(name) for name in ("api_base", "mock_response"))
    params: dict[str, Any] = {part.name: part.string() for part in given if part.is_given}
    _check_url(entry.child("api_base"))
    for name, part in extra.items():
        part.check_finite()
        params[name] = part.node.plain()
    return params


def _check_url(base: Cursor) -> None:
    """Report an address that LiteLLM would fail with at every call; a reference is not resolved."""
    value = base.value
    if not isinstance(value, str) or not value.strip() or value.startswith(REFERENCE):
        return
    if looks_like_a_secret(value):
        return  # reported already, and not quoted
    try:
        url = urlsplit(value)
        is_usable = bool("://" in value and url.hostname and (url.port is None or url.port > 0))
    except ValueError:
        is_usable = False
    if not is_usable or any(sign.isspace() or not sign.isprintable() for sign in value):
        base.refuse("a URL such as http://127.0.0.1:8080/v1")
    elif not _fits_in_header(value):
        base.add(f"{base.path}: {_NOT_IN_HEADER}; write the host in its xn-- form")


def _fits_in_header(text: str) -> bool:
    return all(ord(sign) < 256 for sign in text)


def _api_key(entry: Cursor, provider: str | None, base: str) -> tuple[bool, str | None]:
    """Return whether the model has no key, and the variable that holds its key.

    A server of one's own gets no key unless one is named: never OpenAI's, because of its protocol.
    """
    direct, named = map(entry.child, _KEY_SETTINGS)
    if direct.is_given and named.is_given:
        direct.add_at_name(f"{entry.path} has both api_key and api_key_env: keep api_key_env")
    if named.is_given and named.value in (None, "none"):
        return True, None
    if not named.is_given and not direct.is_given:
        if entry.child("mock_response").is_given:
            return False, None
        if base and providers.falls_back_to_openai(provider or "") and not _is_openai(base):
            return True, None
        return False, providers.key_variable(provider)
    variable = named.variable() if named.is_given else _reference(direct)
    refuse_stack_secret(named if named.is_given else direct, variable or "")
    return False, variable


def _is_openai(base: str) -> bool:
    try:
        return urlsplit(base).hostname in providers.OPENAI_HOSTS
    except ValueError:
        return False


def _reference(key: Cursor) -> str | None:
    """Read the variable of ``api_key: os.environ/NAME``. The value itself is never shown."""
    value = key.value if isinstance(key.value, str) else ""
    name = value.removeprefix(REFERENCE)
    if value.startswith(REFERENCE) and VARIABLE_NAME.fullmatch(name):
        return name
    key.add(
        f"{key.path} must not contain the key itself:"
        " write api_key_env: NAME and put NAME into .env;"
        " for a server without keys write api_key_env: none"
    )
    return None
