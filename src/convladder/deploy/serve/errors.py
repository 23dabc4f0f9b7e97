"""What is wrong with a request, as its answer says it."""

from __future__ import annotations

RETRY_SECONDS = 1


class Problem(Exception):
    """The status of the answer, and why; `retry` where the same request may do later."""

    def __init__(self, status: int, why: str, *, retry: bool = False) -> None:
        super().__init__(why)
        self.status, self.why, self.retry = status, why, retry
