"""Which values of a LiteLLM configuration are secrets, and its comments without any.

Owns the rules that find more than `settings.plain_secrets` refuses: all of that is found, so that
what is adopted is accepted. Must not know where a secret goes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from gatewayctl.settings import plain_secrets
from gatewayctl.settings.litellm.yaml_text import Comment, Span, Value
from gatewayctl.settings.masking import looks_like_a_secret, mask
from gatewayctl.settings.plain_secrets import (
    NAMED_BY_OTHERS,
    REFERENCE,
    is_number,
    is_placeholder,
)

REMOVED: Final = "(removed)"
"""What a comment has in place of a secret."""

_KEY: Final = re.compile(r"\bsk-[\w-]{8,}")
_FORMS: Final = re.compile(
    rf"{_KEY.pattern}|://[^/\s:@]*:[^/\s@]+@|-BEGIN [A-Z ]*PRIVATE KEY-"
    r"|\A(?i:Bearer|basic|token|apikey)\s+\S{6,}\Z"
)
_WEBHOOK: Final = re.compile(
    r"https://(?:hooks\.slack\.com/(?:services|workflows)/|(?:\w+\.)?discord(?:app)?\.com/api/webhooks/"
    r"|[\w.-]+\.webhook\.office\.com/|outlook\.office(?:365)?\.com/webhook/|hooks\.zapier\.com/hooks/"
    r"|chat\.googleapis\.com/v1/spaces/|[\w.-]+\.logic\.azure\.com[:/])"
)
_NAMES: Final = re.compile(
    r"(?i)(?<!cache)(?:\A|[._-])(?:key|secret|password|token|authorization|auth_value|license)\Z"
    r"|api[_-]?key\Z"
)
_NUMERIC_NAMES: Final = re.compile(
    r"(?i)(?:password|passwd|_pwd|_pass|secret|api_?key|master_key)\Z"
)
_ASSIGNED: Final = re.compile(
    r"""["']?(?P<name>[\w.-]+)["']?\s*[:=]\s*(?P<value>"[^"]{6,}"|'[^']{6,}'|[^\s"'#,{}]{8,})"""
    r"(?=\s*(?:[,}]|\s\#|\Z))"
)
_SCHEME: Final = re.compile(r"\b(Bearer|Basic)\s+(?!os\.environ/)(?=\S*\d)[^\s\"']{8,}")
_BEGIN: Final = re.compile(r"-BEGIN [A-Z ]*PRIVATE KEY-")


def is_secret(value: Value) -> bool:
    """True for a value that must not be written in a configuration."""
    if value.is_key or not isinstance(value.value, str | int) or isinstance(value.value, bool):
        return False
    text = str(value.value)
    if text.startswith(REFERENCE):
        return False
    name = "" if NAMED_BY_OTHERS.intersection(value.path) else value.name
    if plain_secrets.is_secret(name, text):
        return True
    if REFERENCE in text or is_placeholder(text):
        return False
    if is_number(text):
        return bool(_NUMERIC_NAMES.search(name))
    return has_secret_form(text) or _is_named_secret(name, text)


def has_secret_form(text: str) -> bool:
    """True for a text with a key, a password in a URL, a private key or a webhook's address."""
    keys = [key for key in _KEY.findall(text) if not is_placeholder(key)]
    others = _FORMS.search(_KEY.sub("", text)) or _WEBHOOK.match(text)
    return bool(keys or others or looks_like_a_secret(_without_no_key(text)))


def is_webhook(text: str) -> bool:
    """True for the address of a chat's webhook, which allows to write there."""
    return _WEBHOOK.match(text) is not None


def without_secrets(comments: Iterable[Comment], secrets: Collection[str]) -> dict[Span, str]:
    """The comments that hold a secret, each without it. ``secrets`` are values found elsewhere."""
    changed: dict[Span, str] = {}
    in_private_key = False
    for comment in comments:
        begins = _BEGIN.search(comment.text) is not None
        if in_private_key or begins:
            new = f"# {REMOVED}"
            in_private_key = "-END " not in comment.text
        else:
            new = remove_secrets(comment.text, secrets)
        if new != comment.text:
            changed[comment.span] = new
    return changed


def remove_secrets(text: str, secrets: Collection[str]) -> str:
    """A text that is no value of a setting, without the secrets in it."""
    for secret in sorted({part for value in secrets for part in _parts(value)}, key=len)[::-1]:
        text = text.replace(secret, REMOVED)
    text = _KEY.sub(lambda key: key[0] if is_placeholder(key[0]) else REMOVED, text)
    text = _SCHEME.sub(rf"\1 {REMOVED}", _ASSIGNED.sub(_remove_assigned, text))
    return mask(text) if has_secret_form(text) else text


def _is_named_secret(name: str, text: str) -> bool:
    return _NAMES.search(name) is not None or plain_secrets.is_secret(name, text)


def _without_no_key(text: str) -> str:
    return _KEY.sub(lambda key: "" if is_placeholder(key[0]) else key[0], text)


def _parts(value: str) -> Iterator[str]:
    yield from (line.strip() for line in value.splitlines() if len(line.strip()) >= 6)


def _remove_assigned(found: re.Match[str]) -> str:
    """A commented setting without its value, if that is a secret rather than a word."""
    quoted, value = found["value"][:1] in {"'", '"'}, found["value"].strip("\"'")
    if REFERENCE in value or is_placeholder(value) or is_number(value):
        return found[0]
    is_word = value.isalpha() and len(value) < 16 and not quoted
    if is_word or value == REMOVED or not _is_named_secret(found["name"], value):
        return found[0]
    return found[0][: found.start("value") - found.start()] + REMOVED
