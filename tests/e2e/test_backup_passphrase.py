"""A passphrase is slow to guess on purpose: seconds each time, so not among the quick tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gatewayctl.errors import BackupSealed
from gatewayctl.operations.backup.encryption import Decryption, Encryption
from gatewayctl.settings.model import Secret
from tests.integration.stack_project import Project, document, master_key_of

CONTENT = bytes(range(256)) * 1000
PASSPHRASE = Secret("correct horse battery staple")


def test_what_is_sealed_with_a_passphrase_opens_with_it_alone(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(CONTENT)
    sealed, opened = tmp_path / "sealed", tmp_path / "opened"

    Encryption(passphrase=PASSPHRASE).close(plain, sealed)

    Decryption(passphrase=PASSPHRASE).open(sealed, opened)
    assert opened.read_bytes() == CONTENT
    for opener in (Decryption(passphrase=Secret("wrong")), Decryption()):
        with pytest.raises(BackupSealed) as raised:
            opener.open(sealed, opened)
        assert PASSPHRASE.reveal() not in str(raised.value)
    assert "--passphrase-stdin" in raised.value.hint


def test_a_passphrase_comes_by_standard_input(tmp_path: Path) -> None:
    project, file = Project(folder=tmp_path / "shop"), tmp_path / "a.age"
    project.folder.mkdir()
    project.litellm.master = master_key_of(project)
    assert project.run("up").exit_code == 0

    made = project.run("backup", str(file), "--passphrase-stdin", "--json", stdin="open sesame\n")
    opened = project.run(
        "restore", str(file), "--yes", "--passphrase-stdin", "--json", stdin="open sesame\n"
    )

    assert document(made)["data"]["encrypted"] is True
    assert opened.exit_code == 0
    assert "open sesame" not in json.dumps(document(made)) + opened.stdout
