from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from gatewayctl.runtimes.scram import is_verifier_of, make_verifier

PASSWORD = "password-of-litellm"


def test_the_verifier_matches_the_example_of_rfc_7677() -> None:
    """The exchange in section 3 of RFC 7677: user «user», password «pencil»."""
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    verifier = make_verifier("pencil", salt=salt)

    kind, iterations_and_salt, keys = verifier.split("$")
    stored, server = (base64.b64decode(part) for part in keys.split(":"))
    nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    message = (
        f"n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
        f"c=biws,r={nonce}"
    ).encode()
    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    signature = hmac.digest(stored, message, "sha256")
    client_key = bytes(one ^ other for one, other in zip(proof, signature, strict=True))

    assert (kind, iterations_and_salt) == ("SCRAM-SHA-256", "4096:W22ZaJ0SNY7soEsUEjb6gQ==")
    assert hashlib.sha256(client_key).digest() == stored
    assert base64.b64encode(hmac.digest(server, message, "sha256")).decode() == (
        "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    )


def test_two_verifiers_of_one_password_differ_and_contain_neither_it_nor_a_quote() -> None:
    one, other = make_verifier(PASSWORD), make_verifier(PASSWORD)

    assert one != other
    assert PASSWORD not in one
    assert "'" not in one


def test_a_verifier_is_of_its_password_only() -> None:
    assert is_verifier_of(make_verifier(PASSWORD), PASSWORD)
    assert is_verifier_of(make_verifier(PASSWORD, iterations=10_000), PASSWORD)
    assert not is_verifier_of(make_verifier(PASSWORD), "another")


def test_passwords_are_compared_as_postgresql_normalizes_them() -> None:
    assert is_verifier_of(make_verifier("\u2168 a\u00a0b\u00ad"), "IX a b")


@pytest.mark.parametrize(
    "stored", ["", "md53a7d1", "SCRAM-SHA-256$4096:?$a:b", "SCRAM-SHA-256$x:YQ==$a:b"]
)
def test_what_is_no_verifier_is_of_no_password(stored: str) -> None:
    assert not is_verifier_of(stored, PASSWORD)
