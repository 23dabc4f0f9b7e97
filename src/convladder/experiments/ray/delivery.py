"""What trials need on a node, sent there once: the bank of their images, and a backbone's weights.

The first lane that needs something sends it, and others wait for that.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from convladder.core.errors import ClusterError, ConvladderError
from convladder.core.settings.model import Model
from convladder.experiments.pretrained import backbones
from convladder.experiments.ray.bank_transfer import BUSY, WANTED, BankManifest, pieces
from convladder.experiments.ray.node_places import WAIT, Place
from convladder.experiments.trial import Trial

Asked = Callable[[], bool]


class Deliveries:
    """What the nodes of a cluster have been sent, by all lanes of a pool."""

    def __init__(self) -> None:
        self._sent: set[tuple[str, str]] = set()  # as (node, name)
        self._sending: dict[tuple[str, str], threading.Lock] = {}
        self._manifests: dict[Path, BankManifest] = {}
        self._lock = threading.Lock()

    def bring(self, trial: Trial, place: Place, is_ending: Asked) -> None:
        """See to it that a node has what a trial needs there, unless this lane `is_ending`.

        Raises ClusterError where it cannot take that: it would fail all trials that it is given.
        """
        bank, model = trial.dataset.bank.folder, trial.experiment.model
        self._send(place, bank.name, partial(self.deliver_bank, bank, place, is_ending), is_ending)
        if model.backbone_sha256:
            deliver = partial(_deliver_weights, model, place)
            self._send(place, model.backbone_sha256, deliver, is_ending)

    def deliver_bank(self, folder: Path, place: Place, is_ending: Asked) -> bool:
        """Send a bank unless it is there; return whether it is now."""
        manifest, host = self._manifest(folder), place.host
        while (state := place.get(host.begin_receiving.remote(manifest))) == BUSY:
            time.sleep(WAIT)
            if is_ending():
                return False
        if state != WANTED:
            return True
        sums = {name: hashlib.sha256() for name in manifest.sizes}
        under_way = None
        for name, piece in pieces(folder, manifest):
            sums[name].update(piece.data)
            ready = place.ray.put(piece)  # while the one before is written there
            if under_way is not None:
                place.get(under_way)
            if is_ending():
                return False
            under_way = host.receive.remote(name, ready)
        place.get(under_way)
        digests = {name: each.hexdigest() for name, each in sums.items()}
        place.get(host.finish_receiving.remote(digests))
        return True

    def _send(self, place: Place, name: str, deliver: Callable[[], bool], is_ending: Asked) -> None:
        what = (place.node_id, name)
        lock = self._only_one_sends(what)
        while not lock.acquire(timeout=WAIT):
            if is_ending():
                return
        try:
            if what not in self._sent and deliver():
                self._sent.add(what)
        except ConnectionError:
            raise
        except (ConvladderError, OSError) as error:
            raise ClusterError(f"cannot send {place.name} what its trials need: {error}") from error
        finally:
            lock.release()

    def _only_one_sends(self, what: tuple[str, str]) -> threading.Lock:
        with self._lock:
            return self._sending.setdefault(what, threading.Lock())

    def _manifest(self, bank: Path) -> BankManifest:
        """Describe a bank. Raises DataError where it was deleted."""
        with self._lock:
            if bank not in self._manifests:
                self._manifests[bank] = BankManifest.of(bank)
            return self._manifests[bank]


def _deliver_weights(model: Model, place: Place) -> bool:
    """Send the weights of a backbone, unless they are there."""
    sha256 = model.backbone_sha256
    if not place.get(place.host.has_weights.remote(sha256)):
        content = place.ray.put(np.frombuffer(backbones.packed(model), np.uint8))
        place.get(place.host.keep_weights.remote(sha256, content))
    return True
