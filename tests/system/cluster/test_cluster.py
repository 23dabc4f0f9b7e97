"""Trials on a Ray cluster of two nodes on the loopback: the same bits as here; a node that dies
costs little.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import cores
import loopback
from convladder.core.errors import ClusterError, DataError
from convladder.core.experiment import Experiment
from convladder.core.ladder import load_ladder
from convladder.core.settings.data import Data
from convladder.core.tasks import Event, Failed, Finished, Halted, Message, Notice, Started, Task
from convladder.core.worker_pool import Pool
from convladder.data.dataset import SplitDataset
from convladder.data.loading import load
from convladder.experiments import climb_plan, climbing
from convladder.experiments.climb_plan import Plan
from convladder.experiments.engines import Engine, engine_at
from convladder.experiments.pretrained import backbones
from convladder.experiments.ray import connection, delivery, node_places
from convladder.experiments.ray.bank_transfer import BankManifest, pieces
from convladder.experiments.ray.node_versions import Versions
from convladder.experiments.resume import ResumePolicy
from convladder.experiments.trial import Trial, run_trial
from convladder.results import folders, saved_run
from convladder.results.folders import TrialKey
from convladder.results.saved_climb import SavedClimb
from deadly import die
from kept_workers import kept_workers
from loopback import Nodes

pytest.importorskip("ray", reason="the extra 'cluster' is not installed")
pytestmark = [
    pytest.mark.xdist_group("cluster"),
    pytest.mark.skipif(
        sys.platform != "linux", reason="other systems have one address on the loopback"
    ),
]

CHANGES = {"train.epochs": 200, "train.checkpoint_seconds": 1}
TIMES = ["seconds", "train_milliseconds_per_image"]


@pytest.fixture(scope="module", autouse=True)
def workers() -> Iterator[None]:
    """Keep the workers of this machine; those of nodes are the nodes'."""
    with kept_workers():
        yield


@pytest.fixture(scope="module")
def two_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with cores.every(), loopback.started(tmp_path_factory.mktemp("nodes"), 2) as started:
        yield started


@pytest.fixture(scope="module")
def digits(own_cache: Path) -> SplitDataset:
    assert own_cache.exists()
    return load(Data(source="digits", limit=200))


@pytest.fixture(scope="module")
def plan(digits: SplitDataset) -> Plan:
    """Two trials: one rung, two seeds."""
    ladder = load_ladder("classic").part(["lenet5"])
    return climb_plan.make_plan(ladder, range(2), CHANGES, lambda data: digits)


@pytest.fixture(scope="module", autouse=True)
def deliveries() -> Iterator[list[str]]:
    """The names of the banks that were sent to a node, each time that one was."""
    sent: list[str] = []

    def note(folder: Path, waybill: BankManifest) -> Any:
        sent.append(folder.name)
        return pieces(folder, waybill)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delivery, "pieces", note)
        yield sent


@dataclass
class Follower:
    """Takes note of what happens, and does something at the first event for which it is time."""

    engine: Engine
    folder: Path
    events: list[Event] = field(default_factory=list)
    pool: Any = None

    def climb(self, plan: Plan) -> list[Failed]:
        def make_pool(*given: Any, **settings: Any) -> Pool:
            self.pool = self.engine.make_pool(*given, **settings)
            return self.pool

        engine = Engine(make_pool, self.engine.jobs, self.engine.shares_disk, self.engine.about)
        return climbing.climb(
            plan,
            self.folder,
            engine=engine,
            how=ResumePolicy(),
            on_weights=lambda weights: None,
            on_event=self.take,
        )

    def take(self, event: Event) -> None:
        self.events.append(event)

    def has_checkpoint(self, key: TrialKey) -> bool:
        """Whether a checkpoint of the trial is here, on the driver's disk."""
        return any(
            folders.unfinished(folders.trial_folder(self.folder, key)).glob("checkpoint-*.json")
        )


@dataclass
class NodeKiller(Follower):
    """Kills the node of the first trial of which a checkpoint has come."""

    nodes: Any = None
    victim: TrialKey | None = None
    killed: str = ""

    def take(self, event: Event) -> None:
        super().take(event)
        if self.victim is None and isinstance(event, Message) and self.has_checkpoint(event.key):
            (lane,) = [
                lane for lane in self.pool._lanes if lane.task and lane.task.key == event.key
            ]
            self.victim, self.killed = event.key, lane._place.node_id
            self.nodes.kill(self.killed)


