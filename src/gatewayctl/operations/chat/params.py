"""`chat --param K=V` and `--tag T`: what a caller adds to the request, checked before it is sent.

Owns which parameters are refused, and the types of the usual ones. Must not know the request.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gatewayctl.errors import UsageProblem
from gatewayctl.operations.chat.texts import require_utf8
from gatewayctl.settings.masking import looks_like_a_secret, named_like_a_secret

_OTHER_OPTIONS: Final = {
    "model": "Use --model.",
    "messages": "Use PROMPT, --system, --image and --file.",
    "stream": "Use --no-stream.",
    "stream_options": "chat always asks for the usage.",
    "metadata": "Use --metadata.",
    "tags": "Use --tag.",
    "n": "chat shows one reply.",
}
_RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
}
_COUNTS: Final = frozenset({"max_tokens", "max_completion_tokens"})
_INTEGERS: Final = frozenset({"seed", "top_logprobs"})
_KINDS: Final[Mapping[str, tuple[type, str]]] = {
    "logprobs": (bool, "true or false"),
    "parallel_tool_calls": (bool, "true or false"),
    "response_format": (dict, "a JSON object"),
    "logit_bias": (dict, "a JSON object"),
    "tools": (list, "a JSON list"),
}
_OWN_TAGS: Final = ("component:", "op:")


def parse_params(pairs: Mapping[str, str]) -> dict[str, Any]:
    """Read each value as JSON, or else as a string. Raises UsageProblem for what cannot be sent.

    Parameters of LiteLLM and providers that are not known here pass.
    """
    return {name.strip(): _parse(name.strip(), text) for name, text in pairs.items()}


def check_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """The tags, each once. Raises UsageProblem for an empty one, or one of a component."""
    for tag in tags:
        if not tag.strip() or not tag.isprintable():
            raise UsageProblem(f"Invalid --tag {tag!r}: expected a printable text.")
        if tag.startswith(_OWN_TAGS):
            raise UsageProblem(
                f"Invalid --tag {tag!r}: this tag attributes a call.",
                hint="Use --component and --operation.",
            )
    return tuple(dict.fromkeys(tags))


def _parse(name: str, text: str) -> Any:
    if name in _OTHER_OPTIONS:
        raise UsageProblem(f"--param must not set {name!r}.", hint=_OTHER_OPTIONS[name])
    if named_like_a_secret(name) or looks_like_a_secret(text):
        raise UsageProblem(
            f"--param {name} looks like a secret, which never belongs on a command line.",
            hint="Put it into .env, and refer to it in the model's settings.",
        )
    value = _read_json(name, text)
    require_utf8(json.dumps(value, ensure_ascii=False), f"--param {name}")
    if why := _explain_invalid(name, value):
        raise UsageProblem(f"Invalid --param {name}={text}: expected {why}.")
    return value


def _read_json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        if text.lstrip().startswith(("{", "[", '"')):
            raise UsageProblem(
                f"Invalid --param {name}: its value begins like JSON, but is not ({error}).",
                hint="Put the pair in single quotes, such as 'logit_bias={\"50256\": -100}'.",
            ) from None
        return text


def _explain_invalid(name: str, value: Any) -> str:
    """What the value of a usual parameter has to be; empty if it is that."""
    if not _is_finite(value):
        return "finite numbers"
    if value is None:
        return ""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    whole = number and isinstance(value, int)
    if name in _RANGES:
        low, high = _RANGES[name]
        return "" if number and low <= value <= high else f"a number from {low:g} to {high:g}"
    if name in _COUNTS:
        return "" if whole and value > 0 else "a positive integer"
    if name in _INTEGERS:
        return "" if whole else "an integer"
    kind, words = _KINDS.get(name, (object, ""))
    return "" if isinstance(value, kind) else words


def _is_finite(value: Any) -> bool:
    """False if JSON cannot express it: Python's reader accepts NaN and Infinity."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    return all(map(_is_finite, value)) if isinstance(value, list) else True
