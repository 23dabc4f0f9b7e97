"""Memory that runs out, really: a training that is allowed less than it needs fails, and says what
to do.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
import tensorflow as tf

from convladder.core.experiment import Experiment
from convladder.core.tasks import Failed, Finished, Task
from convladder.core.worker_pool import run_tasks
from convladder.data.loading import load
from convladder.experiments.trial import Trial, run_trial
from convladder.training import fit
from convladder.training.backend import tensorflow

ALLOWED = 300_000_000  # bytes, beside what TensorFlow takes to start
FEW = {"data.source": "digits", "data.limit": 300, "train.epochs": 1}
LARGE = {"data.image_size": (256, 256), "train.batch_size": 200}


def train_with_little_memory(trial: Trial, folder: Path, emit: Any) -> None:
    """Train with no more memory than is allowed; a task."""
    import resource

    import tensorflow as tf

    tf.constant(0)
    most = psutil.Process().memory_info().vms + ALLOWED
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    run_trial(trial, folder, "pytest", emit)


def made(changes: dict[str, Any]) -> Trial:
    experiment = Experiment().replace(FEW | changes)
    return Trial("lenet5", experiment, load(experiment.data))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to so much memory")
def test_a_training_that_needs_too_much_fails_with_advice_and_the_next_is_trained(
    tmp_path: Path,
) -> None:
    """It may end in several ways: TensorFlow says so, or oneDNN does, or the process dies of a
    signal.
    """
    tasks = [
        Task("large", train_with_little_memory, (made(LARGE), tmp_path / "large")),
        Task("small", run_trial, (made({}), tmp_path / "small", "pytest")),
    ]
    failed, finished = [
        each
        for each in run_tasks(tasks, jobs=1, renew_after=1)
        if isinstance(each, Failed | Finished)
    ]
    assert isinstance(failed, Failed)
    assert failed.expected
    assert (
        "out of memory: use fewer --jobs, a smaller train.batch_size or smaller images"
        in failed.error
    )
    assert isinstance(finished, Finished)
    assert not (tmp_path / "large").exists()
    assert (tmp_path / "small/metrics.json").exists()


@pytest.mark.parametrize(
    "error",
    [
        tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[1,2]"),
        tf.errors.AbortedError(
            None, None, "Status: 1, message: could not create a primitive, in file mkl_conv_ops.cc"
        ),
    ],
)
def test_what_tensorflow_and_onednn_say_of_memory_is_known(error: Exception) -> None:
    with pytest.raises(MemoryError), tensorflow.device_errors():
        raise error


def test_other_errors_are_left_as_they_are() -> None:
    error = tf.errors.AbortedError(None, None, "Status: 2, message: could not create a primitive")
    with pytest.raises(tf.errors.AbortedError), tensorflow.device_errors():
        raise error


def graphs() -> int:
    gc.collect()
    return sum(isinstance(each, tf.Graph) for each in gc.get_objects())


def test_a_network_that_is_used_no_more_leaves_none_of_its_graphs() -> None:
    dataset = load(Experiment().replace(FEW).data)

    def train() -> int:
        fit.fit(Experiment().replace(FEW), dataset)
        return graphs()

    assert train() == train(), "or every training takes memory for ever"
