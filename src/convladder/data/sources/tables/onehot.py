"""Tables that have a column for each class and a 1 in one of them, as those of ISIC and Roboflow
have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

ONES, ZEROS = {"1", "1.0", "true"}, {"", "0", "0.0", "false"}
# what stands beside the classes, in the ISIC challenges and in tables of fastai and of folds
NO_CLASSES = {"score_weight", "validation_weight", "is_train", "is_valid", "is_test", "fold"}


def class_columns(columns: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the columns that hold nothing but 0 and 1, where these are two or more; else none."""
    found = [
        name
        for name, texts in columns.items()
        if name.lower() not in NO_CLASSES and _is_marked({text.lower() for text in set(texts)})
    ]
    return found if len(found) > 1 else []


def classes_of(columns: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Return the names of the columns that have a 1, for each row."""
    rows = zip(*columns.values(), strict=True)
    return [
        [name for name, text in zip(columns, row, strict=True) if text.lower() in ONES]
        for row in rows
    ]


def _is_marked(values: set[str]) -> bool:
    """Whether a column may mark a class; one that is empty in all rows marks none."""
    return values <= ONES | ZEROS and values != {""}
