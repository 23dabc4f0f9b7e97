"""A processor that has to imitate bfloat16 is told of, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from convladder.training import precision

IMITATES = "processor\t: 0\nflags\t\t: fpu avx2 fma\n"


def warned(monkeypatch: pytest.MonkeyPatch, processor: Path, asked: str = "bfloat16") -> list[str]:
    monkeypatch.setattr(precision, "PROCESSOR", processor)
    monkeypatch.setattr(precision, "_told", set())
    said: list[str] = []
    precision.warn(asked, said.append)
    precision.warn(asked, said.append)
    return said


@pytest.mark.parametrize(
    ("told", "asked", "said"),
    [
        (IMITATES, "bfloat16", [precision.SLOW]),
        (IMITATES, "float32", []),
        ("flags : avx512f avx512_bf16\n", "bfloat16", []),
        ("Features\t: fp asimd i8mm bf16\n", "bfloat16", []),
        ("Features\t: fp asimd\n", "bfloat16", [precision.SLOW]),
        ("what another system says\n", "bfloat16", []),
    ],
)
def test_bfloat16_is_warned_of_where_the_processor_imitates_it(
    told: str, asked: str, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processor = tmp_path / "cpuinfo"
    processor.write_text(told)
    assert warned(monkeypatch, processor, asked) == said


def test_nothing_is_said_where_the_system_tells_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert warned(monkeypatch, tmp_path / "none") == []


def test_nothing_is_said_where_an_accelerator_computes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processor = tmp_path / "cpuinfo"
    processor.write_text(IMITATES)
    monkeypatch.setattr(precision.keras.distribution, "list_devices", lambda: ["gpu:0"])
    assert warned(monkeypatch, processor) == []
