"""Encryption with a passphrase, which takes seconds by design: too slow for the unit tests."""

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


def test_a_file_encrypted_with_a_passphrase_is_decrypted_with_it_alone(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(CONTENT)
    encrypted, decrypted = tmp_path / "encrypted", tmp_path / "decrypted"

    Encryption(passphrase=PASSPHRASE).encrypt(plain, encrypted)

    Decryption(passphrase=PASSPHRASE).decrypt(encrypted, decrypted)
    assert decrypted.read_bytes() == CONTENT
    for decryption in (Decryption(passphrase=Secret("wrong")), Decryption()):
        with pytest.raises(BackupSealed) as raised:
            decryption.decrypt(encrypted, decrypted)
        assert PASSPHRASE.reveal() not in str(raised.value)
    assert "--passphrase-stdin" in raised.value.hint


def test_a_passphrase_is_read_from_standard_input(tmp_path: Path) -> None:
    project, file = Project(folder=tmp_path / "shop"), tmp_path / "a.age"
    project.folder.mkdir()
    project.litellm.master = master_key_of(project)
    assert project.run("up").exit_code == 0

    made = project.run("backup", str(file), "--passphrase-stdin", "--json", stdin="open sesame\n")
    restored = project.run(
        "restore", str(file), "--yes", "--passphrase-stdin", "--json", stdin="open sesame\n"
    )

    assert document(made)["data"]["encrypted"] is True
    assert restored.exit_code == 0
    assert "open sesame" not in json.dumps(document(made)) + restored.stdout
