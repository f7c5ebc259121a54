"""Encrypting a backup and opening it again, in the age format (age-encryption.org/v1).

Owns which recipients, identities and passphrases there are. The file is an ordinary age file:
``age --decrypt`` opens it too. Must not know what is inside.
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
from gatewayctl.settings.model import Secret

if TYPE_CHECKING:
    import pyrage

_MAGIC: Final = b"age-encryption.org/v1"
_BY_PASSPHRASE: Final = b"-> scrypt "
LARGEST_BY_PASSPHRASE: Final = 256 * 1024 * 1024
"""Bytes. The library has no streaming for passphrases: such a backup is held in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encryption:
    """Whom a backup is encrypted for: public recipients, or whoever knows the passphrase."""

    recipients: tuple[str, ...] = ()
    passphrase: Secret | None = field(default=None, repr=False)

    def check(self) -> None:
        """Raises UsageProblem for what cannot be, before any work is done."""
        if self.recipients and self.passphrase is not None:
            raise UsageProblem(
                "A backup is encrypted for recipients or with a passphrase, not both.",
                hint="Give --recipient (as often as you like) or --passphrase-stdin.",
            )
        if self.passphrase is not None and not self.passphrase.reveal():
            raise UsageProblem("There is no passphrase on standard input.")
        self._recipients()

    def close(self, plain: Path, sealed: Path) -> None:
        """Encrypt a file into another of mode 0600. Raises UsageProblem, FileUnwritable."""
        import pyrage

        try:
            sealed.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with plain.open("rb") as source, os.fdopen(os.open(sealed, flags, 0o600), "wb") as out:
                if self.passphrase is not None:
                    _check_size(plain)
                    secret = self.passphrase.reveal()
                    out.write(pyrage.passphrase.encrypt(source.read(), secret))
                else:
                    pyrage.encrypt_io(source, out, self._recipients())
                out.flush()
                os.fsync(out.fileno())
        except OSError as error:
            raise FileUnwritable(f"Cannot write {sealed}: {error.strerror or error}.") from error

    def _recipients(self) -> Sequence[pyrage._Recipient]:
        import pyrage

        found: list[pyrage._Recipient] = []
        for text in self.recipients:
            kind = pyrage.ssh if text.startswith("ssh-") else pyrage.x25519
            try:
                found.append(kind.Recipient.from_str(text))
            except pyrage.RecipientError as error:
                raise UsageProblem(
                    f"--recipient {text!r} is no recipient: {error}.",
                    hint="Give a public key of age (age1…) or of ssh (ssh-ed25519 …).",
                ) from error
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Decryption:
    """What an encrypted backup may be opened with; ``identity`` is a file of age-keygen."""

    identity: Path | None = None
    passphrase: Secret | None = field(default=None, repr=False)

    def open(self, sealed: Path, plain: Path) -> None:
        """Decrypt into a file of mode 0600.

        Raises BackupSealed where nothing that was given fits, BackupBroken where it fits and
        the file is damaged, FileUnreadable, FileUnwritable.
        """
        import pyrage

        by_passphrase = _is_by_passphrase(sealed)
        if (self.passphrase if by_passphrase else self.identity) is None:
            option = "--passphrase-stdin" if by_passphrase else "--identity FILE"
            raise BackupSealed(f"{sealed} is encrypted.", hint=f"Open it with {option}.")
        try:
            with sealed.open("rb") as source, os.fdopen(_made(plain), "wb") as out:
                if by_passphrase and self.passphrase is not None:
                    _check_size(sealed)
                    out.write(pyrage.passphrase.decrypt(source.read(), self.passphrase.reveal()))
                else:
                    pyrage.decrypt_io(source, out, self._identities())
        except pyrage.DecryptError as error:
            raise BackupSealed(f"{sealed} does not open: {error}.") from error
        except OSError as error:
            if error.errno is not None:
                raise FileUnwritable(f"Cannot write {plain}: {error.strerror}.") from error
            # The header opened, so a part further on was changed or is missing.
            raise BackupBroken(f"{sealed} is damaged or not whole.") from error

    def _identities(self) -> Sequence[pyrage._Identity]:
        import pyrage

        assert self.identity is not None  # noqa: S101 - asked before
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
            # Without what the library says: it might quote the key.
            raise BackupSealed(
                f"{self.identity} holds no identity of age.",
                hint="Give the file that age-keygen wrote, or a private key of ssh.",
            ) from None
        return found


NO_ENCRYPTION: Final = Encryption()
NO_DECRYPTION: Final = Decryption()


def is_encrypted(file: Path) -> bool:
    """True for an age file. Raises FileUnreadable."""
    return _start(file).startswith(_MAGIC)


def _is_by_passphrase(file: Path) -> bool:
    return _start(file)[len(_MAGIC) + 1 :].startswith(_BY_PASSPHRASE)


def _start(file: Path) -> bytes:
    try:
        with file.open("rb") as source:
            return source.read(64)
    except OSError as error:
        raise FileUnreadable(
            f"Cannot read {file}: {error.strerror}.", hint="Name a file that backup wrote."
        ) from error


def _made(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)


def _check_size(file: Path) -> None:
    size = file.stat().st_size
    if size > LARGEST_BY_PASSPHRASE + 1024 * 1024:
        raise UsageProblem(
            f"A backup of {size // 1024**2} MB is too large for a passphrase "
            f"(at most {LARGEST_BY_PASSPHRASE // 1024**2} MB, since it is held in memory).",
            hint="Encrypt it for a key instead: --recipient age1…",
        )