@dataclass
class Stopper(Follower):
    """Presses Ctrl-C when a trial has told of an epoch."""

    pressed: bool = False

    def take(self, event: Event) -> None:
        super().take(event)
        if not self.pressed and isinstance(event, Message) and isinstance(event.value, dict):
            self.pressed = True
            signal.raise_signal(signal.SIGINT)


@pytest.fixture(scope="module")
def here(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The climb, on this machine."""
    folder = tmp_path_factory.mktemp("here")
    with engine_at(None, jobs=1) as engine:
        assert Follower(engine, folder).climb(plan) == []
    return folder


def predictions(folder: Path, plan: Plan) -> list[bytes]:
    return [
        (folders.trial_folder(folder, trial.key) / "predictions.csv").read_bytes()
        for trial in plan.trials
    ]


def of_kind(events: Sequence[Event], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def test_a_node_with_other_versions_is_named_before_anything_trains(
    two_nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "9.9" if name == "keras" else real(name))
    refused = rf"\(127\.0\.0\.3\) has keras {real('keras')}, this machine 9\.9"
    with pytest.raises(ClusterError, match=refused), engine_at(two_nodes.address):
        pass


def test_a_trial_from_outside_the_cluster_whose_process_dies_again_and_again_has_failed(
    two_nodes: Nodes, plan: Plan, tmp_path: Path
) -> None:
    task = Task("deadly", die, (plan.trials[0], tmp_path / "run"))
    with engine_at(two_nodes.address_from_outside) as engine:
        events = list(engine.pool([task], renew_after=12).events())
    assert len(of_kind(events, Started)) == 1
    assert len(of_kind(events, Message)) == node_places.LOSSES - 1
    (failed,) = of_kind(events, Failed)
    assert failed.expected
    assert "status -9" in failed.error


def test_a_node_that_joins_with_other_versions_is_left_out_and_the_other_does_the_work(
    two_nodes: Nodes, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newcomer = list(two_nodes.by_id.values())[1]

    def compare(self: connection.Connection, name: str, versions: Versions) -> list[str]:
        return [f"{name} has keras 2"] if newcomer.node_ip_address in name else []

    monkeypatch.setattr(connection.Connection, "compare", compare)
    short = [
        replace(trial, experiment=trial.experiment.replace({"train.epochs": 1}))
        for trial in plan.trials
    ]
    tasks = [
        Task(trial.key, run_trial, (trial, tmp_path / trial.key.name, "a command"))
        for trial in short
    ]
    with engine_at(two_nodes.address, jobs=2) as engine:
        events = list(engine.pool(tasks, renew_after=12).events())
    assert [event.key for event in of_kind(events, Finished)] == [task.key for task in tasks]
    (notice,) = of_kind(events, Notice)
    assert "is not used, because its results could not be compared: " in notice.text
    assert newcomer.node_ip_address in notice.text


def test_a_node_that_cannot_take_the_images_is_named(
    two_nodes: Nodes, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deliver(*given: Any) -> bool:
        raise DataError("make room there")

    monkeypatch.setattr(delivery.Deliveries, "deliver_bank", deliver)
    task = Task("any", run_trial, (plan.trials[0], tmp_path / "run", "a command"))
    with (
        engine_at(two_nodes.address) as engine,
        pytest.raises(ClusterError, match=r"127\.0\.0\.\d.*make room"),
    ):
        list(engine.pool([task], renew_after=12).events())


def test_a_trial_that_is_halted_ends_and_brings_home_what_it_has(
    two_nodes: Nodes, plan: Plan, tmp_path: Path
) -> None:
    task = Task("halted", run_trial, (plan.trials[0], tmp_path / "run", "a command"))
    events = []
    with engine_at(two_nodes.address) as engine:
        pool = engine.pool([task], renew_after=12)
        for event in pool.events():
            events.append(event)
            if isinstance(event, Message):
                pool.halt("halted")
    assert events[-1] == Halted("halted")
    assert list((tmp_path / "run.unfinished").glob("checkpoint-*.json"))


def test_a_backbone_goes_to_a_node_that_does_not_have_it(
    two_nodes: Nodes, digits: SplitDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small = {"model.filters": [4], "train.epochs": 1}
    begun = Trial("own", Experiment().replace(small | digits.settled()), digits)

    def run(engine: Engine, trial: Trial, folder: str) -> list[Event]:
        task = Task(folder, run_trial, (trial, Path(folder), "a command"))
        return of_kind(list(engine.pool([task], renew_after=12).events()), Failed)

    with engine_at(None, jobs=1) as engine:
        assert run(engine, begun, "own") == []
        start = backbones.changes("own", None, {}) | {
            "model.pretrained": True,
            "train.frozen_share": 1,
        }
        transferred = replace(
            begun, experiment=backbones.with_backbone(begun.experiment.replace(start))
        )
        assert run(engine, transferred, "here") == []
    with engine_at(two_nodes.address, jobs=1) as engine:
        assert run(engine, transferred, "there") == []
    sha256 = transferred.experiment.model.backbone_sha256
    kept = [two_nodes.cache(number) / "backbones" / f"{sha256}.safetensors" for number in range(2)]
    assert sum(path.is_file() for path in kept) == 1
    assert Path("there/predictions.csv").read_bytes() == Path("here/predictions.csv").read_bytes()


@pytest.fixture
def heeds_ctrl_c() -> Iterator[None]:
    """Answer Ctrl-C as Python does: a shell's background jobs ignore it, and so would what they
    start.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeds_ctrl_c")
def test_a_stop_brings_the_checkpoint_home_and_this_machine_goes_on_to_the_same_bits(
    two_nodes: Nodes, plan: Plan, here: Path, tmp_path: Path
) -> None:
    with engine_at(two_nodes.address, jobs=1) as engine, pytest.raises(KeyboardInterrupt):
        Stopper(engine, tmp_path).climb(plan)
    begun = [
        trial.key for trial in plan.trials if Follower(engine, tmp_path).has_checkpoint(trial.key)
    ]
    assert len(begun) == 1
    with engine_at(None, jobs=1) as engine:
        assert Follower(engine, tmp_path).climb(plan) == []
    assert len(saved_run.SavedRun(folders.trial_folder(tmp_path, begun[0])).about["resumed"]) == 1
    assert predictions(tmp_path, plan) == predictions(here, plan)


@pytest.fixture(scope="module")
def survived(two_nodes: Nodes, plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> NodeKiller:
    """A climb in whose middle one of the two nodes dies; it is dead for all tests that follow."""
    with engine_at(two_nodes.address) as engine:
        climbed = NodeKiller(engine, tmp_path_factory.mktemp("survived"), nodes=two_nodes)
        assert climbed.climb(plan) == []
    return climbed


def test_a_climb_that_loses_a_node_comes_to_the_same_bits(
    survived: NodeKiller, plan: Plan, here: Path
) -> None:
    assert predictions(survived.folder, plan) == predictions(here, plan)
    tables = [
        SavedClimb(folder).trials_table().drop(columns=TIMES) for folder in (survived.folder, here)
    ]
    assert tables[0].equals(tables[1])


def test_a_node_that_dies_costs_its_running_trial_what_came_after_its_last_checkpoint(
    survived: NodeKiller, plan: Plan
) -> None:
    lost = [
        event.key for event in of_kind(survived.events, Message) if "was lost" in str(event.value)
    ]
    assert lost == [survived.victim]
    went_on = [
        trial.key
        for trial in plan.trials
        if "resumed" in saved_run.SavedRun(folders.trial_folder(survived.folder, trial.key)).about
    ]
    assert went_on == lost
    assert len(of_kind(survived.events, Started)) == len(of_kind(survived.events, Finished)) == 2


def test_the_bank_goes_to_each_node_once(
    survived: NodeKiller, deliveries: list[str], digits: SplitDataset, two_nodes: Nodes
) -> None:
    assert deliveries == 2 * [digits.bank.folder.name]
    for number in range(2):
        copy = two_nodes.cache(number) / "banks" / digits.bank.folder.name
        assert (copy / "images.npy").read_bytes() == (
            digits.bank.folder / "images.npy"
        ).read_bytes()


def test_nothing_of_the_trials_is_left_on_a_node(survived: NodeKiller, two_nodes: Nodes) -> None:
    alive = [number for number, node_id in enumerate(two_nodes.by_id) if node_id != survived.killed]
    assert [list((two_nodes.cache(number) / "trials").iterdir()) for number in alive] == [[]]
