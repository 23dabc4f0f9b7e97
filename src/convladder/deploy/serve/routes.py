"""What is asked by HTTP, and how it is answered: predictions, corrections, state, the page."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.requests import ClientDisconnect

from convladder.core.errors import UnreadableImage
from convladder.data.decoding.images import format_of
from convladder.deploy.serve import schemas
from convladder.deploy.serve.access import ASSETS, STATIC
from convladder.deploy.serve.batching import Busy
from convladder.deploy.serve.errors import Problem, hint_of_body
from convladder.deploy.serve.request_body import BODY, Sent, read_images
from convladder.deploy.serve.service import Service
from convladder.results.bundle.predictor import Decoded


def add_predictions(app: FastAPI, service: Service) -> None:
    """Take images, and answer with their classes."""

    @app.post(
        "/v1/predict",
        openapi_extra=BODY,
        responses=schemas.PROBLEMS,
        response_model_exclude_none=True,
    )
    async def predict(
        request: Request,
        top: Annotated[int, Query(ge=1, le=1000, description="number of classes per image")] = 5,
    ) -> schemas.Predictions:
        """Predict one image (the body) or several (files of a form, or JSON in base64).

        For an unreadable image, the answer says why.
        """
        begun = time.perf_counter()
        async with _at_work(service, request) as images:
            decoded = await service.decode(images)
            found = await _predicted(service, images, decoded, top)
        unreadable = [each for each in decoded if isinstance(each, UnreadableImage)]
        service.measures.predicted(
            len(images) - len(unreadable), len(unreadable), time.perf_counter() - begun
        )
        if len(unreadable) == len(images):
            raise _unreadable(request, *unreadable)
        return schemas.Predictions(predictions=found)


async def _predicted(
    service: Service, images: list[Sent], decoded: list[Decoded | UnreadableImage], top: int
) -> list[schemas.OfImage]:
    """Return the prediction of each image, or why it could not be read."""
    whole = [each for each in decoded if not isinstance(each, UnreadableImage)]
    pixels, warnings = [each.pixels for each in whole], [each.warning for each in whole]
    read = iter(
        service.predictor.read(await service.batcher.predict(pixels), top, warnings)
        if pixels
        else []
    )
    return [
        schemas.failure(image.name, each)
        if isinstance(each, UnreadableImage)
        else schemas.prediction(image.name, next(read))
        for image, each in zip(images, decoded, strict=True)
    ]


def add_evidence(app: FastAPI, service: Service) -> None:
    """Take an image, and answer where the evidence for its class lies."""

    @app.post("/v1/heat", openapi_extra=BODY, responses=schemas.PROBLEMS)
    async def heat(request: Request) -> schemas.Heat:
        """Show which parts of an image are the evidence for its class.

        Each part is covered in turn, to see how much the probability falls.
        """
        async with _at_work(service, request) as images:
            (decoded,) = await service.decode(images[:1])
            if isinstance(decoded, UnreadableImage):
                raise _unreadable(request, decoded)
            pixels = decoded.pixels
            label = int((await service.batcher.predict([pixels]))[0].argmax())
            cells = await service.map_evidence(pixels, label)
        return schemas.Heat(
            class_name=service.predictor.class_names[label],
            cells=[[round(each, 4) for each in row] for row in cells.tolist()],
        )


def add_corrections(app: FastAPI, service: Service) -> None:
    """Take an image whose class a person put right."""

    @app.post("/v1/corrections", openapi_extra=BODY, responses=schemas.PROBLEMS)
    async def correct(
        request: Request,
        class_name: Annotated[str, Query(alias="class", description="the correct class")],
    ) -> schemas.Corrected:
        """Save an image under its correct class, for the next training."""
        if service.corrections is None:
            raise Problem(404, "no corrections are collected: serve with --corrections FOLDER")
        if class_name not in service.predictor.class_names:
            raise Problem(422, "unknown class")
        async with _at_work(service, request) as images:
            if len(images) > 1:
                raise Problem(400, "one image at a time")
            # what could not be read would stop the next training
            (decoded,) = await service.decode(images)
            if isinstance(decoded, UnreadableImage):
                raise _unreadable(request, decoded)
            add, loop, content = (
                service.corrections.add,
                asyncio.get_running_loop(),
                images[0].content,
            )
            path = await loop.run_in_executor(
                service.decoders, add, content, format_of(content), class_name
            )
        saved = path.relative_to(service.corrections.folder).as_posix()
        return schemas.Corrected(saved=saved, count=service.corrections.count)


def add_samples(app: FastAPI, service: Service) -> None:
    """Give out the pictures that the page offers to click."""

    @app.get("/v1/samples/{number}", response_class=Response, responses=schemas.PROBLEMS)
    async def sample(number: int) -> Response:
        """Return a sample picture; `GET /v1/model` lists them."""
        samples = service.settings.samples
        if not 0 <= number < len(samples):
            raise Problem(404, "there is no such sample: GET /v1/model lists them")
        return Response(samples[number].content, media_type=samples[number].media_type)


def add_state(app: FastAPI, service: Service) -> None:
    """Answer what the bundle is, and how the server does."""
    told = schemas.about(
        service.predictor.bundle,
        service.settings.samples,
        corrections=service.corrections is not None,
    )

    @app.get("/v1/model")
    async def model() -> schemas.About:
        """Describe the bundle: classes, image form, figures, threshold and model card."""
        return told

    @app.head("/healthz", include_in_schema=False)
    @app.get("/healthz", response_class=PlainTextResponse)
    async def health() -> str:
        """Answer as long as the process runs."""
        return "alive\n"

    @app.head("/readyz", include_in_schema=False)
    @app.get("/readyz", response_class=PlainTextResponse)
    async def readiness() -> Response:
        """Answer 200 while the server can predict, and 503 before that and during shutdown."""
        return PlainTextResponse(
            "ready\n" if service.ready else "not ready\n", 200 if service.ready else 503
        )

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Return counts and times in the format of Prometheus."""
        batcher = service.batcher
        text = service.measures.text(
            batcher.waiting, service.arriving, service.at_work, batcher.batches, batcher.largest
        )
        return Response(text, media_type="text/plain; version=0.0.4")


