"""The ``models:`` of gateway.yaml: any model LiteLLM knows, by the name it is served as.

Owns the reading of one section. Must not know keys, components or other sections.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from gatewayctl.settings import providers, reference, typed
from gatewayctl.settings.document import Node
from gatewayctl.settings.model import Model, Profile
from gatewayctl.settings.plain_secrets import (
    REFERENCE,
    references,
    refuse_secrets,
    refuse_stack_secret,
)
from gatewayctl.settings.problems import Problems

_SHARED: Final = ("model", "api_base", "api_key", "num_retries", "timeout", "mock_response")
"""Settings of a model that are also LiteLLM parameters, so both places are understood."""
SETTINGS: Final = (*_SHARED, "api_key_env", "params")


def parse_models(node: Node | None, profile: Profile, problems: Problems) -> tuple[Model, ...]:
    """The declared models, or those of the reference stack where none are declared.

    In the development profile `demo` is added unless a model of that name is declared.
    """
    models: tuple[Model, ...] = reference.MODELS
    if node is not None and node.value is not None:
        entries = typed.mapping(node, "models", problems)
        read = [_model(name, entry, problems) for name, entry in entries.items()]
        models = tuple(model for model in read if model is not None)
    if profile == "development" and all(model.name != reference.DEMO.name for model in models):
        return (*models, reference.DEMO)
    return models


def referred_variables(node: Node | None) -> tuple[str, ...]:
    """The environment variables that ``os.environ/NAME`` in the section points to."""
    return () if node is None else tuple(name for name, _ in references(node))


def _model(name: str, node: Node, problems: Problems) -> Model | None:
    what = f"models.{name}"
    typed.printable_name(name, node, f"the model name '{name[:40]}'", problems)
    given, extra = _gathered(node, what, problems)
    for parameter, part in {**given, **extra}.items():
        if parameter not in {"api_key", "api_key_env"}:
            refuse_secrets(part, f"{what}.{parameter}", problems, name=parameter)
    target = _target(name, given, node, what, problems)
    retries = _read(given, "num_retries", typed.whole, what, problems)
    timeout = _read(given, "timeout", typed.seconds, what, problems)
    params = _params(given, extra, what, problems)
    if target is None:
        return None
    provider = str(params.get("custom_llm_provider") or providers.provider_of(target))
    keyless, variable = _api_key(given, provider, what, problems)
    if keyless and providers.falls_back_to_openai(provider):
        params["api_key"] = providers.NO_KEY
    return Model(
        name=name,
        litellm_params=MappingProxyType({"model": target, **params}),
        api_key_env=variable,
        num_retries=reference.NUM_RETRIES if retries is None else retries,
        timeout=reference.TIMEOUT if timeout is None else timeout,
    )


def _gathered(
    node: Node, what: str, problems: Problems
) -> tuple[dict[str, Node], Mapping[str, Node]]:
    """The settings of one model, and LiteLLM's other parameters; a text alone is `model:`."""
    if isinstance(node.value, str):
        return {"model": node}, {}
    given = dict(typed.mapping(node, what, problems))
    also = "; other parameters of LiteLLM go under params:"
    typed.known_names(given, SETTINGS, what, problems, also=also)
    params = given.pop("params", None)
    extra = {} if params is None else dict(typed.mapping(params, f"{what}.params", problems))
    for name in (name for name in (*_SHARED, "api_key_env") if name in extra):
        part = extra.pop(name)
        if name in given:
            problems.add(part.named, f"{what}.{name} is given twice, here and outside params:")
        given.setdefault(name, part)
    return given, extra


def _target(
    name: str, given: Mapping[str, Node], node: Node, what: str, problems: Problems
) -> str | None:
    """LiteLLM's name of the model; one that only answers offline needs none."""
    if "model" in given:
        return typed.text(given["model"], f"{what}.model", problems)
    if "mock_response" in given:
        return f"openai/{name}"
    # Anything but a mapping was noted already.
    if node.value is None or isinstance(node.value, dict):
        problems.add(node.named, f"{what} needs model:, for example model: openai/gpt-4o")
    return None


def _read(given: Mapping[str, Node], name: str, how: Any, what: str, problems: Problems) -> Any:
    node = given.get(name)
    return None if node is None else how(node, f"{what}.{name}", problems)


def _params(
    given: Mapping[str, Node], extra: Mapping[str, Node], what: str, problems: Problems
) -> dict[str, Any]:
    """What LiteLLM gets besides model, key, retries and timeout."""
    params: dict[str, Any] = {}
    for name in ("api_base", "mock_response"):
        if name in given:
            params[name] = typed.text(given[name], f"{what}.{name}", problems)
    for name, node in extra.items():
        typed.finite(node, f"{what}.params.{name}", problems)
        params[name] = node.plain()
    return params


def _api_key(
    given: Mapping[str, Node], provider: str, what: str, problems: Problems
) -> tuple[bool, str | None]:
    """Whether it is said to have no key, and the variable that holds the key."""
    direct, named = given.get("api_key"), given.get("api_key_env")
    if direct is not None and named is not None:
        problems.add(direct.named, f"{what} has both api_key and api_key_env: keep api_key_env")
    if named is not None and named.value in (None, "none"):
        return True, None
    node = named or direct
    if node is None:
        return False, None if "mock_response" in given else providers.key_variable(provider)
    if named is not None:
        variable = typed.variable(named, f"{what}.api_key_env", problems)
    else:
        variable = _referred(node, what, problems)
    refuse_stack_secret(variable or "", node, what, problems)
    return False, variable


def _referred(node: Node, what: str, problems: Problems) -> str | None:
    """The variable of ``api_key: os.environ/NAME``. The value itself is never shown."""
    value = node.value if isinstance(node.value, str) else ""
    name = value.removeprefix(REFERENCE)
    if value.startswith(REFERENCE) and typed.VARIABLE_NAME.fullmatch(name):
        return name
    problems.add(
        node.source,
        f"{what}.api_key must not hold the key itself: write api_key_env: NAME"
        " and put NAME into .env",
    )
    return None
