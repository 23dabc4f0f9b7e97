"""What Label Studio exports of image classification: tasks (JSON), or rows (JSON-MIN, CSV)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from convladder.data.source import Ignored

# the columns that it adds itself to what was imported and to the answers
OWN_COLUMNS = {
    "id",
    "annotator",
    "annotation_id",
    "created_at",
    "updated_at",
    "lead_time",
    "agreement",
}
MARKS = {"annotation_id", "lead_time"}  # no other table is likely to have both
UNLABELLED = "without a label"

Task = tuple[int, Mapping[str, Any]]  # with its number; so is a row of one


def is_export(columns: Iterable[str]) -> bool:
    """Whether a table of these columns is one of its own, with one row per annotation."""
    return set(columns) >= MARKS


def is_task(value: Any) -> bool:
    """Whether a value of a JSON document is one of its tasks."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("data"), dict)
        and _annotations(value) is not None
    )


def rows_of(tasks: Sequence[Task]) -> tuple[list[Task], list[Ignored]]:
    """Return one row per annotation with its task's number, and the tasks that nobody labelled.

    A row has what was imported, and what was chosen under the name of the question.
    """
    rows: list[Task] = []
    passed: list[Ignored] = []
    for number, task in tasks:
        found = list(_answers(task))
        rows += [(number, {**task["data"], **answers, **dict.fromkeys(MARKS)}) for answers in found]
        if not found:
            passed.append(Ignored(f"task {task.get('id', number)}", UNLABELLED))
    return rows, passed


def question_columns(columns: Iterable[str], taken: Iterable[str]) -> list[str]:
    """Return the columns of an export that may hold answers: not its own, nor `taken`."""
    others = OWN_COLUMNS | set(taken)
    return [column for column in columns if column not in others]


def choices_in(text: str) -> list[str]:
    """Return the classes that a cell holds: one, none, or several, which are written as JSON.

    >>> choices_in("cat"), choices_in('{"choices": ["cat", "dog"]}'), choices_in("")
    (['cat'], ['cat', 'dog'], [])
    >>> choices_in('["cat"]')
    ['cat']
    """
    if text[:1] in ("[", "{"):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return [text]
        if isinstance(value, dict) and set(value) == {"choices"}:
            value = value["choices"]
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return list(dict.fromkeys(each.strip() for each in value if each.strip()))
    return [text] if text else []


def _annotations(task: Mapping[str, Any]) -> list[Any] | None:
    found = task.get("annotations", task.get("completions"))  # what they were called before 1.0
    return found if isinstance(found, list) else None


def _answers(task: Mapping[str, Any]) -> Iterator[dict[str, list[str]]]:
    """Yield the choices of each annotation that was not skipped, by the names of the questions."""
    for annotation in _annotations(task) or []:
        if (
            not isinstance(annotation, dict)
            or annotation.get("was_cancelled")
            or annotation.get("skipped")
        ):
            continue
        answers: dict[str, list[str]] = {}
        for result in annotation.get("result") or []:
            chosen = result.get("value", {}).get("choices") if isinstance(result, dict) else None
            if isinstance(chosen, list):
                answers.setdefault(str(result.get("from_name")), []).extend(map(str, chosen))
        if answers:
            yield answers
