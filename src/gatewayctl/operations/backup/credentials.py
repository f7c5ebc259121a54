"""What proves that a restored database can be used: a key that opens, a credential that decrypts.

Owns which rows of LiteLLM's tables are looked at. LiteLLM encrypts what it stores with the
SHA-256 of the salt key (litellm/proxy/common_utils/encrypt_decrypt_utils.py): XSalsa20-Poly1305,
or AES-256-GCM behind the mark ``v2:gcm:``. What is decrypted here is dropped at once.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from typing import Final, Literal

from gatewayctl.gateway.keys import hash_key
from gatewayctl.runtimes.databases import Database, DatabaseVariant
from gatewayctl.settings.model import Secret

CredentialCheck = Literal["decrypted", "not decrypted", "none stored"]
_GCM: Final = "v2:gcm:"
_NONCE: Final = 12
_ENOUGH: Final = 50
_SHORTEST: Final = 40
"""Bytes of a nonce (24) and a tag (16) of XSalsa20-Poly1305."""
_SOURCES: Final[Mapping[str, str]] = {
    "LiteLLM_CredentialsTable": "credential_values",
    "LiteLLM_ProxyModelTable": "litellm_params",
}
_USABLE: Final = (
    'select token from "LiteLLM_VerificationToken" '
    "where (expires is null or expires > now()) and blocked is not true;"
)


def find_usable_keys(
    database: Database, variant: DatabaseVariant, values: Mapping[str, Secret]
) -> Mapping[str, Secret]:
    """Those of the variables whose value is a virtual key of the database, usable now."""
    hashes = set(database.ask(_USABLE, variant))
    return {name: value for name, value in values.items() if hash_key(value) in hashes}


def find_known_keys(
    database: Database, variant: DatabaseVariant, values: Mapping[str, Secret]
) -> set[str]:
    """The variables whose value is a virtual key of the database, blocked or expired ones too."""
    hashes = set(database.ask('select token from "LiteLLM_VerificationToken";', variant))
    return {name for name, value in values.items() if hash_key(value) in hashes}


def check_stored_credential(
    database: Database, variant: DatabaseVariant, salt: Secret
) -> CredentialCheck:
    """Whether anything that LiteLLM stored encrypted opens with the salt key."""
    rows = database.rows(variant)
    found: list[str] = []
    for table, column in _SOURCES.items():
        if rows.get(table):
            found += database.ask(
                f"select item.value #>> '{{}}' from \"{table}\", "  # noqa: S608 - names of ours
                f"jsonb_each({column}) item where jsonb_typeof(item.value) = 'string' "
                f"limit {_ENOUGH};",
                variant,
            )
    ciphertexts = [text for text in found if _looks_encrypted(text)]
    if not ciphertexts:
        return "none stored"
    return "decrypted" if can_decrypt_any(ciphertexts, salt) else "not decrypted"


def can_decrypt_any(ciphertexts: Iterable[str], salt: Secret) -> bool:
    """True when one of the texts was encrypted with this salt key."""
    key = hashlib.sha256(salt.reveal().encode()).digest()
    return any(_opens(text, key) for text in ciphertexts)


def _opens(text: str, key: bytes) -> bool:
    from nacl import bindings
    from nacl.exceptions import CryptoError
    from nacl.secret import SecretBox

    try:
        if text.startswith(_GCM):
            sealed = base64.urlsafe_b64decode(text.removeprefix(_GCM))
            bindings.crypto_aead_aes256gcm_decrypt(sealed[_NONCE:], None, sealed[:_NONCE], key)
        else:
            SecretBox(key).decrypt(base64.urlsafe_b64decode(text))
    except (CryptoError, ValueError, TypeError, binascii.Error):
        return False
    return True


def _looks_encrypted(text: str) -> bool:
    """Long enough for a nonce and a tag, and nothing but base64."""
    if text.startswith(_GCM):
        return True
    try:
        return len(base64.b64decode(text, altchars=b"-_", validate=True)) > _SHORTEST
    except (ValueError, binascii.Error):
        return False
