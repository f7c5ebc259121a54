"""Signatures of LiteLLM's official images, verified by cosign where it is installed.

Owns which identity or key signs which release, as LiteLLM announced it (discussion 48242, updated
2026-11-15). Must not know when an image is pulled.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import Final

from gatewayctl.errors import SignatureInvalid
from gatewayctl.runtimes import process
from gatewayctl.runtimes.docker.engine import last_line
from gatewayctl.runtimes.docker.states import version
from gatewayctl.runtimes.image_digests import SignatureCheck
from gatewayctl.settings.image import split_reference

_OFFICIAL: Final = re.compile(
    r"(ghcr\.io/berriai|(docker\.io/)?litellm)/litellm(-database|-non_root)?"
)
# Everything published since 2026-11-15, patches of older release lines included.
_KEYLESS: Final = (
    "--certificate-identity",
    "https://github.com/BerriAI/project-releaser/.github/workflows/release.yml@refs/heads/main",
    "--certificate-oidc-issuer",
    "https://token.actions.githubusercontent.com",
)
_KEY_URL: Final = "https://raw.githubusercontent.com/BerriAI/litellm/{commit}/cosign.pub"
# The commit of a key, and the first release that is not signed with it any more.
_KEYS: Final = (
    ("e82a3c646908ba0a6ee0beddc4310d7a6cac4065", (1, 111, 0)),
    ("0112e53046018d726492c814b3644b7d376029d0", (1, 106, 3)),
)
_SECONDS: Final = 120.0


def check_signature(pinned: str) -> SignatureCheck:
    """Verify the signature of an image with a digest, if LiteLLM signs it and cosign is there.

    Raises SignatureInvalid with cosign's reason.
    """
    repository, _, digest = split_reference(pinned)
    if _OFFICIAL.fullmatch(repository) is None:
        return SignatureCheck(verified=False, said="not an official image of LiteLLM")
    cosign = shutil.which("cosign")
    if cosign is None:
        return SignatureCheck(verified=False, said="cosign is not installed")
    reasons = []
    for signer, options in _list_signers(version(pinned) or ""):
        argv = [cosign, "verify", *options, f"{repository}@{digest}"]
        done = process.run(argv, timeout=_SECONDS)
        if done.returncode == 0:
            return SignatureCheck(verified=True, said=signer)
        reasons.append(f"{signer}: {last_line(done.stderr) or f'exit code {done.returncode}'}")
    tried = "\n  ".join(reasons)
    raise SignatureInvalid(f"cosign could not verify the signature of {pinned}:\n  {tried}")


def _list_signers(release: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The signers that LiteLLM used for a release, each with cosign's options."""
    yield "keyless, by LiteLLM's release workflow", _KEYLESS
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", release)
    for commit, until in _KEYS:
        if found is None or tuple(map(int, found.groups())) < until:
            yield f"LiteLLM's key {commit[:7]}", ("--key", _KEY_URL.format(commit=commit))
