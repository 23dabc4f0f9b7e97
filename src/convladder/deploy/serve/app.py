"""The application: what is asked of a bundle by HTTP, and how it answers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from numpy.typing import NDArray
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from convladder.core.container_limits import cores
from convladder.core.errors import UnreadableImage
from convladder.data.decoding.images import Limits as ImageLimits
from convladder.data.decoding.images import Pixels, format_of, read_header
from convladder.deploy.serve import schemas
from convladder.deploy.serve.access import ASSETS, STATIC, Guard, Rules
from convladder.deploy.serve.batching import QUEUED, Batcher, Busy
from convladder.deploy.serve.corrections import Corrections
from convladder.deploy.serve.errors import RETRY_SECONDS, Problem, hint_of_body, hint_of_place
from convladder.deploy.serve.measures import Measures
from convladder.deploy.serve.request_body import BODY, Budget, Limits, Sent, read_images
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


def create_app(predictor: Predictor, settings: Settings | None = None) -> FastAPI:
    """Return the application that serves a bundle; its `state.service` says whether it is ready."""
    settings = settings or Settings()
    service = Service(
        predictor,
        settings,
        Batcher(predictor, settings.queued),
        Measures(),
        Budget(settings.limits.in_flight),
        Corrections(settings.corrections) if settings.corrections else None,
        ThreadPoolExecutor(cores()),
    )

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with service.batcher.running():
            service.ready = True
            yield
            service.ready = False
        for pool in (service.decoders, service.large, service.mapper):
            pool.shutdown(wait=False, cancel_futures=True)

    contents = predictor.contents
    app = FastAPI(
        title="convladder",
        version=contents.version,
        summary=f"Recognises {len(contents.class_names)} classes of images.",
        lifespan=lifespan,
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
    )
    app.state.service = service
    app.add_middleware(Guard, rules=settings.rules)
    _add_predictions(app, service)
    _add_corrections(app, service)
    _add_state(app, service)
    _add_page(app)
    app.add_exception_handler(Problem, _answer_problem)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _answer_invalid)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, _answer_other)  # type: ignore[arg-type]
    return app


async def _answer_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    """Say which value is wrong, as all problems are said."""
    first = error.errors()[0]
    return JSONResponse({"error": f"{first['loc'][-1]}: {first['msg']}"}, 422)


async def _answer_other(request: Request, error: HTTPException) -> JSONResponse:
    elsewhere = error.status_code in (404, 405)
    why = hint_of_place(error.status_code, request.method) if elsewhere else str(error.detail)
    return JSONResponse({"error": why}, error.status_code, error.headers)


def _unreadable(request: Request, *errors: UnreadableImage) -> Problem:
    """Return the problem where nothing that was sent can be read as an image."""
    hint = hint_of_body(request.headers.get("content-type", ""))
    return Problem(422, "; ".join(map(str, errors)) + hint)


async def _answer_problem(request: Request, problem: Problem) -> JSONResponse:
    """Say what is wrong; the connection ends where some of the body was not read."""
    headers = {"Retry-After": str(RETRY_SECONDS)} if problem.retry else {}
    if problem.status in (413, 503):
        headers["Connection"] = "close"
    return JSONResponse({"error": problem.why}, problem.status, headers)


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


def _add_predictions(app: FastAPI, service: Service) -> None:
    predictor = service.predictor

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
            whole = [each for each in decoded if not isinstance(each, UnreadableImage)]
            pixels, warnings = [each.pixels for each in whole], [each.warning for each in whole]
            read = iter(
                predictor.read(await service.batcher.predict(pixels), top, warnings)
                if pixels
                else []
            )
            found = [
                schemas.failure(image.name, each)
                if isinstance(each, UnreadableImage)
                else schemas.prediction(image.name, next(read))
                for image, each in zip(images, decoded, strict=True)
            ]
        service.measures.predicted(
            len(pixels), len(images) - len(pixels), time.perf_counter() - begun
        )
        if not pixels:
            raise _unreadable(
                request, *(each for each in decoded if isinstance(each, UnreadableImage))
            )
        return schemas.Predictions(predictions=found)

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
            class_name=predictor.class_names[label],
            cells=[[round(each, 4) for each in row] for row in cells.tolist()],
        )


def _add_corrections(app: FastAPI, service: Service) -> None:
    @app.post("/v1/corrections", openapi_extra=BODY, responses=schemas.PROBLEMS)
    async def correct(
        request: Request,
        class_name: Annotated[str, Query(alias="class", description="the correct class")],
    ) -> schemas.Corrected:
        """Save an image under its correct class, for the next training."""
        if service.corrections is None:
            raise Problem(404, "corrections are not collected here: serve with --corrections DIR")
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


def _add_state(app: FastAPI, service: Service) -> None:
    @app.get("/v1/model")
    async def model() -> schemas.About:
        """Describe the bundle: classes, image form, figures, threshold and model card."""
        return schemas.about(service.predictor.bundle, corrections=service.corrections is not None)

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


def _add_page(app: FastAPI) -> None:
    @app.head("/", include_in_schema=False)
    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(STATIC / "index.html", media_type="text/html")

    @app.get("/static/{name}", include_in_schema=False)
    async def asset(name: str) -> Response:
        if name not in ASSETS:
            return JSONResponse({"error": "no such file"}, 404)
        return FileResponse(STATIC / name, media_type=ASSETS[name])


def service_of(app: Any) -> Service:
    """Return the service of an application."""
    service: Service = app.state.service
    return service
