"""What LiteLLM's loader does silently with a configuration: what is wrong with it, line by line.

Owns the checks that need no LiteLLM. What would break a deployment or the start is reported as a
problem; what LiteLLM merely reads as nothing is a remark. Seen with LiteLLM 1.106 and 1.108.
Must not know how the configuration was read.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterator
from typing import Final

from gatewayctl.settings.cursor import Cursor
from gatewayctl.settings.document import Node
from gatewayctl.settings.litellm.config import OWNED, REFERENCE, LitellmConfig
from gatewayctl.settings.model import Source
from gatewayctl.settings.plain_secrets import refuse_secrets
from gatewayctl.settings.problems import Problems, suggest

SECTIONS: Final = (
    "agent_list",
    "agents",
    "assistant_settings",
    "callback_settings",
    "credential_list",
    "default_vertex_config",
    "environment_variables",
    "files_settings",
    "finetune_settings",
    "general_settings",
    "guardrails",
    "litellm_settings",
    "mcp_servers",
    "mcp_tools",
    "model_list",
    "policies",
    "policy_attachments",
    "prompts",
    "router_settings",
    "sandbox_tools",
    "search_tools",
    "vector_store_registry",
    "worker_registry",
)
"""The sections that LiteLLM reads (proxy_server.py, load_config)."""
_MAPPINGS: Final = (
    "environment_variables",
    "general_settings",
    "litellm_settings",
    "router_settings",
)
_LISTS: Final = ("model_list", "guardrails", "credential_list")
_CALLBACK_LISTS: Final = (
    "success_callback",
    "failure_callback",
    "service_callback",
    "audit_log_callbacks",
)
_HEADERS: Final = re.compile(r"general_settings\.pass_through_endpoints\[\d+\]\.headers\.")


def check_config(config: LitellmConfig, problems: Problems) -> None:
    """Report everything with which LiteLLM would not start, or would drop a part of it silently."""
    _check_sections(config, problems)
    _check_secrets(config, problems)
    for index, node in enumerate(config.items("model_list")):
        _check_deployment(Cursor(node=node, problems=problems, path=f"model_list[{index}]"))
    for name in _CALLBACK_LISTS:
        _check_list(config, f"litellm_settings.{name}", problems)
    _check_callbacks(config, problems)
    _check_references(config, problems)


def find_remarks(config: LitellmConfig, present: Collection[str]) -> Iterator[tuple[Source, str]]:
    """What LiteLLM reads as nothing: references to variables that are not ``present``."""
    set_here = {str(name) for name in _children(config, "environment_variables")}
    for node, name in config.references():
        if name not in present and name not in set_here:
            yield node.source, f"{name} is not set: LiteLLM reads nothing here; put it into .env"


def _children(config: LitellmConfig, path: str) -> dict[str, Node]:
    node = config.at(path)
    return {} if node is None else dict(node.children())


def _check_sections(config: LitellmConfig, problems: Problems) -> None:
    for name, node in config.nodes.items():
        if name not in SECTIONS:
            hint = suggest(str(name), SECTIONS)
            problems.add(node.named, f"unknown section '{name}' of LiteLLM {hint}")
        elif name in _MAPPINGS and not isinstance(node.value, dict | None):
            problems.add(node.source, f"{name} must be a mapping")
        elif name in _LISTS and not isinstance(node.value, list | None):
            problems.add(node.source, f"{name} must be a list")


def _check_secrets(config: LitellmConfig, problems: Problems) -> None:
    for name, node in config.nodes.items():
        section = Cursor(node=node, problems=problems, path=str(name), name=str(name))
        # A secret of the stack must not go to a provider; elsewhere it can be meant.
        reader = "the provider" if name in {"model_list", "credential_list"} else None
        refuse_secrets(section, reader=reader)


def _check_deployment(entry: Cursor) -> None:
    if not isinstance(entry.value, dict):
        entry.refuse("a mapping with model_name and litellm_params")
        return
    name, params = entry.child("model_name"), entry.child("litellm_params")
    for part in (name, params.child("model")):
        if not part.is_set:
            entry.add_at_name(f"{part.path} is missing: LiteLLM does not start without it")
        elif not isinstance(part.value, str):
            part.add(f"{part.path} must be a string: put {part.value} in quotes")
    for part in params.parts():
        if part.name == "api_version" and isinstance(part.value, dt.date):
            part.add(
                f"{part.path} is a date in YAML, and LiteLLM drops the deployment: put it in quotes"
            )
        elif part.name == "api_key" and not isinstance(part.value, str | None):
            part.add(
                f"{part.path} is not a string, and LiteLLM drops the deployment: put it in quotes"
            )


def _check_list(config: LitellmConfig, path: str, problems: Problems) -> None:
    node = config.at(path)
    if node is not None and isinstance(node.value, str):
        problems.add(
            node.source,
            f"{path} must be a list: LiteLLM reads the string as one callback per letter;"
            f" write [{node.value}]",
        )


def _check_callbacks(config: LitellmConfig, problems: Problems) -> None:
    node = config.at("litellm_settings.callbacks")
    if node is not None and isinstance(node.value, str) and "." not in node.value:
        problems.add(
            node.source,
            "litellm_settings.callbacks must be a list: LiteLLM fails with this string;"
            f" write [{node.value}]",
        )


def _check_references(config: LitellmConfig, problems: Problems) -> None:
    """Report references that LiteLLM does not read where they are."""
    late = _children(config, "environment_variables")
    for path, node in config.values():
        if not isinstance(node.value, str) or path in OWNED:
            continue
        found = REFERENCE.search(node.value)
        if found is None:
            continue
        if found.start() > 0 and not _HEADERS.match(path):
            problems.add(
                node.source,
                f"{path}: LiteLLM reads {found.group()} only where it is the whole value",
            )
        elif found[1] in late and not path.startswith("environment_variables."):
            problems.add(
                node.source,
                f"{path}: LiteLLM reads {found[1]} before environment_variables sets it:"
                " put it into .env",
            )
