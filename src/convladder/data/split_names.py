"""Which names stand for splits, wherever a source says them: folders, files, columns, arrays.

They are taken in any case.

>>> split_of("Val"), split_of("cat")
('validation', None)
>>> splits_among(["test", "cat", "Training"])
{'test': 'test', 'Training': 'train'}
"""

from __future__ import annotations

from collections.abc import Iterable

from convladder.data.source import Split

SPLIT_NAMES: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    "eval": "test",  # these are the words of Hugging Face's imagefolder
    "evaluation": "test",
}


def split_of(name: str) -> Split | None:
    """Return the split that a name stands for; None where it stands for none."""
    return SPLIT_NAMES.get(name.lower())


def splits_among(names: Iterable[str]) -> dict[str, Split]:
    """Return those of the names that stand for splits, with the split of each, in their order."""
    return {name: split for name in names if (split := split_of(name))}
