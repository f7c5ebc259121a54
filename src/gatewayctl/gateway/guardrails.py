"""Whether a guardrail of LiteLLM blocked a request, and which, from what LiteLLM reports of it.

Owns the words of LiteLLM 1.108 and its guardrails, as seen. Must not know what was asked.
"""

from __future__ import annotations

import re
from typing import Any, Final

_UNNAMED: Final = "?"
_NAMED: Final = re.compile(
    r"""['"]guardrail(?:_name)?['"]: ['"]([^'"]+)['"]|\bGuardrail: ([^,]+), Message:"""
)
_BLOCKED: Final = re.compile(
    r"guardrail.*(?:violat|block|raised an exception|intervened|denied|rejected|not allowed)"
    r"|(?:violated|blocked by|rejected by)\b.*guardrail",
    re.IGNORECASE | re.DOTALL,
)
_READ: Final = 2_000
"""Characters: what a guardrail quotes may be long."""
EXCEPTIONS: Final = frozenset(
    {"GuardrailRaisedException", "ModifyResponseException", "BlockedPiiEntityError"}
)
"""Classes of LiteLLM that only guardrails raise."""


def find_guardrail(message: Any, fields: Any = None) -> str:
    """The name of the guardrail, ``?`` if it blocked without one, empty if none blocked.

    ``message`` is that of the error, ``fields`` the data that LiteLLM adds to it.
    """
    if isinstance(fields, dict):
        for name in ("guardrail_name", "guardrail"):
            if isinstance(fields.get(name), str):
                return str(fields[name])
    text = str(message or "")[:_READ]
    if named := _NAMED.search(text):
        return (named.group(1) or named.group(2)).strip()
    return _UNNAMED if _BLOCKED.search(text) else ""


def find_guardrail_of_log(metadata: dict[str, Any]) -> str:
    """The same of a failed request, from the metadata of its spend log."""
    runs = metadata.get("guardrail_information")
    for run in runs if isinstance(runs, list) else ():
        if isinstance(run, dict) and run.get("guardrail_status") == "guardrail_intervened":
            return str(run.get("guardrail_name") or _UNNAMED)
    error = metadata.get("error_information")
    if not isinstance(error, dict):
        return ""
    found = find_guardrail(error.get("error_message"))
    return found or (_UNNAMED if error.get("error_class") in EXCEPTIONS else "")
