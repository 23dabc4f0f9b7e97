"""A task that logs."""

from __future__ import annotations

import logging
from typing import Any

logger = logging.getLogger("convladder.of_a_worker")


def log(emit: Any) -> None:
    """Say something at each level."""
    del emit
    logger.debug("a detail")
    logger.info("a %s", "fact")
    try:
        raise ValueError("torn")
    except ValueError:
        logger.warning("100 % of it", exc_info=True)
