"""What a request brings, within its limits: images, raw, in parts or JSON, maybe compressed."""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convladder.deploy.serve import instances
from convladder.deploy.serve.errors import CURL, Problem

if TYPE_CHECKING:
    from starlette.requests import Request

LINGER, LINGER_SECONDS = 2**20, 0.5  # bytes that are read after a refusal, and for how long
FORM = "multipart/form-data"

BODY = {  # of requests, as OpenAPI describes it
    "requestBody": {
        "required": True,
        "content": {
            "image/*": {"schema": {"type": "string", "format": "binary"}},
            FORM: {
                "schema": {
                    "type": "object",
                    "properties": {
                        "images": {"type": "array", "items": {"type": "string", "format": "binary"}}
                    },
                }
            },
            instances.KIND: {
                "schema": {
                    "type": "object",
                    "required": ["instances"],
                    "properties": {
                        "instances": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "required": ["b64"],
                                "properties": {"b64": {"type": "string", "format": "byte"}},
                            },
                        }
                    },
                }
            },
        },
    }
}


@dataclass(frozen=True)
class Limits:
    """How much may be asked at once.

    bytes : of a body, unpacked. images : of a request. in_flight : bytes of all requests at work.
    pixels : of an image, where the bundle does not say less.
    """

    bytes: int = 32 * 2**20
    images: int = 64
    in_flight: int = 256 * 2**20
    pixels: int = 64_000_000


class Budget:
    """The bytes of all bodies that are held at a time."""

    def __init__(self, most: int) -> None:
        self.held, self._most = 0, most

    def take(self, size: int) -> None:
        """Raise Problem where no more can be held."""
        if self.held + size > self._most:
            raise Problem(503, "too much is being sent at once: try again", retry=True)
        self.held += size

    def give_back(self, size: int) -> None:
        self.held -= size


@dataclass(frozen=True)
class Sent:
    """An image file that was sent: its name, "" where it has none, and its bytes."""

    name: str
    content: bytes


async def read_images(request: Request, limits: Limits, budget: Budget) -> list[Sent]:
    """Return the images of a request: its body, a form's files, or in JSON. Raises Problem.

    The caller gives their bytes back to the budget.
    """
    body = await read_body(request, limits, budget)
    try:
        images = await _images(request, body, limits, budget)
        if not any(image.content for image in images):
            way = f"send one as the body ({CURL}), or several as a form's files"
            raise Problem(400, f"no image was sent: {way}")
    except BaseException:
        budget.give_back(len(body))
        raise
    budget.give_back(len(body) - sum(len(image.content) for image in images))
    return images


async def read_body(request: Request, limits: Limits, budget: Budget) -> bytes:
    """Return the body, unpacked; its bytes are taken from the budget. Raises Problem."""
    announced = request.headers.get("content-length", "")
    taken, parts, stream = 0, [], request.stream()
    try:
        if announced.isdigit() and int(announced) > limits.bytes:
            raise _too_large(limits)
        async for part in _unpacked(request, stream, limits):
            if taken + len(part) > limits.bytes:
                raise _too_large(limits)
            budget.take(len(part))
            taken += len(part)
            parts.append(part)
    except BaseException as error:
        budget.give_back(taken)
        if isinstance(error, Problem):
            await _discard(stream)
        raise
    return b"".join(parts)


async def _discard(stream: AsyncIterator[bytes]) -> None:
    """Read a little on: closing with bytes unread resets the connection, and the answer."""
    left = LINGER
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            async for part in stream:
                left -= len(part)
                if left < 0:
                    return


async def _unpacked(
    request: Request, stream: AsyncIterator[bytes], limits: Limits
) -> AsyncIterator[bytes]:
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding == "identity":
        async for part in stream:
            yield part
        return
    if coding not in ("gzip", "deflate"):
        raise Problem(415, f"bodies must be plain, gzip or deflate; got {coding!r}")
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32 if coding == "gzip" else zlib.MAX_WBITS)
    try:
        async for part in stream:
            yield unpacker.decompress(part, limits.bytes + 1)
            if unpacker.unconsumed_tail:
                raise _too_large(limits)
            if unpacker.unused_data:
                raise Problem(400, "there is extra data after the end of the compressed body")
        if not unpacker.eof:
            raise Problem(400, "the compressed body is truncated")
    except zlib.error:
        raise Problem(400, "the compressed body is damaged") from None


async def _images(request: Request, body: bytes, limits: Limits, budget: Budget) -> list[Sent]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == FORM:
        return await _files(request, body, limits)
    if not instances.is_json(kind, body):
        return [Sent("", body)]
    # one wide letter makes text of four bytes a letter of all of it
    if not body.isascii() or b"\\u" in body:
        raise Problem(400, "JSON with images must be ASCII: base64 has no other characters")
    twice = 2 * len(body)  # its text, and that of the images, until they are decoded
    budget.take(twice)
    try:
        # others go on meanwhile
        contents = await asyncio.to_thread(instances.read, body, limits.images)
    finally:
        budget.give_back(twice)
    return [Sent("", content) for content in contents]


async def _files(request: Request, body: bytes, limits: Limits) -> list[Sent]:
    from starlette.datastructures import UploadFile
    from starlette.formparsers import MultiPartException, MultiPartParser

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(
        request.headers, stream(), max_files=limits.images, max_fields=limits.images
    )
    parser.spool_max_size = limits.bytes + 1  # nothing goes to the disk
    try:
        form = await parser.parse()
        files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        return [Sent(file.filename or "", await file.read()) for file in files]
    except MultiPartException as error:
        status = 413 if error.message.startswith("Too many") else 400
        raise Problem(status, f"the form cannot be read: {error.message}") from None
    except (ValueError, KeyError, AssertionError) as error:
        raise Problem(400, f"the form cannot be read: {error}") from None


def _too_large(limits: Limits) -> Problem:
    return Problem(413, f"the request is larger than {limits.bytes // 2**20} MiB")
