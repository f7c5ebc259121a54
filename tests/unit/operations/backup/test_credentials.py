from __future__ import annotations

import base64
import hashlib
import os

import pytest
from nacl import bindings
from nacl.secret import SecretBox

from gatewayctl.operations.backup.credentials import (
    can_decrypt_any,
    check_stored_credential,
    find_known_keys,
)
from gatewayctl.runtimes.database import Database
from gatewayctl.settings.model import Secret
from tests.fakes.database import FakeServer, FakeShell
from tests.fakes.litellm import sha256

SALT = Secret("sk-salt-0123456789abcdef")
OTHER = Secret("sk-another-salt-0123456789")


def encrypted(text: str, salt: Secret = SALT) -> str:
    """As litellm/proxy/common_utils/encrypt_decrypt_utils.py does by default."""
    key = hashlib.sha256(salt.reveal().encode()).digest()
    return base64.urlsafe_b64encode(SecretBox(key).encrypt(text.encode())).decode()


def encrypted_with_gcm(text: str) -> str:
    """As it does with ``encryption_algorithm: aes-256-gcm``."""
    key, nonce = hashlib.sha256(SALT.reveal().encode()).digest(), os.urandom(12)
    data = nonce + bindings.crypto_aead_aes256gcm_encrypt(text.encode(), None, nonce, key)
    return "v2:gcm:" + base64.urlsafe_b64encode(data).decode()


# Made by LiteLLM 1.106.2 itself: encrypt_value_helper("sk-provider", new_encryption_key=SALT).
BY_LITELLM = "PQQaTfnS_7HQYFixuQfjVx2CItrAY3niKf-iLD-i9TGeTVm1VAJjUNzPL5umCJwB9Wrd"


def test_what_litellm_itself_encrypted_is_decrypted() -> None:
    assert can_decrypt_any([BY_LITELLM], SALT)
    assert not can_decrypt_any([BY_LITELLM], OTHER)


@pytest.mark.parametrize("make", [encrypted, encrypted_with_gcm])
def test_both_ciphers_of_litellm_are_decrypted_with_the_salt_key_and_no_other(make: object) -> None:
    assert callable(make)
    text = make("sk-provider-key")

    assert can_decrypt_any([text], SALT)
    assert not can_decrypt_any([text], OTHER)


@pytest.mark.parametrize("text", ["", "*", "gpt-4o", "v2:gcm:", "v2:gcm:AAAA", "é" * 60, "A" * 80])
def test_what_is_not_a_ciphertext_is_never_decrypted(text: str) -> None:
    assert not can_decrypt_any([text], SALT)


def litellm(*stored: str) -> Database:
    server = FakeServer()
    server.databases["litellm"].rows["LiteLLM_CredentialsTable"] = len(stored)
    server.databases["litellm"].stored = list(stored)
    return Database(name="litellm", shell=FakeShell(database="litellm", server=server))


def test_stored_credentials_are_checked() -> None:
    assert check_stored_credential(litellm(encrypted("a")), "", SALT) == "decrypted"
    assert check_stored_credential(litellm(encrypted("a")), "", OTHER) == "not_decrypted"
    assert check_stored_credential(litellm("gpt-4o", encrypted("a")), "", SALT) == "decrypted"


@pytest.mark.parametrize("stored", [(), ("gpt-4o", "https://example.com/v1")])
def test_values_that_are_not_encrypted_are_not_credentials(stored: tuple[str, ...]) -> None:
    assert check_stored_credential(litellm(*stored), "", SALT) == "none_stored"


def test_an_old_database_without_the_tables_stores_no_credentials() -> None:
    server = FakeServer()
    database = Database(name="litellm", shell=FakeShell(database="litellm", server=server))

    assert check_stored_credential(database, "", SALT) == "none_stored"


def test_virtual_keys_are_found_by_their_hash_and_distinguished_from_blocked_ones() -> None:
    good, blocked, foreign = (Secret(f"sk-{name}-0123456789") for name in ("a", "b", "c"))
    server = FakeServer()
    server.databases["litellm"].tokens = [sha256(good.reveal())]
    server.databases["litellm"].unusable = [sha256(blocked.reveal())]
    database = Database(name="litellm", shell=FakeShell(database="litellm", server=server))
    values = {"GOOD": good, "BLOCKED": blocked, "FOREIGN": foreign}

    assert find_known_keys(database, "", values, usable=True) == {"GOOD": good}
    assert find_known_keys(database, "", values) == {"GOOD": good, "BLOCKED": blocked}
