"""In how many bits layers compute, and whether the processor can."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import keras

from convladder.core.tasks import WarningText

# docs/decisions/032-bfloat16-is-a-setting-not-a-default.md
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}  # Keras's names
PROCESSOR = Path("/proc/cpuinfo")  # Linux's
# how x86 and Arm say that they multiply in bfloat16
IN_HARDWARE = {"avx512_bf16", "amx_bf16", "bf16"}
SLOW = (
    "bfloat16 is many times slower than float32 on this processor, which has no instructions for it"
)

_told: set[str] = set()


@contextlib.contextmanager
def computing_in(precision: Literal["float32", "bfloat16"]) -> Iterator[None]:
    """Let layers built meanwhile compute so; weights are float32 (Micikevicius et al. 2018)."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(POLICIES[precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def warn(precision: str, say: Callable[[str], None]) -> None:
    """Tell once in a process that the processor has to imitate what it is to compute in."""
    if precision not in _told and is_imitated(precision):
        say(WarningText(SLOW))
    _told.add(precision)


def is_imitated(precision: str) -> bool:
    """Whether a processor is to compute so, in many steps, without instructions for it."""
    if precision == "float32":
        return False
    able = _abilities()
    if not able or able & IN_HARDWARE:
        return False
    return all(device.startswith("cpu") for device in keras.distribution.list_devices())


def _abilities() -> set[str]:
    """Return the processor's abilities, by the names that the system gives them."""
    with contextlib.suppress(OSError):
        for line in PROCESSOR.read_text(encoding="utf-8").splitlines():
            name, _, said = line.partition(":")
            if name.strip() in ("flags", "Features"):
                return set(said.split())
    return set()
