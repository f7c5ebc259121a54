"""The copy of the certificates of ``ca_bundle`` that services read.

A copy in the folder of the other rendered files, because a container sees that one, and because a
change of the certificates is then a change of the project. Owns what is copied: certificates only,
never a private key that is in the same file.
"""

from __future__ import annotations

import re
from typing import Final

from gatewayctl.errors import CaBundleUnusable
from gatewayctl.files.regular import read_regular_file
from gatewayctl.settings.model import Settings

_CERTIFICATE: Final = re.compile(
    r"-----BEGIN CERTIFICATE-----\s.+?-----END CERTIFICATE-----", re.DOTALL
)


def read_certificates(settings: Settings) -> str:
    """The certificates of the file in PEM, one after the other. Raises CaBundleUnusable."""
    path = settings.ca_bundle
    where = f"ca_bundle ({settings.source_of('ca_bundle')}): {path}"
    try:
        content = b"" if path is None else read_regular_file(path)
    except OSError as error:
        raise CaBundleUnusable(f"{where} cannot be read: {error.strerror}.") from error
    found = _CERTIFICATE.findall(content.decode(errors="replace"))
    if not found:
        raise CaBundleUnusable(f"{where} contains no certificate in PEM format.")
    _check(found, where)
    return "".join(f"{certificate}\n" for certificate in found)


def _check(certificates: list[str], where: str) -> None:
    """LiteLLM would end at its start over a certificate that cannot be parsed."""
    import ssl

    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for number, certificate in enumerate(certificates, start=1):
        try:
            trust.load_verify_locations(cadata=certificate)
        except (ssl.SSLError, TypeError) as error:
            # A TypeError for what is not ASCII.
            raise CaBundleUnusable(
                f"{where}: certificate {number} of {len(certificates)} is damaged."
            ) from error
