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


def identity(tmp_path: Path) -> tuple[Path, str]:
    """A file as age-keygen writes it, and its public key."""
    made = pyrage.x25519.Identity.generate()
    public = str(made.to_public())
    file = tmp_path / f"{public[:12]}.txt"
    file.write_text(f"# created: today\n# public key: {public}\n{made}\n")
    return file, public


def test_what_is_sealed_for_a_recipient_opens_with_its_identity(
    tmp_path: Path, plain: Path
) -> None:
    (mine, public), (theirs, their_public) = identity(tmp_path), identity(tmp_path)
    sealed, opened = tmp_path / "sealed", tmp_path / "opened"

    Encryption(recipients=(public, their_public)).close(plain, sealed)

    assert is_encrypted(sealed)
    assert not is_encrypted(plain)
    assert CONTENT[:300] not in sealed.read_bytes()
    for file in (mine, theirs):
        Decryption(identity=file).open(sealed, opened)
        assert opened.read_bytes() == CONTENT
    assert {stat.S_IMODE(p.stat().st_mode) for p in (sealed, opened)} == {0o600}


def test_another_identity_or_none_does_not_open_it(tmp_path: Path, plain: Path) -> None:
    (_, public), (theirs, _) = identity(tmp_path), identity(tmp_path)
    sealed, opened = tmp_path / "sealed", tmp_path / "opened"
    Encryption(recipients=(public,)).close(plain, sealed)

    for opener in (Decryption(identity=theirs), Decryption(), Decryption(passphrase=PASSPHRASE)):
        with pytest.raises(BackupSealed):
            opener.open(sealed, opened)


def test_a_file_without_an_identity_says_so_and_quotes_nothing(tmp_path: Path, plain: Path) -> None:
    _, public = identity(tmp_path)
    sealed, wrong = tmp_path / "sealed", tmp_path / "wrong.txt"
    Encryption(recipients=(public,)).close(plain, sealed)
    wrong.write_text("AGE-SECRET-KEY-1NOTREALLY\n")

    with pytest.raises(BackupSealed, match="holds no identity") as raised:
        Decryption(identity=wrong).open(sealed, tmp_path / "opened")
    assert "NOTREALLY" not in str(raised.value)
    with pytest.raises(FileUnreadable):
        Decryption(identity=tmp_path / "nowhere").open(sealed, tmp_path / "opened")


@pytest.mark.parametrize("percent", range(0, 100, 10))
def test_a_truncated_sealed_backup_never_opens(tmp_path: Path, plain: Path, percent: int) -> None:
    file, public = identity(tmp_path)
    sealed = tmp_path / "sealed"
    Encryption(recipients=(public,)).close(plain, sealed)
    whole = sealed.read_bytes()
    sealed.write_bytes(whole[: max(len(whole) * percent // 100, 40)])

    with pytest.raises((BackupBroken, BackupSealed)):
        Decryption(identity=file).open(sealed, tmp_path / "opened")


def test_a_changed_byte_in_the_middle_is_damage_not_a_wrong_key(
    tmp_path: Path, plain: Path
) -> None:
    file, public = identity(tmp_path)
    sealed = tmp_path / "sealed"
    Encryption(recipients=(public,)).close(plain, sealed)
    content = bytearray(sealed.read_bytes())
    content[len(content) // 2] ^= 1
    sealed.write_bytes(content)

    with pytest.raises(BackupBroken):
        Decryption(identity=file).open(sealed, tmp_path / "opened")


@pytest.mark.parametrize(
    "seal",
    [
        Encryption(recipients=("age1nonsense",)),
        Encryption(recipients=("ssh-ed25519 nonsense",)),
        Encryption(recipients=("",)),
        Encryption(recipients=("age1x",), passphrase=PASSPHRASE),
        Encryption(passphrase=Secret("")),
    ],
)
def test_a_seal_that_cannot_be_is_found_before_any_work(seal: Encryption) -> None:
    with pytest.raises(UsageProblem):
        seal.check()


def test_a_passphrase_has_a_limit_that_is_told(
    tmp_path: Path, plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encryption, "LARGEST_BY_PASSPHRASE", -1024 * 1024)

    with pytest.raises(UsageProblem, match="too large") as raised:
        Encryption(passphrase=PASSPHRASE).close(plain, tmp_path / "sealed")
    assert "--recipient" in raised.value.hint


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, plain: Path) -> None:
    _, public = identity(tmp_path)

    with pytest.raises(FileUnwritable, match="nowhere"):
        Encryption(recipients=(public,)).close(plain, tmp_path / "nowhere" / "sealed")
