"""The one masking of all that is shown or logged: known secrets, and text in the form of a secret.

Owns which values of this process are secret (`remember`), how a secret is recognized by its name
or form, and what is shown instead: ``sk-…abcd``, with the prefix of its provider. Must not know
where a text goes.

A known value is not masked if it is shorter than 6 characters, a short number or a common word:
text would become unreadable, and such a value is no secret (`doctor` reports it as weak). One of
fewer than 12 characters is masked as a whole word only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import quote, quote_plus, unquote

_SHORTEST: Final = 6
_WHOLE_WORD_BELOW: Final = 12
_NO_TAIL_BELOW: Final = 16
"""A shorter value shows no last characters: they would be too large a part of it."""

# A key begins a word ("task-runner" has none), or follows an escape of a URL.
_BEGIN: Final = r"(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{2}))"
# LiteLLM and OpenAI quote keys that they have masked: sk-...abcd, sk-ab****cd.
_KEY: Final = re.compile(rf"{_BEGIN}sk-[\w\-*.…]{{3,}}[\w\-*]")
_CUT: Final = re.compile(r"…|\.\.\.|\*")
_LONG_KEY: Final = re.compile(r"\bsk-[A-Za-z0-9_\-]{16,}")
# The prefix of a provider, cloud or code host, and the fewest characters after it.
_FORMS: Final = (
    ("AIza", r"[\w-]{20}"), (r"ya29\.", r"[\w-]{16}"), ("AKIA|ASIA", "[0-9A-Z]{12}"),
    ("gsk_|hf_|r8_|fw_|npm_|jina_", r"(?=\w*\d)\w{16}"), ("gh[pousr]_|github_pat_", r"\w{16}"),
    ("xai-|pplx-|csk-|nvapi-|glpat-", r"[\w-]{16}"), ("dapi", "[0-9a-f]{32}"),
    ("whsec_|dop_v1_|tgp_v1_", r"\w{16}"), ("sk_live_|sk_test_|rk_live_|rk_test_", r"\w{8}"),
    ("xox[abeprs]-", r"[\w-]{10}"), (r"SG\.", r"[\w-]{16}\.[\w-]{16}"),
    ("AGE-SECRET-KEY-1", "[0-9A-Z]{20}"), ("eyJ", r"[\w-]{8,}\.[\w-]{8}"),
)  # fmt: skip
_PROVIDER_KEY: Final = re.compile(
    r"(?:(?<![A-Za-z0-9_])|(?<=%[0-9A-Fa-f]{2}))"
    rf"(?:{'|'.join(f'(?:{prefix}){rest}' for prefix, rest in _FORMS)})(?:[\w.-]*[\w-])?",
    re.ASCII,
)
_PREFIX: Final = re.compile(rf"(?!eyJ)(?:{'|'.join(prefix for prefix, _ in _FORMS)}|sk-)")
_PEM: Final = re.compile(
    r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)(?!…).*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.DOTALL,
)
_IN_URL: Final = re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+(?=@)")
# A word of a sentence or of code has no digit, or is shorter, or has dots.
_VALUE: Final = (
    r"(?!os\.environ/)(?=[^\s\"'&,;<>()\[\]{}]*\d|[\w+/=-]{20})([^\s\"'&,;<>()\[\]{}$…]{8,})"
)
_NAMED_VALUE: Final = re.compile(
    r"((?<![A-Za-z])(?:authorization|x-auth-token|cookie|(?:[a-z]+-)*api[-_]?key|access_token"
    r"|refresh_token|client_secret|passw(?:or)?d)[\"']?\s*[:=]\s*[\"']?(?:(?:Bearer|Basic) )?"
    rf"|\bBearer\s+|[?&](?:key|token|sig|signature|code)=){_VALUE}",
    re.IGNORECASE,
)
_IN_NAMES: Final = ("auth", "cookie", "key", "token", "secret", "passw", "bearer", "sig", "code=")
"""One of them is in each of those names: to look for them first makes long logs fast."""
_HASH: Final = re.compile(r"\b[0-9a-f]{64}\b")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")

# Parameters of providers that are named like secrets but are not secret.
_HARMLESS: Final = {"cache_key", "prompt_cache_key"}
_ABOUT_SECRETS: Final = ("_name", "_type", "_field", "_header", "_pattern", "_prefix", "_ttl")
"""How the names of settings end that only say where a secret is, or of what kind."""
_NAMED: Final = ("secret", "password", "passwd", "authorization", "credential", "private")
_RANDOM: Final = re.compile(
    r"[0-9a-f]{32,}|(?=.*[a-z])(?=.*[A-Z])(?=.*\d)[A-Za-z0-9+_=-][A-Za-z0-9+/_=-]{19,}"
)
_COMMON: Final = frozenset(
    {
        "postgres", "phoenix", "litellm", "gateway", "gatewayctl", "docker", "embedded", "master",
        "password", "secret", "openai", "provider", "localhost", "default", "production",
        "development", "administrator", "example", "service", "litellm_user", "phoenix_user",
    }
)  # fmt: skip

_known: dict[str, str] = {}
"""The values to replace in this process, longest first, and what is shown instead."""


def remember(values: Iterable[str]) -> None:
    """Mask these values from now on: whole, line by line, and as URLs and JSON write them."""
    parts = {part for value in values for part in _parts(value) if _can_be_masked(part)}
    found = _known | {form: mask_value(part) for part in parts for form in _forms(part)}
    _known.clear()
    # The longest first: one secret can be a part of another.
    _known.update(sorted(found.items(), key=lambda item: len(item[0]), reverse=True))


def remember_variables(variables: Mapping[str, str]) -> None:
    """Mask the values of those variables that hold a secret, by name or by form."""
    remember(
        value
        for name, value in variables.items()
        if named_like_a_secret(name) or looks_like_a_secret(value) or _RANDOM.fullmatch(value)
    )


def forget() -> None:
    """Mask no known value any longer."""
    _known.clear()


def mask(text: str) -> str:
    """Replace known secrets, and everything in the form of one. May be repeated."""
    for value, shown in _known.items():
        if value in text:
            text = _replace(value, shown, text)
    text = _PEM.sub(r"\1…", text)
    text = _IN_URL.sub(r"\1:…", text)
    if "sk-" in text:
        text = _KEY.sub(lambda found: _mask_key(found.group()), text)
    text = _PROVIDER_KEY.sub(lambda found: mask_value(found.group()), text)
    lower = text.lower()
    if any(word in lower for word in _IN_NAMES):
        text = _NAMED_VALUE.sub(lambda found: found[1] + mask_value(found[2]), text)
    return text


class LineMask:
    """Masks the lines of one stream, also a private key over several of them."""

    def __init__(self) -> None:
        self._in_key = False

    def mask(self, line: str) -> str:
        """Mask the next line."""
        if self._in_key:
            self._in_key = "-----END" not in line
            return "…"
        masked = mask(line)
        self._in_key = masked.endswith("PRIVATE KEY-----…") and "-----END" not in line
        return masked


def mask_value(value: str) -> str:
    """``sk-…abcd``: the prefix and the last four characters; only the prefix if it is short."""
    prefix = _PREFIX.match(value)
    tail = value[-4:] if len(value) >= _NO_TAIL_BELOW else ""
    return f"{'' if prefix is None else prefix.group()}…{tail}"


def strip_keys(text: str) -> str:
    """Mask a text and put it on one line, without the hashes by which LiteLLM names keys."""
    return _CONTROL.sub(" ", _HASH.sub("…", mask(text))).strip()


def named_like_a_secret(name: str) -> bool:
    """True for ``aws_secret_access_key``, ``X-Api-Key``, ``password``, ``azure_ad_token``…"""
    plain = name.lower().replace("-", "_")
    if plain in _HARMLESS or plain.endswith(_ABOUT_SECRETS):
        return False
    token = "token" in plain and "tokens" not in plain and "tokenizer" not in plain
    key = plain in {"key", "auth_value"} or plain.endswith(("_key", "apikey", "_pass", "_pwd"))
    return token or key or any(word in plain for word in _NAMED)


def looks_like_a_secret(text: str) -> bool:
    """True for a string with a key of a known form, or a URL with a password or a key in it."""
    forms = (_LONG_KEY, _PROVIDER_KEY, _PEM, _IN_URL, *([_NAMED_VALUE] if "://" in text else ()))
    return any(form.search(text) is not None for form in forms)


def _mask_key(key: str) -> str:
    """Mask a key; of one that was masked elsewhere keep the last characters."""
    if not _CUT.search(key):
        return mask_value(key)
    tail = re.search(r"[A-Za-z0-9]{4}\Z", key)
    return f"sk-…{'' if tail is None else tail.group()}"


def _parts(value: str) -> Iterator[str]:
    """The secret parts of a value: of a URL its password, else each line."""
    # The second for a password with an @ that should have been encoded.
    passwords = re.findall(r"://[^/\s:@]*:([^\s@]+)@", value)
    passwords += re.findall(r"://[^/\s:@]*:(\S+)@", value)
    for password in passwords:
        yield from (password, unquote(password))
    if not passwords:
        yield from (line.strip() for line in value.splitlines() if "-----" not in line)


def _can_be_masked(part: str) -> bool:
    short_number = re.fullmatch(r"[\d.,:+-]{1,9}", part)
    return len(part) >= _SHORTEST and not short_number and part.lower() not in _COMMON


def _forms(part: str) -> Iterator[str]:
    """A value as URLs, JSON and Python write it."""
    yield part
    for encoded in (quote(part, safe=""), quote(part), quote_plus(part)):
        yield encoded
        yield re.sub(r"%[0-9A-F]{2}", lambda found: found.group().lower(), encoded)
    for quoted in (json.dumps(part), json.dumps(part, ensure_ascii=False), repr(part)):
        yield quoted[1:-1]


def _replace(value: str, shown: str, text: str) -> str:
    if len(value) >= _WHOLE_WORD_BELOW:
        return text.replace(value, shown)
    return re.sub(rf"(?<![A-Za-z0-9]){re.escape(value)}(?![A-Za-z0-9])", lambda _: shown, text)
