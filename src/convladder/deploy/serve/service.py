"""A bundle at work: its pools of threads, its limits, and what is at work there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convladder.core.errors import UnreadableImage
from convladder.data.decoding.image_form import Limits as ImageLimits
from convladder.data.decoding.image_form import Pixels
from convladder.data.decoding.images import read_header
from convladder.deploy.serve.access import Rules
from convladder.deploy.serve.batching import QUEUED, Batcher, Busy
from convladder.deploy.serve.corrections import Corrections
from convladder.deploy.serve.errors import Problem
from convladder.deploy.serve.measures import Measures
from convladder.deploy.serve.request_body import Budget, Limits, Sent
from convladder.deploy.serve.samples import Sample
from convladder.results.bundle.occlusion import occlusion_map
from convladder.results.bundle.predictor import Decoded, Predictor

LARGE = 4_000_000  # pixels: of larger images one is decoded at a time
MOST_MAPS = 8  # of evidence, that may wait


@dataclass(frozen=True)
class Settings:
    """How to serve: `seconds` an answer may take, `at_once` how many requests may be at work."""

    rules: Rules = field(default_factory=Rules)
    limits: Limits = field(default_factory=Limits)
    corrections: Path | None = None
    samples: tuple[Sample, ...] = ()
    queued: int = QUEUED
    at_once: int = 512
    seconds: float = 30.0


@dataclass
class Service:
    """A bundle at work, and whether it may be asked."""

    predictor: Predictor
    settings: Settings
    batcher: Batcher
    measures: Measures
    budget: Budget
    corrections: Corrections | None
    decoders: ThreadPoolExecutor
    mapper: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    large: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    ready: bool = False
    arriving: int = 0
    at_work: int = 0
    maps_waiting: int = 0

    @cached_property
    def image_limits(self) -> ImageLimits:
        """What an image may be at most: the less of the bundle's and the server's."""
        own = self.predictor.contents.limits
        return replace(own, pixels=min(own.pixels, self.settings.limits.pixels))

    def check_room(self) -> None:
        """Raise Problem where as many requests are at work as may be."""
        if self.at_work >= self.settings.at_once:
            raise Problem(503, "too many requests at once: try again", retry=True)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Be ready while the block runs; what is at work after it is not waited for."""
        async with self.batcher.running():
            self.ready = True
            yield
            self.ready = False
        for pool in (self.decoders, self.large, self.mapper):
            pool.shutdown(wait=False, cancel_futures=True)

    async def decode(self, images: list[Sent]) -> list[Decoded | UnreadableImage]:
        """Decode images at the same time, as many as there are cores."""
        return list(await asyncio.gather(*map(self._decoded, images)))

    async def _decoded(self, image: Sent) -> Decoded | UnreadableImage:
        """Decode an image; large ones one after the other, since each takes hundreds of megabytes.

        Those wait by themselves: small ones of others go past them.
        """
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self.decoders, self._decode_small, image.content)
        if found is None:
            found = await loop.run_in_executor(
                self.large, self.predictor.try_to_decode, image.content, self.image_limits
            )
        return found

    def _decode_small(self, content: bytes) -> Decoded | UnreadableImage | None:
        """Decode an image, or return None where it is large."""
        try:
            header = read_header(content, self.image_limits)
        except UnreadableImage as error:
            return error
        if header.height * header.width > LARGE:
            return None
        return self.predictor.try_to_decode(content, self.image_limits)

    async def map_evidence(self, pixels: Pixels, label: int) -> NDArray[np.float32]:
        """Say where the evidence for a class lies, one map at a time. Raises Busy."""
        if self.maps_waiting >= MOST_MAPS:
            raise Busy
        self.maps_waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(
                self.mapper, occlusion_map, self.predictor, pixels, label
            )
        finally:
            self.maps_waiting -= 1


def service_of(app: Any) -> Service:
    """Return the service of an application."""
    service: Service = app.state.service
    return service
