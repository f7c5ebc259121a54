from __future__ import annotations

import stat
from pathlib import Path

import pyrage
import pytest

from gatewayctl.errors import (
    BackupBroken,
    BackupSealed,
    FileUnreadable,
    FileUnwritable,
    UsageProblem,
)
from gatewayctl.operations.backup import encryption
from gatewayctl.operations.backup.encryption import Decryption, Encryption, is_encrypted
from gatewayctl.settings.model import Secret

CONTENT = bytes(range(256)) * 1000
PASSPHRASE = Secret("correct horse battery staple")


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    file = tmp_path / "plain"
    file.write_bytes(CONTENT)
    return file


def create_identity(tmp_path: Path) -> tuple[Path, str]:
    """Write a file as age-keygen does; returns it and its public key."""
    made = pyrage.x25519.Identity.generate()
    public = str(made.to_public())
    file = tmp_path / f"{public[:12]}.txt"
    file.write_text(f"# created: today\n# public key: {public}\n{made}\n")
    return file, public


def test_a_file_encrypted_for_a_recipient_is_decrypted_with_its_identity(
    tmp_path: Path, plain: Path
) -> None:
    (mine, public), (theirs, their_public) = create_identity(tmp_path), create_identity(tmp_path)
    encrypted, decrypted = tmp_path / "encrypted", tmp_path / "decrypted"

    Encryption(recipients=(public, their_public)).encrypt(plain, encrypted)

    assert is_encrypted(encrypted)
    assert not is_encrypted(plain)
    assert CONTENT[:300] not in encrypted.read_bytes()
    for file in (mine, theirs):
        Decryption(identity=file).decrypt(encrypted, decrypted)
        assert decrypted.read_bytes() == CONTENT
    assert {stat.S_IMODE(p.stat().st_mode) for p in (encrypted, decrypted)} == {0o600}


def test_another_identity_or_none_does_not_decrypt_it(tmp_path: Path, plain: Path) -> None:
    (_, public), (theirs, _) = create_identity(tmp_path), create_identity(tmp_path)
    encrypted, decrypted = tmp_path / "encrypted", tmp_path / "decrypted"
    Encryption(recipients=(public,)).encrypt(plain, encrypted)

    for decryption in (
        Decryption(identity=theirs),
        Decryption(),
        Decryption(passphrase=PASSPHRASE),
    ):
        with pytest.raises(BackupSealed):
            decryption.decrypt(encrypted, decrypted)


def test_an_error_about_an_identity_file_does_not_quote_it(tmp_path: Path, plain: Path) -> None:
    _, public = create_identity(tmp_path)
    encrypted, wrong = tmp_path / "encrypted", tmp_path / "wrong.txt"
    Encryption(recipients=(public,)).encrypt(plain, encrypted)
    wrong.write_text("AGE-SECRET-KEY-1NOTREALLY\n")

    with pytest.raises(BackupSealed, match="contains no age identity") as raised:
        Decryption(identity=wrong).decrypt(encrypted, tmp_path / "decrypted")
    assert "NOTREALLY" not in str(raised.value)
    with pytest.raises(FileUnreadable):
        Decryption(identity=tmp_path / "nowhere").decrypt(encrypted, tmp_path / "decrypted")


@pytest.mark.parametrize("percent", range(0, 100, 10))
def test_a_truncated_encrypted_backup_is_never_decrypted(
    tmp_path: Path, plain: Path, percent: int
) -> None:
    file, public = create_identity(tmp_path)
    encrypted = tmp_path / "encrypted"
    Encryption(recipients=(public,)).encrypt(plain, encrypted)
    whole = encrypted.read_bytes()
    encrypted.write_bytes(whole[: max(len(whole) * percent // 100, 40)])

    with pytest.raises((BackupBroken, BackupSealed)):
        Decryption(identity=file).decrypt(encrypted, tmp_path / "decrypted")


def test_a_changed_byte_in_the_middle_is_damage_not_a_wrong_key(
    tmp_path: Path, plain: Path
) -> None:
    file, public = create_identity(tmp_path)
    encrypted = tmp_path / "encrypted"
    Encryption(recipients=(public,)).encrypt(plain, encrypted)
    content = bytearray(encrypted.read_bytes())
    content[len(content) // 2] ^= 1
    encrypted.write_bytes(content)

    with pytest.raises(BackupBroken):
        Decryption(identity=file).decrypt(encrypted, tmp_path / "decrypted")


@pytest.mark.parametrize(
    "options",
    [
        Encryption(recipients=("age1nonsense",)),
        Encryption(recipients=("ssh-ed25519 nonsense",)),
        Encryption(recipients=("",)),
        Encryption(recipients=("age1x",), passphrase=PASSPHRASE),
        Encryption(passphrase=Secret("")),
    ],
)
def test_invalid_options_are_refused_before_any_work(options: Encryption) -> None:
    with pytest.raises(UsageProblem):
        options.check()


def test_the_size_limit_with_a_passphrase_is_reported(
    tmp_path: Path, plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encryption, "LARGEST_BY_PASSPHRASE", -1024 * 1024)

    with pytest.raises(UsageProblem, match="too large") as raised:
        Encryption(passphrase=PASSPHRASE).encrypt(plain, tmp_path / "encrypted")
    assert "--recipient" in raised.value.hint


def test_the_error_names_a_file_that_cannot_be_written(tmp_path: Path, plain: Path) -> None:
    _, public = create_identity(tmp_path)

    with pytest.raises(FileUnwritable, match="nowhere"):
        Encryption(recipients=(public,)).encrypt(plain, tmp_path / "nowhere" / "encrypted")
