"""Secrets do not belong into gateway.yaml: finds those that were put there.

Owns what a secret looks like, by its name or by its value. Must not know any one
setting. No message holds a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gatewayctl.settings.document import Node
from gatewayctl.settings.fields import STACK_SECRETS
from gatewayctl.settings.problems import Problems
from gatewayctl.settings.typed import VARIABLE_NAME

REFERENCE: Final = "os.environ/"
"""How LiteLLM is told to take a value from its environment."""

_VALUE: Final = re.compile(
    r"\bsk-[A-Za-z0-9_\-]{16,}"
    r"|\b(AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}"
    r"|\bAIza[0-9A-Za-z_\-]{30,}"
    r"|\bxai-[A-Za-z0-9]{20,}|\bgsk_[A-Za-z0-9]{20,}|\bhf_[A-Za-z0-9]{20,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|://[^/\s:@]*:[^/\s@]+@"
)
# Parameters of providers that are named like secrets and are none.
_HARMLESS: Final = {"cache_key", "prompt_cache_key"}


def named_like_a_secret(name: str) -> bool:
    """True for ``aws_secret_access_key``, ``X-Api-Key``, ``password``, ``azure_ad_token``…"""
    plain = name.lower().replace("-", "_")
    if plain in _HARMLESS:
        return False
    token = "token" in plain and "tokens" not in plain and "tokenizer" not in plain
    key = plain in {"key", "apikey"} or plain.endswith("_key")
    words = ("secret", "password", "passwd", "authorization")
    return token or key or any(word in plain for word in words)


def references(node: Node) -> Iterator[tuple[str, Node]]:
    """Every ``os.environ/NAME`` in a value: the name, and where it stands."""
    if isinstance(node.value, str) and node.value.startswith(REFERENCE):
        yield node.value.removeprefix(REFERENCE), node
    for part in _parts(node):
        yield from references(part)


def looks_like_a_secret(text: str) -> bool:
    """True for a text that holds a key of a known form, or an address with a password."""
    return _VALUE.search(text) is not None


def refuse_secrets(
    node: Node, what: str, problems: Problems, *, name: str = "", reader: str = "the provider"
) -> None:
    """Note every secret written out, and every reference that must not be made.

    ``reader`` is who would get to see what is referred to.
    """
    value = node.value
    if isinstance(value, str):
        if value.startswith(REFERENCE):
            _check_reference(value.removeprefix(REFERENCE), node, what, problems, reader)
        elif looks_like_a_secret(value) or (named_like_a_secret(name) and _may_be_secret(value)):
            problems.add(
                node.source,
                f"{what} holds a secret: write {REFERENCE}NAME instead and put NAME into .env",
            )
    elif isinstance(value, list):
        for part in value:
            refuse_secrets(part, what, problems, name=name, reader=reader)
            _refuse_in_list(part, what, problems)
    else:
        for child, part in node.children().items():
            refuse_secrets(part, f"{what}.{child}", problems, name=child, reader=reader)


def _check_reference(name: str, node: Node, what: str, problems: Problems, reader: str) -> None:
    if not VARIABLE_NAME.fullmatch(name):
        problems.add(
            node.source, f"{what}: after {REFERENCE} must come the name of an environment variable"
        )
    refuse_stack_secret(name, node, what, problems, reader=reader)


def refuse_stack_secret(
    name: str, node: Node, what: str, problems: Problems, *, reader: str = "the provider"
) -> None:
    """Note a variable that would carry a secret of the stack to somebody else."""
    if name in STACK_SECRETS:
        problems.add(
            node.source, f"{what} must not use {name}: it would send that secret to {reader}"
        )


def _refuse_in_list(part: Node, what: str, problems: Problems) -> None:
    """LiteLLM replaces references in mappings only, and would send the text itself."""
    if isinstance(part.value, str) and part.value.startswith(REFERENCE):
        problems.add(part.source, f"{what}: LiteLLM does not read {REFERENCE} inside a list")


def _may_be_secret(value: str) -> bool:
    """Numbers, switches and pointers to a secret are none themselves."""
    if not value.strip() or value.lower() in {"true", "false", "none"}:
        return False
    try:
        float(value)
    except ValueError:
        return not value.startswith("oidc/")
    return False


def _parts(node: Node) -> list[Node]:
    return node.value if isinstance(node.value, list) else list(node.children().values())
