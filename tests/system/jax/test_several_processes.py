"""One network over two processes on the loopback, and over two devices of one: it comes out as on
one device.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from convladder.core.devices import Parallel
from convladder.core.errors import ExperimentError, TrainingError
from convladder.core.experiment import Experiment
from convladder.core.settings.data import Data
from convladder.data.loading import load
from convladder.experiments import trial
from convladder.results import saved_run
from limits import HANG
from stops import start_command

pytest.importorskip("jax")
pytestmark = pytest.mark.xdist_group("several_processes")

SUPPORT = Path(__file__).parents[2] / "support"


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of what `one_of_several.py` leaves, of two processes and of one."""
    folder = tmp_path_factory.mktemp("several")
    environment = os.environ | {"KERAS_BACKEND": "jax", "PJRT_NPROC": "1", "JAX_PLATFORMS": "cpu"}
    # the second training is the first's
    environment |= {"JAX_COMPILATION_CACHE_DIR": str(folder / "compiled")}
    environment |= {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1"}
    meeting = f"127.0.0.1:{free_port()}"
    started = [
        subprocess.Popen(
            [sys.executable, SUPPORT / "one_of_several.py", folder, count, number, meeting],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for count, number in (("2", "0"), ("2", "1"), ("1", "0"))
    ]
    said = [process.communicate(timeout=HANG)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], said
    return folder


def weights(trained: Path, name: str) -> list[NDArray[np.float32]]:
    with np.load(trained / name / "weights.npz") as file:
        return [file[key] for key in file.files]


@pytest.mark.parametrize("kind", ["whole", "stopped"])
def test_both_processes_end_with_equal_weights(trained: Path, kind: str) -> None:
    for one, other in zip(
        weights(trained, f"{kind}-0"), weights(trained, f"{kind}-1"), strict=True
    ):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("kind", ["whole-0", "devices"])
def test_it_comes_out_as_on_one_device_with_the_same_batches_but_for_rounding(
    trained: Path, kind: str
) -> None:
    """So the statistics of batch normalisation are of whole batches, and all draw the same at
    random.
    """
    for one, alone in zip(weights(trained, kind), weights(trained, "one"), strict=True):
        assert np.allclose(one, alone, rtol=1e-3, atol=1e-4)
    histories = [pd.read_csv(trained / name / "history.csv") for name in (kind, "one")]
    assert np.allclose(*histories, rtol=1e-3)


def test_what_one_process_was_asked_to_stop_goes_on_in_all_to_the_same_bits(trained: Path) -> None:
    assert not (trained / "never").exists()
    for one, other in zip(weights(trained, "stopped-0"), weights(trained, "whole-0"), strict=True):
        assert np.array_equal(one, other)


def test_training_and_prediction_on_jax_import_no_tensorflow(trained: Path) -> None:
    modules = (trained / "modules.txt").read_text().splitlines()
    assert "jax" in modules
    assert "tensorflow" not in modules


def test_the_same_command_in_each_process_trains_one_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    words = [
        "train",
        "digits",
        "--limit",
        "100",
        "--rung",
        "lenet5",
        "--epochs",
        "1",
        "--jobs",
        "1",
    ]
    words += ["--set", "model.filters=[4]", "--set", "model.dense=[]"]  # little to compile
    words += ["--set", "train.precision=bfloat16", "--out", "run", "--processes", "2"]
    words += ["--coordinator", f"127.0.0.1:{free_port()}", "--process-id"]
    places = [tmp_path / "first", tmp_path / "second"]
    for place in places:
        place.mkdir()
    started = [start_command(*words, str(number), cwd=place) for number, place in enumerate(places)]
    said = [process.communicate(timeout=HANG)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    assert "process 1 of 2 works for process 0" in said[1]
    environment = saved_run.SavedRun(places[0] / "run").about["environment"]
    assert (environment["processes"], environment["devices"]) == (2, 2)
    assert list(places[1].iterdir()) == []


def test_processes_may_have_the_images_and_the_backbone_elsewhere_and_nothing_else() -> None:
    dataset = load(Data(source="digits", limit=100))
    here = Experiment().replace({"model.backbone": "runs/a", "model.backbone_sha256": "0" * 64})

    def said(changes: dict[str, Any]) -> dict[str, str]:
        return trial._alike(trial.Trial("lenet5", here.replace(changes), dataset))

    assert said({"data.source": "/mnt/images", "model.backbone": "/mnt/a"}) == said({})
    for other in ({"train.learning_rate": 0.1}, {"model.backbone_sha256": "1" * 64}):
        assert said(other)["settings"] != said({})["settings"]


def test_in_which_settings_processes_differ_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from convladder.training import multihost  # which imports JAX

    dataset = load(Data(source="digits", limit=100))
    first, other = (
        trial.Trial(
            "lenet5", Experiment().replace({"train.epochs": epochs, "seed": epochs}), dataset
        )
        for epochs in (1, 2)
    )
    sums: list[Any] = []
    monkeypatch.setattr(
        multihost.multihost_utils,
        "process_allgather",
        lambda own: sums.append(own) or np.stack([own]),
    )
    for each in (trial._alike(first), trial._settings(first)):
        assert multihost._differing(each) == []
    firsts = iter(sums)
    monkeypatch.setattr(
        multihost.multihost_utils, "process_allgather", lambda own: np.stack([next(firsts), own])
    )
    with pytest.raises(
        TrainingError, match=r"^process 1 has another seed, train\.epochs than process 0: give the"
    ):
        multihost._check_alike(trial._alike(other), trial._settings(other))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"devices": 2}, "needs JAX: set KERAS_BACKEND=jax"),
        ({"processes": 2}, "2 processes need a coordinator, the HOST:PORT of process 0"),
        (
            {"processes": 2, "process_id": 2, "coordinator": "a:1"},
            "the id of one of 2 processes must be below 2; got 2",
        ),
        ({"coordinator": "a:1"}, "coordinator a:1 is only for several processes"),
        ({"devices": 0}, "devices must be 1 or more; got 0"),
    ],
)
def test_devices_that_cannot_be_are_refused(
    given: dict[str, int], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    with pytest.raises(ExperimentError, match=said):
        Parallel(**given)  # type: ignore[arg-type]


def test_a_batch_must_be_a_multiple_of_the_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(
        ExperimentError, match=r"train\.batch_size 32 cannot be split among 3 devices"
    ):
        Parallel(devices=3).check_batch(32)
