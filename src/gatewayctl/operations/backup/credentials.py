"""Whether a restored database fits its secrets: virtual keys it knows, credentials that decrypt.

Owns which rows of LiteLLM's tables are read. LiteLLM encrypts what it stores with the SHA-256 of
the salt key (litellm/proxy/common_utils/encrypt_decrypt_utils.py): XSalsa20-Poly1305, or
AES-256-GCM after the prefix ``v2:gcm:``. Decrypted values are discarded at once.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from typing import Final, Literal

from gatewayctl.gateway.keys import hash_key
from gatewayctl.runtimes.database import Database, DatabaseVariant
from gatewayctl.settings.model import Secret

CredentialCheck = Literal["decrypted", "not_decrypted", "none_stored"]
_GCM: Final = "v2:gcm:"
_NONCE_BYTES: Final = 12
_SAMPLE: Final = 50
_SHORTEST_BYTES: Final = 40
"""A nonce (24) and a tag (16) of XSalsa20-Poly1305."""
_SOURCES: Final[Mapping[str, str]] = {
    "LiteLLM_CredentialsTable": "credential_values",
    "LiteLLM_ProxyModelTable": "litellm_params",
}
_KNOWN_KEYS: Final = 'select token from "LiteLLM_VerificationToken"'
_USABLE_KEYS: Final = (
    f"{_KNOWN_KEYS} where (expires is null or expires > now()) and blocked is not true"
)


def find_known_keys(
    database: Database,
    variant: DatabaseVariant,
    values: Mapping[str, Secret],
    *,
    usable: bool = False,
) -> Mapping[str, Secret]:
    """The variables whose value is a virtual key of the database.

    ``usable``: without expired and blocked keys.
    """
    hashes = set(database.ask(f"{_USABLE_KEYS if usable else _KNOWN_KEYS};", variant))
    return {name: value for name, value in values.items() if hash_key(value) in hashes}


def check_stored_credential(
    database: Database, variant: DatabaseVariant, salt: Secret
) -> CredentialCheck:
    """Try to decrypt what LiteLLM stored encrypted with the salt key."""
    rows = database.rows(variant)
    found: list[str] = []
    for table, column in _SOURCES.items():
        if rows.get(table):
            found += database.ask(
                f"select item.value #>> '{{}}' from \"{table}\", "  # noqa: S608 - names of ours
                f"jsonb_each({column}) item where jsonb_typeof(item.value) = 'string' "
                f"limit {_SAMPLE};",
                variant,
            )
    ciphertexts = [text for text in found if _looks_encrypted(text)]
    if not ciphertexts:
        return "none_stored"
    return "decrypted" if can_decrypt_any(ciphertexts, salt) else "not_decrypted"


def can_decrypt_any(ciphertexts: Iterable[str], salt: Secret) -> bool:
    """True when at least one of the texts was encrypted with this salt key."""
    key = hashlib.sha256(salt.reveal().encode()).digest()
    return any(_can_decrypt(text, key) for text in ciphertexts)


def _can_decrypt(text: str, key: bytes) -> bool:
    from nacl import bindings
    from nacl.exceptions import CryptoError
    from nacl.secret import SecretBox

    try:
        if text.startswith(_GCM):
            data = base64.urlsafe_b64decode(text.removeprefix(_GCM))
            nonce, ciphertext = data[:_NONCE_BYTES], data[_NONCE_BYTES:]
            bindings.crypto_aead_aes256gcm_decrypt(ciphertext, None, nonce, key)
        else:
            SecretBox(key).decrypt(base64.urlsafe_b64decode(text))
    except (CryptoError, ValueError, TypeError, binascii.Error):
        return False
    return True


def _looks_encrypted(text: str) -> bool:
    """True for base64 that is long enough for a nonce and a tag."""
    if text.startswith(_GCM):
        return True
    try:
        return len(base64.b64decode(text, altchars=b"-_", validate=True)) > _SHORTEST_BYTES
    except (ValueError, binascii.Error):
        return False
