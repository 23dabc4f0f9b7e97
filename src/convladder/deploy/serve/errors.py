"""What is wrong with a request, as its answer says it, and what was most likely meant."""

from __future__ import annotations

RETRY_SECONDS = 1
CURL = "curl --data-binary @FILE"
FORM_OF_CURL = "application/x-www-form-urlencoded"  # as it calls what -d and --data-binary send


class Problem(Exception):
    """The status of the answer, and why; `retry` where the same request may do later."""

    def __init__(self, status: int, why: str, *, retry: bool = False) -> None:
        super().__init__(why)
        self.status, self.why, self.retry = status, why, retry


def hint_of_place(status: int, method: str) -> str:
    """Say where images are taken, to who asked elsewhere (404) or by another method (405)."""
    wrong = "there is nothing" if status == 404 else f"{method} is not supported"
    right = f"send images with POST /v1/predict, such as {CURL}"
    return f"{wrong} at this path. {right} (GET /openapi.json lists all paths)"


def hint_of_body(content_type: str) -> str:
    """Say how a file is sent unchanged; nothing where it was no form of curl's."""
    kind = content_type.partition(";")[0].strip().lower()
    return f"; curl -d changes the file: send it with {CURL}" if kind == FORM_OF_CURL else ""
