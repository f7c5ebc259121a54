"""Signatures of LiteLLM's official images, verified by cosign where it is installed.

Owns which identity or key signs which release, as LiteLLM announced it (discussion 48242, updated
2026-11-15), and ``.gatewayctl/unverified_images.json``: the images of pulls that may have been
killed before their image was verified. Must not know how an image is pulled.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from gatewayctl.errors import SignatureInvalid
from gatewayctl.files.atomic import write_atomically
from gatewayctl.files.json_text import parse_json
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


def begin_pull(state_dir: Path, image: str, before: str | None) -> None:
    """Record an image that is pulled and not verified yet; ``before`` is its id until now.

    Only where it will be verified: an official image, and cosign is there.
    """
    known = _read(state_dir)
    official = _OFFICIAL.fullmatch(split_reference(image)[0])
    # After a pull that was killed, what is present is not known to be good.
    if image not in known and official and shutil.which("cosign"):
        _write(state_dir, {**known, image: before or ""})


def is_unverified(state_dir: Path, image: str, present: str | None) -> bool:
    """True if a pull that did not get to the verification brought this id."""
    known = _read(state_dir)
    return present is not None and image in known and known[image] != present


def end_pull(state_dir: Path, image: str) -> None:
    """Remove the record: the image is verified, or it is the one from before the pull."""
    known = dict(_read(state_dir))
    if known.pop(image, None) is not None:
        _write(state_dir, known)


def _read(state_dir: Path) -> Mapping[str, str]:
    """The id that each image had before its pull, empty if it was not there."""
    try:
        found = dict(parse_json(_file(state_dir).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}
    return {str(image): str(before) for image, before in found.items()}


def _write(state_dir: Path, pulls: Mapping[str, str]) -> None:
    write_atomically(_file(state_dir), json.dumps(pulls, indent=1).encode(), mode=0o600)


def _file(state_dir: Path) -> Path:
    return state_dir / "unverified_images.json"


def _list_signers(release: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The signers that LiteLLM used for a release, each with cosign's options."""
    yield "keyless, by LiteLLM's release workflow", _KEYLESS
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", release)
    for commit, until in _KEYS:
        if found is None or tuple(map(int, found.groups())) < until:
            yield f"LiteLLM's key {commit[:7]}", ("--key", _KEY_URL.format(commit=commit))
