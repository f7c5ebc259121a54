"""`python -m tests.e2e.images`: the images of the reference stack, and others that tests need.

Those are python:3.11-slim for apps, and the previous LiteLLM for upgrades. Each image is kept if it
is present, else pulled, else built from package registries as a stand-in of the same name.
`--stand-ins` never pulls, `--again` rebuilds stand-ins that are present.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from tests.e2e.images import previous
from tests.e2e.images.catalogue import IMAGES, Image
from tests.e2e.images.engine import Failed, is_official, pull, stand_in_key
from tests.e2e.images.making import Making

STARTED = time.monotonic()


def say(message: str) -> None:
    """Print one line of progress, with the seconds since the start."""
    sys.stdout.write(f"images {time.monotonic() - STARTED:5.0f} s  {message}\n")
    sys.stdout.flush()


def main() -> int:
    """Get every image; return 1 and print the reason if one is unavailable."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.images", description=__doc__)
    parser.add_argument("names", nargs="*", help="only these images; default: all")
    parser.add_argument("--stand-ins", action="store_true", help="never pull from a registry")
    parser.add_argument("--again", action="store_true", help="rebuild stand-ins that are present")
    options = parser.parse_args()
    try:
        wanted = [image for image in IMAGES if not options.names or image.name in options.names]
        missing = [image for image in wanted if options.again or not _is_here(image)]
        if missing and not options.stand_ins:
            with ThreadPoolExecutor() as pulling:
                pulled = list(pulling.map(_pull, missing))
            missing = [image for image, here in zip(missing, pulled, strict=True) if not here]
        if missing:
            Making(say).make(missing)
        if not options.names or previous.PREVIOUS.name in options.names:
            _get_previous(pulls=not options.stand_ins, again=options.again)
    except Failed as failure:
        sys.stderr.write(f"images: {failure}\n")
        return 1
    return 0


def _get_previous(*, pulls: bool, again: bool) -> None:
    """Get it after the others: its stand-in is built from one of them."""
    image = previous.PREVIOUS
    if again or not (_is_here(image) or (pulls and _pull(image))):
        previous.make(say)


def _is_here(image: Image) -> bool:
    key = stand_in_key(image.name)
    if key == image.key:
        say(f"{image.name}: stand-in is present")
        return True
    if is_official(image.name):
        say(f"{image.name}: is present")
        return True
    return False


def _pull(image: Image) -> bool:
    why = pull(image.name)
    say(f"{image.name}: {'pulled' if why is None else why}")
    return why is None


if __name__ == "__main__":
    sys.exit(main())
