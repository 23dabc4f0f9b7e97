"""Exceptions between processes: each of ours keeps its class, its message and what it carries."""

from __future__ import annotations

import importlib
import pickle
import re
from pathlib import Path

import pytest

import convladder
from convladder.core import worker
from convladder.core.devices import ALONE
from convladder.core.errors import ConvladderError, DataError, TrainingError, UnreadableImage
from convladder.core.tasks import Failed, Task
from convladder.core.worker_pool import call, run_tasks
from convladder.experiments import single_training
from convladder.results.folders import TrialKey
from raising import KeptApart, divide, example, raise_it, raise_unportable, return_unportable


def every_kind() -> list[type[ConvladderError]]:
    """Return the classes of all errors that convladder raises, in whatever module they are."""
    root, found = Path(convladder.__file__).parent, {"ConvladderError": ConvladderError}
    declared = [
        (path.relative_to(root.parent).with_suffix(""), *names)
        for path in sorted(root.rglob("*.py"))
        for names in re.findall(r"^class (\w+)\((\w+)\):", path.read_text(), re.MULTILINE)
    ]
    while new := [each for each in declared if each[2] in found and each[1] not in found]:
        for path, name, _ in new:
            found[name] = getattr(importlib.import_module(".".join(path.parts)), name)
    return list(found.values())


KINDS = [*every_kind(), KeptApart]


def alike(error: BaseException, other: BaseException) -> bool:
    return (type(error), str(error), vars(error), error.args) == (
        type(other), str(other), vars(other), other.args,
    )  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_each_error_survives_a_pickle(kind: type[ConvladderError]) -> None:
    error = example(kind)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert alike(pickle.loads(pickle.dumps(error, protocol)), error)
    assert alike(error.copied(), error)


@pytest.mark.parametrize("kind", KINDS)
def test_each_error_survives_the_way_from_a_node_of_ray(kind: type[ConvladderError]) -> None:
    pytest.importorskip("ray", reason="the extra 'cluster' is not installed")
    from ray import cloudpickle
    from ray.exceptions import RayTaskError

    sent = RayTaskError("Host.run", "its traceback", example(kind), pid=1, ip="10.0.0.1")
    came = cloudpickle.loads(cloudpickle.dumps(sent)).as_instanceof_cause()
    assert alike(came.cause, example(kind))


def test_all_errors_are_among_them() -> None:
    assert {UnreadableImage, TrainingError, KeptApart} < set(KINDS)
    assert len(KINDS) > 10


def test_a_worker_hands_each_error_on_as_it_is() -> None:
    failed = {
        event.key: event.cause
        for event in run_tasks([Task(kind.__name__, raise_it, (kind,)) for kind in KINDS], jobs=1)
        if isinstance(event, Failed)
    }
    for kind in KINDS:
        cause = failed[kind.__name__]
        assert cause is not None
        assert alike(cause, example(kind))


def test_what_a_call_raises_is_what_the_function_has_raised() -> None:
    with pytest.raises(UnreadableImage) as raised:
        call(raise_it, UnreadableImage)
    assert (raised.value.reason, raised.value.detail) == ("the reason", "the detail")


def test_what_a_single_training_raises_is_what_its_worker_has_raised() -> None:
    for kind in (DataError, KeptApart):
        task = Task(TrialKey("lenet5", 0), raise_it, (kind,))
        with pytest.raises(kind) as raised:
            single_training._run_one(task, ALONE, 1, lambda event: None)
        assert alike(raised.value, example(kind))


def test_what_cannot_be_pickled_is_told_in_words() -> None:
    with pytest.raises(ConvladderError, match="it holds a generator") as raised:
        call(raise_unportable)
    assert type(raised.value) is ConvladderError
    with pytest.raises(RuntimeError, match=r"cannot pickle 'generator' object"):
        call(return_unportable)


def test_a_defect_brings_its_traceback_along() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)in divide\n.*ZeroDivisionError: division by zero"):
        call(divide)


def test_what_is_said_of_an_error_holds_nothing_of_where_it_came_from() -> None:
    def fail() -> None:
        raise DataError("no such folder")

    with pytest.raises(DataError) as raised:
        fail()
    *_, cause = worker.describe(raised.value)
    assert raised.value.__traceback__ is not None
    assert cause is not None
    assert cause.__traceback__ is None
