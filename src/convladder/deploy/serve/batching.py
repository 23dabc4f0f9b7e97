"""Images of many requests, predicted together: all that wait are the next batch."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from convladder.data.decoding.image_form import Pixels
from convladder.results.bundle.predictor import BATCH, Predictor

QUEUED = 256  # images that may wait


class Busy(Exception):
    """More images wait than may: try again later."""


class Batcher:
    """Takes images of the bundle's form one by one, and gives each its probabilities `(classes,)`.

    largest : of the batches so far; batches : how many there were.
    """

    def __init__(self, predictor: Predictor, queued: int = QUEUED) -> None:
        self._predictor = predictor
        self._queue: asyncio.Queue[tuple[Pixels, asyncio.Future[NDArray[np.float32]]]] = (
            asyncio.Queue(queued)
        )
        self.batches, self.largest = 0, 0

    @property
    def waiting(self) -> int:
        return self._queue.qsize()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Predict while the block runs; one image before it, so that no request waits for that."""
        with ThreadPoolExecutor(1) as thread:
            loop = asyncio.get_running_loop()
            blank = np.zeros((1, *self._predictor.form.shape), np.uint8)
            await loop.run_in_executor(thread, self._predictor.probabilities, blank)
            task = asyncio.create_task(self._work(thread))
            try:
                yield
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def predict(self, images: list[Pixels]) -> NDArray[np.float32]:
        """Return the probabilities `(N, classes)` of images. Raises Busy where they cannot wait."""
        if self._queue.maxsize - self._queue.qsize() < len(images):
            raise Busy
        futures = [asyncio.get_running_loop().create_future() for _ in images]
        for image, future in zip(images, futures, strict=True):
            self._queue.put_nowait((image, future))
        try:
            return np.stack(await asyncio.gather(*futures))
        finally:
            for future in futures:
                future.cancel()  # of a request that is over, those that still wait

    async def _work(self, thread: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        while True:
            batch = [await self._queue.get()]
            while len(batch) < BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            batch = [(image, future) for image, future in batch if not future.cancelled()]
            if not batch:
                continue
            self.batches, self.largest = self.batches + 1, max(self.largest, len(batch))
            try:
                pixels = np.stack([image for image, _ in batch])
                found = await loop.run_in_executor(thread, self._predictor.probabilities, pixels)
                for (_, future), row in zip(batch, found, strict=True):
                    if not future.done():
                        future.set_result(row)
            except (
                Exception
            ) as error:  # every request of the batch is told, and the next batch goes on
                _settle(batch, error)


def _settle(
    batch: list[tuple[Pixels, asyncio.Future[NDArray[np.float32]]]], error: Exception
) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
