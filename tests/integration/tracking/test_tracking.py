"""TensorBoard and MLflow are told what is trained: read back with the real libraries."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tensorflow as tf
from mlflow import MlflowClient

import convladder as cl
from convladder.core.errors import ExperimentError
from convladder.core.tasks import Failed, Finished, Halted, Message, Notice, Started
from convladder.report import tracking
from convladder.report.tracking import MLflow, TensorBoard, following
from convladder.results.folders import TrialKey

FEW = {"data.limit": 200}
ROW = dict.fromkeys(tracking.EPOCH_FIGURES, 0.5) | {"epoch": 1.0}


def events_in(folder: Path) -> pd.DataFrame:
    """Return the figures that TensorBoard's files hold, a row an epoch."""
    figures: dict[int, dict[str, float]] = {}
    for path in folder.glob("events.out.tfevents.*"):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                figures.setdefault(event.step, {})[value.tag] = value.simple_value
    return pd.DataFrame.from_dict(figures, orient="index")


def test_both_are_told_of_a_climb_and_of_a_training(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    told: dict[str, Any] = {
        "epochs": 2,
        "changes": FEW,
        "tensorboard": True,
        "mlflow": uri,
        "quiet": True,
    }
    climb = cl.climb("digits", rungs=["lenet5"], seeds=2, out=tmp_path / "climb", **told)
    run = cl.train("digits", "lenet5", seed=0, out=tmp_path / "run", **told)
    assert len(climb.runs("lenet5")) == 2
    client = MlflowClient(tracking_uri=uri)
    names = {each.name: each.experiment_id for each in client.search_experiments()}
    kept = {each.info.run_name: each for each in client.search_runs([names["climb"]])}
    assert sorted(kept) == ["lenet5, seed 0", "lenet5, seed 1"]
    (alone,) = client.search_runs([names["run"]])
    for trained, found, events in (
        (
            climb.runs("lenet5")[1],
            kept["lenet5, seed 1"],
            tmp_path / "climb/tensorboard/lenet5/seed-1",
        ),
        (run, alone, tmp_path / "run.tensorboard/lenet5/seed-0"),
    ):
        assert found.info.status == "FINISHED"
        assert found.data.params["train.epochs"] == "2"
        assert found.data.params["seed"] == str(trained.seed)
        assert found.data.metrics["test_accuracy"] == trained.metrics["test"]["accuracy"]
        for name in ("loss", "val_accuracy", "learning_rate"):
            figures = trained.history[name].tolist()
            assert events_in(events)[name].tolist() == pytest.approx(figures)
            logged = client.get_metric_history(found.info.run_id, name)
            assert [(each.step, each.value) for each in logged] == list(enumerate(figures, start=1))


@pytest.mark.parametrize("folder", ["seed-0", "Anna's \"best\" \\' run % _"])
def test_a_trial_that_is_gone_on_with_goes_on_in_its_mlflow_run(
    tmp_path: Path, folder: str
) -> None:
    uri, key = f"sqlite:///{tmp_path / 'mlflow.db'}", TrialKey("lenet5", 0)
    experiments = {key: cl.Experiment()}
    client = MlflowClient(tracking_uri=uri)

    def listen() -> MLflow:
        return MLflow(uri, "climb", experiments, lambda key: tmp_path / folder)

    def the_run() -> Any:
        experiment = client.get_experiment_by_name("climb")
        (run,) = client.search_runs([experiment.experiment_id])
        return run

    first = listen()
    first.follow(Started(key))
    first.follow(Message(key, ROW))
    first.close()
    assert the_run().info.status == "KILLED"
    second = listen()
    second.follow(Started(key))
    assert the_run().info.status == "RUNNING"
    second.follow(Message(key, ROW | {"epoch": 2.0}))
    second.follow(Failed(key, "no memory", ""))
    second.close()
    assert the_run().info.status == "FAILED"
    assert the_run().data.tags["error"] == "no memory"
    assert [each.step for each in client.get_metric_history(the_run().info.run_id, "loss")] == [
        1,
        2,
    ]


def test_what_is_no_figure_of_a_trial_is_not_told(tmp_path: Path) -> None:
    key = TrialKey("lenet5", 0)
    board = TensorBoard(tmp_path)
    for event in (
        Started(key),
        Message(key, "goes on"),
        Message(None, ROW["loss"]),
        Finished(key, None),
    ):
        board.follow(event)
    board.close()
    assert list(tmp_path.iterdir()) == []


def test_a_trial_that_was_halted_is_closed_at_once(tmp_path: Path) -> None:
    uri, key = f"sqlite:///{tmp_path / 'mlflow.db'}", TrialKey("lenet5", 0)
    mlflow = MLflow(uri, "search", {key: cl.Experiment()}, lambda key: tmp_path / "seed-0")
    board = TensorBoard(tmp_path / "board")
    for event in (Started(key), Message(key, ROW), Halted(key)):
        mlflow.follow(event)
        board.follow(event)
    client = MlflowClient(tracking_uri=uri)
    (run,) = client.search_runs([client.get_experiment_by_name("search").experiment_id])
    assert run.info.status == "KILLED"
    assert not board._open


def test_all_of_mlflows_runs_are_closed_though_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri, keys = (
        f"sqlite:///{tmp_path / 'mlflow.db'}",
        [TrialKey("lenet5", seed) for seed in range(3)],
    )
    mlflow = MLflow(
        uri, "climb", dict.fromkeys(keys, cl.Experiment()), lambda key: tmp_path / key.name
    )
    client, close = MlflowClient(tracking_uri=uri), mlflow._client.set_terminated
    failing: list[str] = []

    def fail_once(run: str, status: str) -> None:
        if not failing:
            failing.append(run)
            raise ConnectionError("no server")
        close(run, status)

    monkeypatch.setattr(mlflow._client, "set_terminated", fail_once)
    seen: list[Any] = []
    with following(seen.append, [mlflow], lambda text: None) as on_event:
        for key in keys:
            on_event(Started(key))
    runs = client.search_runs([client.get_experiment_by_name("climb").experiment_id])
    assert {run.info.status for run in runs if run.info.run_id not in failing} == {"KILLED"}
    assert seen[-1] == Notice("MLflow gets no more figures (ConnectionError: no server)")


def test_all_of_tensorboards_files_are_closed_though_one_fails(tmp_path: Path) -> None:
    board, closed = TensorBoard(tmp_path), list[str]()

    class Writer:
        def __init__(self, name: str) -> None:
            self.name = name

        def close(self) -> None:
            closed.append(self.name)
            raise OSError("No space left on device")

    board._open = {TrialKey(name, 0): Writer(name) for name in ("first", "second")}
    board.close()
    assert sorted(closed) == ["first", "second"]


def test_one_that_fails_is_told_nothing_more_and_training_goes_on() -> None:
    said: list[str] = []
    seen: list[Any] = []

    closed: list[Any] = []

    class Broken:
        where = "nowhere"

        def follow(self, event: Any) -> None:
            raise ConnectionError("no server")

        def close(self) -> None:
            closed.append(self)
            raise ConnectionError("still none")

    with following(seen.append, [Broken()], said.append) as on_event:
        on_event(Started("a"))
        on_event(Started("b"))
    lost = Notice("Broken gets no more figures (ConnectionError: no server)")
    assert seen == [Started("a"), lost, Started("b")]
    assert said == ["nowhere"]
    assert len(closed) == 1


@pytest.mark.parametrize(
    ("asked", "module", "extra"),
    [
        ({"tensorboard": True}, "tensorboardX", "tensorboard"),
        ({"mlflow": "sqlite:///x.db"}, "mlflow", "mlflow"),
    ],
)
def test_an_extra_that_is_missing_is_named_before_anything_is_done(
    asked: dict[str, Any], module: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        ExperimentError, match=rf"{module} is not installed: pip install 'convladder\[{extra}\]'"
    ):
        cl.train("digits", "lenet5", out=tmp_path / "run", quiet=True, **asked)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_gets_a_database_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = MLflow("kept/here", "climb", {}, lambda key: tmp_path)
    assert (tmp_path / "kept/here/mlflow.db").is_file()
    assert told.where.endswith(f"--backend-store-uri sqlite:///{tmp_path / 'kept/here/mlflow.db'}")


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("nowhere://", "cannot use MLflow at nowhere://"),
        ("localhost:5000", r"did you mean http://localhost:5000\?"),
        ("mine.db", r"did you mean sqlite:///mine.db\?"),
        (".", "holds MLflow's old file store"),
    ],
)
def test_an_address_that_is_none_is_said(
    uri: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "0").mkdir()
    (tmp_path / "0/meta.yaml").touch()
    with pytest.raises(ExperimentError, match=said):
        MLflow(uri, "climb", {}, lambda key: tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["0"]


@pytest.mark.parametrize(
    ("uri", "where"),
    [
        ("http://me:secret@host:5000", "http://host:5000"),
        (
            "postgresql://me:secret@host/db",
            "mlflow ui --backend-store-uri postgresql://me:...@host/db",
        ),
        ("sqlite:////a b/mlflow.db", "mlflow ui --backend-store-uri 'sqlite:////a b/mlflow.db'"),
    ],
)
def test_where_to_look_tells_no_password(uri: str, where: str) -> None:
    assert tracking._to_look_at(uri) == where
