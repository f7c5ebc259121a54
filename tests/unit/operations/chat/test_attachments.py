from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from gatewayctl.errors import UsageProblem
from gatewayctl.operations.chat import attachments
from gatewayctl.operations.chat.attachments import read_attachments

PNG = b"\x89PNG\r\n\x1a\n data"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0 data", "image/jpeg"),
        (b"GIF89a data", "image/gif"),
        (b"RIFF1234WEBP data", "image/webp"),
    ],
)
def test_an_image_is_recognized_by_its_content(tmp_path: Path, content: bytes, kind: str) -> None:
    (tmp_path / "any.name").write_bytes(content)

    (part,) = read_attachments([str(tmp_path / "any.name")], [])

    encoded = base64.b64encode(content).decode()
    assert part == {"type": "image_url", "image_url": {"url": f"data:{kind};base64,{encoded}"}}


def test_addresses_are_passed_on_and_not_fetched() -> None:
    image, file = read_attachments(["https://a.example/x.png"], ["http://a.example/x.pdf"])

    assert image["image_url"] == {"url": "https://a.example/x.png"}
    assert file == {"type": "file", "file": {"file_id": "http://a.example/x.pdf"}}


def test_a_document_has_its_name_and_type(tmp_path: Path) -> None:
    (tmp_path / "paper.pdf").write_bytes(b"%PDF")

    (part,) = read_attachments([], [str(tmp_path / "paper.pdf")])

    assert part["file"]["filename"] == "paper.pdf"
    assert part["file"]["file_data"].startswith("data:application/pdf;base64,")


@pytest.mark.parametrize("given", ["missing.png", ".", "ftp://a.example/x.png", "\0"])
def test_what_cannot_be_read_is_named_before_anything_is_sent(given: str) -> None:
    with pytest.raises(UsageProblem, match=r"--image .* cannot be read"):
        read_attachments([given], [])


def test_another_file_is_no_image_and_an_empty_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("text")
    (tmp_path / "empty.pdf").touch()

    with pytest.raises(UsageProblem, match="not a PNG, JPEG, GIF or WebP"):
        read_attachments([str(tmp_path / "text.png")], [])
    with pytest.raises(UsageProblem, match="is empty"):
        read_attachments([], [str(tmp_path / "empty.pdf")])


def test_a_file_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachments, "_LARGEST", 8)
    (tmp_path / "large.png").write_bytes(PNG)

    with pytest.raises(UsageProblem, match="File too large"):
        read_attachments([str(tmp_path / "large.png")], [])


def test_a_name_of_a_file_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff.txt"
    with open(path, "wb") as file:  # noqa: PTH123 - a path in bytes
        file.write(b"x")

    with pytest.raises(UsageProblem, match="The name of --file is not UTF-8"):
        read_attachments([], [os.fsdecode(path)])
