"""What a chat will send, decided before anything is sent.

Owns the choice of component, operation, model and key, and the metadata that identifies the call in
traces and spend logs. Must not know HTTP, spans or terminals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

from gatewayctl.errors import EmptyPrompt, UnknownComponent, UsageProblem
from gatewayctl.operations.chat.texts import require_utf8
from gatewayctl.operations.keys.values import require_virtual_key
from gatewayctl.operations.models.provider_keys import has_real_key
from gatewayctl.settings.model import Component, Model, Secret, Settings, Source
from gatewayctl.settings.problems import suggest

DEFAULT_COMPONENT: Final = "passthrough"
DEFAULT_OPERATION: Final = "chat"
"""The operation of a component without declared operations."""

Route = Literal["passthrough", "reasoning", "auto"]

_SLACK: Final = 30
"""Seconds for the gateway to report a timeout of the provider itself."""
_OURS: Final = ("component", "operation", "tags")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatInput:
    """The operator's input; None for options that were not given."""

    prompt: str
    component: str | None = None
    operation: str | None = None
    model: str | None = None
    system: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    key_env: str | None = None
    stream: bool = True
    history: tuple[Mapping[str, str], ...] = ()
    session: str | None = None
    route: Route | None = None
    max_steps: int = 3
    verify: float | None = None
    """Seconds to wait for the verification; None to skip it."""
    routing_path: str | None = None
    response_format: Mapping[str, Any] | None = None
    offline_model: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    attachments: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatPlan:
    """The decisions. ``note`` explains a choice that was made for the operator, if any."""

    component: str
    operation: str
    model: str
    messages: tuple[Mapping[str, Any], ...]
    metadata: Mapping[str, Any]
    key_env: str
    key: Secret = field(repr=False)
    key_source: Source
    stream: bool
    timeout: float
    note: str | None
    session: str | None
    response_format: Mapping[str, Any] | None = None
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def routing_path(self) -> str | None:
        path = self.metadata.get("routing_path")
        return None if path is None else str(path)

    def span_attributes(self) -> Mapping[str, str]:
        """The attributes of the client span: names, never contents or keys."""
        attributes = {
            "gatewayctl.component": self.component,
            "gatewayctl.operation": self.operation,
            "gatewayctl.model": self.model,
            "gatewayctl.routing_path": self.routing_path,
            "session.id": self.session,
        }
        return {name: value for name, value in attributes.items() if value is not None}


def plan_chat(settings: Settings, ask: ChatInput, environ: Mapping[str, str]) -> ChatPlan:
    """Decide what to send, before anything is sent.

    Raises UsageProblem, UnknownComponent, EmptyPrompt and VirtualKeyMissing.
    """
    prompt = require_utf8(ask.prompt, "The prompt")
    if not prompt.strip():
        raise EmptyPrompt("The prompt is empty.")
    component = _find_component(settings, ask.component or DEFAULT_COMPONENT)
    operation = _choose_operation(component, ask.operation)
    declared = component.operation(operation)
    model, note = _choose_model(settings, ask.model or declared.model)
    if ask.response_format is not None:
        model = _substitute_offline(settings, model, ask.offline_model or declared.offline_model)
    key_env, key, key_source = require_virtual_key(settings, ask.key_env, environ)
    return ChatPlan(
        component=component.name,
        operation=operation,
        model=model,
        messages=_make_messages(ask, prompt, declared.prompt),
        metadata=_make_metadata(component, operation, ask),
        key_env=key_env,
        key=key,
        key_source=key_source,
        stream=ask.stream,
        timeout=_read_timeout(settings, model),
        note=note,
        session=ask.session,
        response_format=ask.response_format,
        params=ask.params,
    )


def _find_component(settings: Settings, name: str) -> Component:
    for component in settings.components:
        if component.name == name:
            return component
    known = [component.name for component in settings.components]
    raise UnknownComponent(f"gateway.yaml declares no component {name!r} {suggest(name, known)}.")


def _choose_operation(component: Component, name: str | None) -> str:
    """The requested operation; a component that declares none accepts any."""
    if name is None:
        return component.operations[0] if component.operations else DEFAULT_OPERATION
    if not name.strip() or not name.isprintable():
        raise UsageProblem(f"Invalid --operation {name!r}: expected a printable name.")
    if component.operations and name not in component.operations:
        raise UnknownComponent(
            f"The component {component.name} declares no operation {name!r}"
            f" {suggest(name, component.operations)}."
        )
    return name


def _choose_model(settings: Settings, name: str | None) -> tuple[str, str | None]:
    """The requested model, or the first that can answer, with a note if no real key is set."""
    if name is not None:
        if not name.strip():
            raise UsageProblem("--model is empty.")
        return require_utf8(name, "The model"), None
    online = [model for model in settings.models if not model.offline]
    for model in online:
        if has_real_key(model, settings):
            return model.name, None
    offline = next((model for model in settings.models if model.offline), None)
    if offline is not None:
        return offline.name, _no_key_note(online, f"the offline model {offline.name} answers")
    if not online:
        raise UsageProblem("gateway.yaml declares no model.", hint="Name one with --model.")
    return online[0].name, _no_key_note(online, f"{online[0].name} will likely refuse")


def _no_key_note(online: list[Model], therefore: str) -> str:
    variables = dict.fromkeys(model.api_key_env for model in online if model.api_key_env)
    missing = f"No real key in {', '.join(variables)}" if variables else "No online model"
    return f"{missing}: {therefore}."


def _substitute_offline(settings: Settings, name: str, stand_in: str | None) -> str:
    """The model, or its stand-in if it answers a fixed text in another format than required."""
    models = {model.name: model for model in settings.served}
    fixed = name in models and models[name].offline
    return stand_in if fixed and stand_in in models and stand_in is not None else name


def _make_messages(
    ask: ChatInput, prompt: str, declared: str | None
) -> tuple[Mapping[str, Any], ...]:
    system = declared if ask.system is None else ask.system
    opening = (
        () if not system else ({"role": "system", "content": require_utf8(system, "--system")},)
    )
    content = [{"type": "text", "text": prompt}, *ask.attachments] if ask.attachments else prompt
    return (*opening, *ask.history, {"role": "user", "content": content})


def _make_metadata(component: Component, operation: str, ask: ChatInput) -> Mapping[str, Any]:
    """Metadata for traces and tags for spend logs, which LiteLLM keeps apart."""
    for name in _OURS:
        if name in ask.metadata:
            raise UsageProblem(
                f"--metadata must not set {name!r}.", hint="Use --component and --operation."
            )
    declared = component.metadata.get("tags") or ()
    tags = [*declared, *ask.tags, f"component:{component.name}", f"op:{operation}"]
    return MappingProxyType(
        {
            **component.metadata,
            **({} if ask.routing_path is None else {"routing_path": ask.routing_path}),
            **ask.metadata,
            "component": component.name,
            "operation": operation,
            "tags": tags,
        }
    )


def _read_timeout(settings: Settings, name: str) -> float:
    """Seconds to wait for data: as long as the provider may take, with its retries."""
    model = next((model for model in settings.models if model.name == name), None)
    return 600 + _SLACK if model is None else model.timeout * (1 + model.num_retries) + _SLACK
