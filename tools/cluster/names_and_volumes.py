"""What a cluster of one node needs beside Kubernetes' own programs: names and volumes.

``names_and_volumes.py URL STATE PROVISIONER`` runs until it is ended. Every half second it

- writes the names of the Services to ``STATE/dns/hosts`` and has dnsmasq read them again, by the
  process id in ``STATE/run/dnsmasq.pid``;
- makes a folder and a PersistentVolume for each claim of a StorageClass of PROVISIONER, and removes
  both when the claim is gone.

It needs nothing but Python's own library, and reads its token and certificate from ``STATE/pki``.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import ssl
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DOMAIN = "svc.cluster.local"
_LOGGER = logging.getLogger(__name__)
PAUSE = 0.5
"""Seconds between two looks."""

Item = dict[str, Any]


class Api:
    """Kubernetes' API with the token and the certificate in ``pki``."""

    def __init__(self, url: str, pki: Path) -> None:
        self._url = url
        self._token = (pki / "admin.token").read_text(encoding="ascii").strip()
        self._tls = ssl.create_default_context(cafile=str(pki / "ca.crt"))

    def request(self, path: str, method: str = "GET", body: Item | None = None) -> Item:
        """Send a request and return the parsed answer; failures are those of urllib."""
        request = urllib.request.Request(  # noqa: S310 - always the API's https
            self._url + path,
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10, context=self._tls) as answer:  # noqa: S310
            found: Item = json.load(answer)
            return found

    def items(self, path: str) -> list[Item]:
        """The objects of a kind."""
        found: list[Item] = self.request(path)["items"]
        return found


def host_lines(services: list[Item], endpoints: list[Item]) -> Iterator[str]:
    """A line of a hosts file for each address: Kubernetes' names for Services and their pods."""
    headless = {}
    for service in services:
        meta, spec = service["metadata"], service["spec"]
        name = f"{meta['name']}.{meta['namespace']}.{DOMAIN}"
        if spec.get("clusterIP") == "None":
            headless[meta["namespace"], meta["name"]] = name, spec.get("publishNotReadyAddresses")
        elif spec.get("clusterIP"):
            yield f"{spec['clusterIP']} {name}"
    for each in endpoints:
        meta = each["metadata"]
        if (found := headless.get((meta["namespace"], meta["name"]))) is None:
            continue
        name, also_not_ready = found
        for subset in each.get("subsets") or []:
            waiting = subset.get("notReadyAddresses") or [] if also_not_ready else []
            for address in (subset.get("addresses") or []) + waiting:
                yield f"{address['ip']} {name}"
                if address.get("hostname"):
                    yield f"{address['ip']} {address['hostname']}.{name}"


class Names:
    """Keeps the file that dnsmasq answers from equal to the cluster's Services."""

    def __init__(self, api: Api, state: Path) -> None:
        self._api, self._state = api, state
        self._written: str | None = None

    def update(self) -> None:
        """Write what changed, and have dnsmasq read it."""
        lines = host_lines(
            self._api.items("/api/v1/services"), self._api.items("/api/v1/endpoints")
        )
        text = "".join(f"{line}\n" for line in sorted(set(lines)))
        if text == self._written:
            return
        new = self._state / "dns" / "hosts.new"
        new.write_text(text, encoding="ascii")
        new.replace(self._state / "dns" / "hosts")
        os.kill(
            int((self._state / "run" / "dnsmasq.pid").read_text(encoding="ascii")), signal.SIGHUP
        )
        self._written = text


class Volumes:
    """Folders of this machine as PersistentVolumes for the claims that wait for one."""

    def __init__(self, api: Api, folder: Path, provisioner: str) -> None:
        self._api, self._folder, self._provisioner = api, folder, provisioner

    def update(self) -> None:
        """Make what claims wait for; remove what no claim uses any more."""
        volumes = [
            item for item in self._api.items("/api/v1/persistentvolumes") if self._is_mine(item)
        ]
        known = {item["spec"]["claimRef"]["uid"] for item in volumes}
        classes = {
            item["metadata"]["name"]
            for item in self._api.items("/apis/storage.k8s.io/v1/storageclasses")
            if item["provisioner"] == self._provisioner
        }
        for claim in self._api.items("/api/v1/persistentvolumeclaims"):
            is_new = claim["status"].get("phase") == "Pending" and not claim["spec"].get(
                "volumeName"
            )
            is_wanted = claim["spec"].get("storageClassName") in classes
            if is_new and is_wanted and claim["metadata"]["uid"] not in known:
                self._make(claim)
        for volume in volumes:
            if volume["status"].get("phase") == "Released":
                self._remove(volume)

    def _is_mine(self, volume: Item) -> bool:
        notes = volume["metadata"].get("annotations") or {}
        return bool(notes.get("pv.kubernetes.io/provisioned-by") == self._provisioner)

    def _make(self, claim: Item) -> None:
        meta, spec = claim["metadata"], claim["spec"]
        name = f"pvc-{meta['uid']}"
        folder = self._folder / name
        folder.mkdir(parents=True, exist_ok=True)
        # Kubernetes changes no owner in a hostPath: whatever user the pod runs as may write.
        folder.chmod(0o777)
        self._api.request(
            "/api/v1/persistentvolumes",
            "POST",
            {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {
                    "name": name,
                    "annotations": {"pv.kubernetes.io/provisioned-by": self._provisioner},
                },
                "spec": {
                    "capacity": {"storage": spec["resources"]["requests"]["storage"]},
                    "accessModes": spec["accessModes"],
                    "storageClassName": spec["storageClassName"],
                    "persistentVolumeReclaimPolicy": "Delete",
                    "hostPath": {"path": str(folder), "type": "Directory"},
                    "claimRef": {
                        "apiVersion": "v1",
                        "kind": "PersistentVolumeClaim",
                        "namespace": meta["namespace"],
                        "name": meta["name"],
                        "uid": meta["uid"],
                    },
                },
            },
        )

    def _remove(self, volume: Item) -> None:
        name = volume["metadata"]["name"]
        shutil.rmtree(self._folder / name, ignore_errors=True)
        self._api.request(f"/api/v1/persistentvolumes/{name}", "DELETE")


def main() -> None:
    """Look after both until ended; a failure is logged, and tried again."""
    url, state, provisioner = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    logging.basicConfig(format="%(asctime)s %(message)s")
    api = Api(url, state / "pki")
    parts = Names(api, state), Volumes(api, state / "volumes", provisioner)
    while True:
        for part in parts:
            try:
                part.update()
            except OSError as error:
                _LOGGER.warning("%s", error)
            except (ValueError, KeyError):
                _LOGGER.exception("an answer of the API was not understood")
        time.sleep(PAUSE)


if __name__ == "__main__":
    main()
