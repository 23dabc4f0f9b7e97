"""The application that serves a bundle: its service, its routes, and what guards them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from convladder.core.container_limits import cores
from convladder.deploy.serve.access import Guard
from convladder.deploy.serve.batching import Batcher
from convladder.deploy.serve.corrections import Corrections
from convladder.deploy.serve.errors import RETRY_SECONDS, Problem, hint_of_place
from convladder.deploy.serve.measures import Measures
from convladder.deploy.serve.request_body import Budget
from convladder.deploy.serve.routes import (
    add_corrections,
    add_evidence,
    add_page,
    add_predictions,
    add_samples,
    add_state,
)
from convladder.deploy.serve.service import Service, Settings
from convladder.results.bundle.predictor import Predictor


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
    contents = predictor.contents
    app = FastAPI(
        title="convladder",
        version=contents.version,
        summary=f"Recognises {len(contents.class_names)} classes of images.",
        lifespan=lambda _: service.running(),
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
    )
    app.state.service = service
    app.add_middleware(Guard, rules=settings.rules)
    for add in (add_predictions, add_evidence, add_corrections, add_samples, add_state):
        add(app, service)
    add_page(app)
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


async def _answer_problem(request: Request, problem: Problem) -> JSONResponse:
    """Say what is wrong; the connection ends where some of the body was not read."""
    headers = {"Retry-After": str(RETRY_SECONDS)} if problem.retry else {}
    if problem.status in (413, 503):
        headers["Connection"] = "close"
    return JSONResponse({"error": problem.why}, problem.status, headers)
