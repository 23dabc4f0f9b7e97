"""Images in JSON, as TensorFlow Serving takes them: {"instances": [{"b64": "…"}, …]}."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

from convladder.deploy.serve.errors import Problem

KIND = "application/json"
FORM = '{"instances": [{"b64": "the bytes of an image file in base64"}]}'

_OBJECT = re.compile(rb'\s*\{\s*["}]')
_NAMED = 2  # braces that open for one instance: {"image": {"b64": "…"}}
_MARKS = 16  # that all else may have: `signature_name`, say


def is_json(kind: str, body: bytes) -> bool:
    """Whether a body is JSON: as its kind says, or as it begins, which no image file does.

    By itself, curl says of all that it sends that it is a form.
    """
    return kind == KIND or _OBJECT.match(body) is not None


def read(body: bytes, most: int) -> list[bytes]:
    """Return the image files of a body, of which there may be so many. Raises Problem."""
    _check_size(body, most)
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise Problem(400, f"the body is not JSON: {FORM}") from None
    instances = told.get("instances") if isinstance(told, dict) else None
    if not isinstance(instances, list) or not instances:
        raise Problem(400, f'the body has no "instances": {FORM}')
    if len(instances) > most:
        raise _too_many(most)
    return [_decoded(each, number) for number, each in enumerate(instances)]


def _check_size(body: bytes, most: int) -> None:
    """Raise Problem where a body has more values than so many images need, before any is made.

    Base64 has none of these marks. Ten million empty objects would fit into a body, and a gigabyte.
    """
    if body.count(b"{") > _NAMED * most + _MARKS or body.count(b"[") > _MARKS:
        raise _too_many(most)
    if body.count(b",") > _NAMED * most + _MARKS:
        raise _too_many(most)


def _too_many(most: int) -> Problem:
    return Problem(413, f"more than {most} images, or more than images: {FORM}")


def _decoded(instance: Any, number: int) -> bytes:
    """Return the bytes of an instance: {"b64": "…"}, also as one of several named inputs."""
    named = list(instance.values()) if isinstance(instance, dict) else []
    inputs = [each for each in (instance, *named) if isinstance(each, dict) and "b64" in each]
    text = inputs[0]["b64"] if len(inputs) == 1 else None
    if not isinstance(text, str):
        raise Problem(400, f"instance {number} is not an image in base64: {FORM}")
    if text.startswith("data:"):
        raise Problem(400, f"instance {number} is a data URL: send only what follows the comma")
    # as `base64` breaks its lines; some leave the padding out
    plain = "".join(text.split()).rstrip("=")
    try:
        padded = plain + "=" * (-len(plain) % 4)
        return base64.b64decode(padded.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        raise Problem(400, f"instance {number} is not in base64") from None
