"""Encryption and decryption of a backup, in the age format (age-encryption.org/v1).

Owns the kinds of recipients and identities. The file is an ordinary age file: ``age --decrypt``
decrypts it too. Must not know what is inside.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gatewayctl.errors import (
    BackupBroken,
    BackupSealed,
    FileUnreadable,
    FileUnwritable,
    UsageProblem,
)
from gatewayctl.operations.backup.workdir import create_file
from gatewayctl.settings.model import Secret

if TYPE_CHECKING:
    import pyrage

_MAGIC: Final = b"age-encryption.org/v1"
_BY_PASSPHRASE: Final = b"-> scrypt "
LARGEST_BY_PASSPHRASE: Final = 256 * 1024 * 1024
"""Bytes. pyrage cannot stream with a passphrase, so the whole backup is held in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encryption:
    """What a backup is encrypted with: public keys of recipients, or a passphrase."""

    recipients: tuple[str, ...] = ()
    passphrase: Secret | None = field(default=None, repr=False)

    def check(self) -> None:
        """Raise UsageProblem for invalid recipients or an empty passphrase."""
        if self.recipients and self.passphrase is not None:
            raise UsageProblem(
                "A backup is encrypted for recipients or with a passphrase, not both.",
                hint="Use --recipient (repeatable) or --passphrase-stdin.",
            )
        if self.passphrase is not None and not self.passphrase.reveal():
            raise UsageProblem("The passphrase on standard input is empty.")
        self._recipients()

    def encrypt(self, plain: Path, encrypted: Path) -> None:
        """Encrypt a file into another of mode 0600. Raises UsageProblem, FileUnwritable."""
        import pyrage

        try:
            encrypted.unlink(missing_ok=True)
            with plain.open("rb") as source, create_file(encrypted) as out:
                if self.passphrase is not None:
                    _require_fits_memory(plain)
                    secret = self.passphrase.reveal()
                    out.write(pyrage.passphrase.encrypt(source.read(), secret))
                else:
                    pyrage.encrypt_io(source, out, self._recipients())
                out.flush()
                os.fsync(out.fileno())
        except OSError as error:
            raise FileUnwritable(f"Cannot write {encrypted}: {error.strerror or error}.") from error

    def _recipients(self) -> Sequence[pyrage._Recipient]:
        import pyrage

        found: list[pyrage._Recipient] = []
        for text in self.recipients:
            kind = pyrage.ssh if text.startswith("ssh-") else pyrage.x25519
            try:
                found.append(kind.Recipient.from_str(text))
            except pyrage.RecipientError as error:
                raise UsageProblem(
                    f"Invalid --recipient {text!r}: {error}.",
                    hint="Use a public key of age (age1…) or ssh (ssh-ed25519 …).",
                ) from error
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Decryption:
    """What to decrypt a backup with; ``identity`` is a file that age-keygen wrote."""

    identity: Path | None = None
    passphrase: Secret | None = field(default=None, repr=False)

    def decrypt(self, encrypted: Path, plain: Path) -> None:
        """Decrypt a file into another of mode 0600.

        Raises BackupSealed where the key or passphrase is missing or wrong, BackupBroken where it
        is right and the file is damaged, FileUnreadable, FileUnwritable.
        """
        import pyrage

        by_passphrase = _is_by_passphrase(encrypted)
        if (self.passphrase if by_passphrase else self.identity) is None:
            option = "--passphrase-stdin" if by_passphrase else "--identity FILE"
            raise BackupSealed(f"{encrypted} is encrypted.", hint=f"Decrypt it with {option}.")
        try:
            plain.unlink(missing_ok=True)
            with encrypted.open("rb") as source, create_file(plain) as out:
                if by_passphrase and self.passphrase is not None:
                    _require_fits_memory(encrypted)
                    out.write(pyrage.passphrase.decrypt(source.read(), self.passphrase.reveal()))
                else:
                    pyrage.decrypt_io(source, out, self._identities())
        except pyrage.DecryptError as error:
            raise BackupSealed(f"{encrypted} cannot be decrypted: {error}.") from error
        except OSError as error:
            if error.errno is not None:
                raise FileUnwritable(f"Cannot write {plain}: {error.strerror}.") from error
            # The header was decrypted, so the key is right and a later part is damaged.
            raise BackupBroken(f"{encrypted} is damaged or incomplete.") from error

    def _identities(self) -> Sequence[pyrage._Identity]:
        import pyrage

        assert self.identity is not None  # noqa: S101 - checked by decrypt
        try:
            content = self.identity.read_bytes()
        except OSError as error:
            raise FileUnreadable(f"Cannot read {self.identity}: {error.strerror}.") from error
        try:
            if content.startswith(b"-----BEGIN"):
                return [pyrage.ssh.Identity.from_buffer(content)]
            lines = content.decode(errors="replace").splitlines()
            keys = [line.strip() for line in lines if line.strip() and line[0] != "#"]
            found = [pyrage.x25519.Identity.from_str(key) for key in keys]
        except pyrage.IdentityError:
            found = []
        if not found:
            # Without the library's message, which might quote the key.
            raise BackupSealed(
                f"{self.identity} contains no age identity.",
                hint="Use the file that age-keygen wrote, or a private ssh key.",
            ) from None
        return found


NO_ENCRYPTION: Final = Encryption()
NO_DECRYPTION: Final = Decryption()


def is_encrypted(file: Path) -> bool:
    """True for an age file. Raises FileUnreadable."""
    return _read_header(file).startswith(_MAGIC)


def _is_by_passphrase(file: Path) -> bool:
    return _read_header(file)[len(_MAGIC) + 1 :].startswith(_BY_PASSPHRASE)


def _read_header(file: Path) -> bytes:
    try:
        with file.open("rb") as source:
            return source.read(64)
    except OSError as error:
        raise FileUnreadable(
            f"Cannot read {file}: {error.strerror}.",
            hint="Use a file that `gatewayctl backup` wrote.",
        ) from error


def _require_fits_memory(file: Path) -> None:
    size = file.stat().st_size
    if size > LARGEST_BY_PASSPHRASE + 1024 * 1024:
        raise UsageProblem(
            f"A backup of {size // 1024**2} MB is too large for a passphrase (at most "
            f"{LARGEST_BY_PASSPHRASE // 1024**2} MB, because it is held in memory).",
            hint="Encrypt it for a key instead: --recipient age1…",
        )
