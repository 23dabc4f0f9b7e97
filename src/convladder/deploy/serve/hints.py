"""What a person most likely meant, whose request came to nothing."""

from __future__ import annotations

CURL = "curl --data-binary @FILE"
FORM_OF_CURL = "application/x-www-form-urlencoded"  # as it calls what -d and --data-binary send


def of_place(status: int, method: str) -> str:
    """Say where images are taken, to who asked elsewhere (404) or by another method (405)."""
    wrong = "there is nothing" if status == 404 else f"{method} is not supported"
    right = f"send images with POST /v1/predict, such as {CURL}"
    return f"{wrong} at this path. {right} (GET /openapi.json lists all paths)"


def of_body(content_type: str) -> str:
    """Say how a file is sent unchanged; nothing where it was no form of curl's."""
    kind = content_type.partition(";")[0].strip().lower()
    return f"; curl -d changes the file: send it with {CURL}" if kind == FORM_OF_CURL else ""
