"""The LiteLLM before the reference one, for tests that upgrade: the one thing more to make.

A stand-in of its own on top of the other, with the packages of litellm_previous/requirements.txt.
Owns its name and how it is made; the images of the stack are in the catalogue.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gatewayctl.settings.model import Images
from tests.e2e.images import trees
from tests.e2e.images.catalogue import HERE, Image
from tests.e2e.images.engine import LABEL, build

_LOCK: Final = HERE / "litellm_previous" / "requirements.txt"
NEXT: Final = Images().litellm
"""The reference stack's image, which it is made from."""


def _version() -> str:
    """The version of LiteLLM that it is locked to."""
    found = re.search(r"^litellm==(\S+)", _LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return found[1]


PREVIOUS: Final = Image(
    name=f"{NEXT.rpartition(':')[0]}:v{_version()}",
    folder=HERE / "litellm_previous",
    inputs=(Path(__file__),),
)


def make(say: Callable[[str], None]) -> None:
    """Make the stand-in; the other one has to be here. Raises Failed."""
    say(f"{PREVIOUS.name}: making a stand-in")
    with tempfile.TemporaryDirectory(prefix="gatewayctl-images-") as folder:
        context = Path(folder) / "context"
        shutil.copytree(PREVIOUS.folder, context)
        trees.python_packages(context / "packages", _LOCK)
        shutil.rmtree(context / "packages" / "bin", ignore_errors=True)
        build(context, PREVIOUS.name, labels={LABEL: PREVIOUS.key}, arguments={"NEXT": NEXT})
    say(f"{PREVIOUS.name}: stand-in made")
