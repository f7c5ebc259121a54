"""A passphrase is slow to guess on purpose: seconds each time, so not among the quick tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.errors import BackupSealed
from gatewayctl.operations.backup_seal import Opener, Seal
from gatewayctl.settings.model import Secret

CONTENT = bytes(range(256)) * 1000
PASSPHRASE = Secret("correct horse battery staple")


def test_what_is_sealed_with_a_passphrase_opens_with_it_alone(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(CONTENT)
    sealed, opened = tmp_path / "sealed", tmp_path / "opened"

    Seal(passphrase=PASSPHRASE).close(plain, sealed)

    Opener(passphrase=PASSPHRASE).open(sealed, opened)
    assert opened.read_bytes() == CONTENT
    for opener in (Opener(passphrase=Secret("wrong")), Opener()):
        with pytest.raises(BackupSealed) as raised:
            opener.open(sealed, opened)
        assert PASSPHRASE.reveal() not in str(raised.value)
    assert "--passphrase-stdin" in raised.value.hint
