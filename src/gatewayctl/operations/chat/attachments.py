"""`chat --image` and `--file`: parts of the user's message beside the text.

Owns the reading of files and the form in which LiteLLM takes them. Whether a model takes them, its
provider decides. Must not know the rest of the request.
"""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from gatewayctl.errors import UsageProblem
from gatewayctl.files.regular import read_regular_file
from gatewayctl.operations.chat.texts import require_utf8

_LARGEST: Final = 20_000_000
"""Bytes; OpenAI and Anthropic take less for an image, and about this for a document."""
_IMAGES: Final = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
}
_UNKNOWN: Final = "application/octet-stream"


def read_attachments(images: Iterable[str], files: Iterable[str]) -> tuple[Mapping[str, Any], ...]:
    """The parts of a message, from paths and addresses. Raises UsageProblem, and sends nothing."""
    return (*map(_image, images), *map(_file, files))


def _image(given: str) -> Mapping[str, Any]:
    url = given
    if not _is_url(given):
        content = _read(given, "--image")
        kind = _recognize_image(content)
        if kind is None:
            raise UsageProblem(f"--image {given} is not a PNG, JPEG, GIF or WebP file.")
        url = _encode(kind, content)
    return {"type": "image_url", "image_url": {"url": url}}


def _file(given: str) -> Mapping[str, Any]:
    if _is_url(given):
        return {"type": "file", "file": {"file_id": given}}
    content = _read(given, "--file")
    kind = mimetypes.guess_type(given)[0] or _UNKNOWN
    name = require_utf8(Path(given).name, "The name of --file")
    return {"type": "file", "file": {"filename": name, "file_data": _encode(kind, content)}}


def _is_url(given: str) -> bool:
    try:
        url = urlsplit(given)
    except ValueError:
        return False
    return url.scheme in {"http", "https"} and bool(url.netloc)


def _read(given: str, option: str) -> bytes:
    try:
        content = read_regular_file(Path(given).expanduser(), most=_LARGEST)
    except (OSError, RuntimeError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UsageProblem(
            f"{option} {given!r} cannot be read: {why}.",
            hint="Give the path of a file of at most 20 MB, or an address with https://.",
        ) from None
    if not content:
        raise UsageProblem(f"{option} {given!r} is empty.")
    return content


def _recognize_image(content: bytes) -> str | None:
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _IMAGES.items() if content.startswith(start)), None)


def _encode(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