def add_page(app: FastAPI) -> None:
    """Give out the page and its files."""

    @app.head("/", include_in_schema=False)
    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(STATIC / "index.html", media_type="text/html")

    @app.get("/static/{name}", include_in_schema=False)
    async def asset(name: str) -> Response:
        if name not in ASSETS:
            return JSONResponse({"error": "no such file"}, 404)
        return FileResponse(STATIC / name, media_type=ASSETS[name])


def _unreadable(request: Request, *errors: UnreadableImage) -> Problem:
    """Return the problem where nothing that was sent can be read as an image."""
    hint = hint_of_body(request.headers.get("content-type", ""))
    return Problem(422, "; ".join(map(str, errors)) + hint)


@contextlib.asynccontextmanager
async def _at_work(service: Service, request: Request) -> AsyncIterator[list[Sent]]:
    """Yield the images of a request, as one of those that are at work. Raises Problem."""
    if not service.ready:
        raise Problem(503, "not ready", retry=True)
    service.check_room()
    images = await _arrived(service, request)
    try:
        service.check_room()  # which others may have taken meanwhile
        service.at_work += 1
        try:
            async with asyncio.timeout(service.settings.seconds):
                yield images
        finally:
            service.at_work -= 1
    except TimeoutError:
        raise Problem(
            503, f"no answer within {service.settings.seconds:g} seconds: try again", retry=True
        ) from None
    except Busy:
        raise Problem(503, "too many images are waiting: try again", retry=True) from None
    finally:
        service.budget.give_back(sum(len(image.content) for image in images))


async def _arrived(service: Service, request: Request) -> list[Sent]:
    """Return the images of a request once they are here; slow senders block nobody meanwhile."""
    service.arriving += 1
    try:
        return await read_images(request, service.settings.limits, service.budget)
    except ClientDisconnect:
        raise Problem(400, "the request was not finished") from None
    finally:
        service.arriving -= 1
