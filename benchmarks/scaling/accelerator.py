"""What an accelerator brings: trainings and climbs on JAX, on this machine's accelerator and on its
processor.

python benchmarks/scaling/accelerator.py [--rounds 1] [--out benchmarks/results]

Some ten minutes on a GPU with sixteen cores. Where PyTorch is installed, its plain loop is measured
on the same device. CIFAR-10 as in _harness/imageset.py; on the processor trainings are of fewer
images. What fails, as memory may run out, is a result too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/

from _harness import imageset, programs, results
from _harness.programs import Side
from convladder.core import backend
from convladder.core.formatting import plural
from speed.rows import lenet5

ACCELERATOR, PROCESSOR, TORCH = "accelerator", "processor", "PyTorch loop"
JAX = {backend.VARIABLE: backend.JAX}
ON_PROCESSOR = {**JAX, "JAX_PLATFORMS": "cpu"}
NAME = "import jax, json; print(json.dumps({'name': jax.local_devices()[0].device_kind}))"
SEEDS = 4  # of a climb


@dataclass(frozen=True)
class Training:
    """A network and a size of batch; `peer` is its name for PyTorch's loop."""

    rung: str
    batch: int
    ladder: str = "classic"
    precision: str = "float32"
    peer: str | None = None

    @property
    def words(self) -> str:
        return f"{self.rung}, batches of {self.batch}, {self.precision}"

    def sides(self, folder: Path, limit: int, epochs: int) -> list[Side]:
        """Return the programs that train it; on the processor with so many images."""
        settings = (
            f"train.batch_size={self.batch}",
            f"train.precision={self.precision}",
            "data.validation=0.15",
        )
        ours = ("--ladder", self.ladder, "--rung", self.rung, "--epochs", str(epochs))
        ours = (str(folder), *ours, *(f"--set={each}" for each in settings))
        sides = [Side(ACCELERATOR, "ours/train.py", ours, environment=JAX)]
        if self.batch == 32:  # larger ones are no faster there, and bfloat16 may be imitated
            few = ("--limit", str(limit))
            sides.append(Side(PROCESSOR, "ours/train.py", (*ours, *few), environment=ON_PROCESSOR))
        if self.peer:
            theirs = (
                str(folder),
                "--network",
                self.peer,
                "--batch",
                str(self.batch),
                "--epochs",
                str(epochs),
            )
            sides.append(Side(TORCH, "peers/torch_loop.py", theirs, needs="torch"))
        return sides


TRAININGS = (
    Training("lenet5", 32, peer="lenet5"),
    Training("batch-norm", 32, ladder="notebook", peer="batch-norm"),
    Training("batch-norm", 512, ladder="notebook", peer="batch-norm"),
    Training("batch-norm", 512, ladder="notebook", precision="bfloat16"),
)
CLIMBS = ((ACCELERATOR, SEEDS), (PROCESSOR, SEEDS), (ACCELERATOR, 1))  # and how many jobs


def climb(folder: Path, where: str, jobs: int, seeds: int) -> Side:
    """Return a climb of so many seeds of LeNet-5, two epochs each."""
    asked = (*lenet5(str(folder), seeds, epochs=2), "--jobs", str(jobs))
    return Side(
        where, "ours/climb.py", asked, environment=JAX if where == ACCELERATOR else ON_PROCESSOR
    )


def measure(sides: list[Side], workspace: Path, rounds: int) -> dict[str, dict[str, Any]]:
    """Return the medians of what the sides told, which take turns; of one that failed, what went
    wrong.
    """
    told: dict[str, list[dict[str, Any]]] = {side.name: [] for side in sides}
    failed: dict[str, dict[str, Any]] = {}
    for number in range(rounds):
        for side in sides:
            try:
                told[side.name].append(programs.run(side, workspace, number))
            except RuntimeError as error:
                failed[side.name] = {"failed": str(error).strip().splitlines()[-1]}
    return {name: _medians(each) for name, each in told.items() if name not in failed} | failed


def _medians(told: list[dict[str, Any]]) -> dict[str, Any]:
    numbers = [name for name, value in told[0].items() if isinstance(value, int | float)]
    return {name: statistics.median(each[name] for each in told) for name in numbers}


def measure_all(
    name: str, asked: argparse.Namespace, folder: Path, workspace: Path
) -> Iterator[dict[str, Any]]:
    """Yield all that was measured so far on the accelerator of this name, after each training and
    climb.
    """
    trainings, climbs, epochs = (
        (TRAININGS[:1], CLIMBS[:1], 2) if asked.smallest else (TRAININGS, CLIMBS, 3)
    )
    seeds, limit = (1, 200) if asked.smallest else (SEEDS, 6_000)
    found: dict[str, Any] = {
        ACCELERATOR: name,
        "rounds": asked.rounds,
        "seeds": seeds,
        "limit": limit,
    }
    found |= {"trainings": [], "climbs": []}
    programs.run(Side("decode", "ours/bank.py", (str(folder),)), workspace)
    for training in trainings:
        sides = [side for side in training.sides(folder, limit, epochs) if not side.absent]
        told = measure(sides, workspace, asked.rounds)
        found["trainings"].append({"training": training.words, "sides": told})
        yield found
    for where, jobs in climbs:
        told = measure([climb(folder, where, jobs, seeds)], workspace, asked.rounds)
        found["climbs"].append({"where": where, "jobs": jobs, **told[where]})
        yield found


def name_accelerator(workspace: Path) -> str:
    return str(programs.run(Side("name", "-c", (NAME,), environment=JAX), workspace)["name"])


def say(found: dict[str, Any]) -> None:
    newest = (found["climbs"] or found["trainings"])[-1]
    print(newest, file=sys.stderr, flush=True)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument(
        "--smallest", action="store_true", help="a few images, one training, one climb: to try it"
    )
    parser.add_argument("--out", type=Path, default=results.RESULTS)
    asked = parser.parse_args(arguments)
    workspace = imageset.workspace()
    name = name_accelerator(workspace)
    if asked.out.resolve() == results.RESULTS and (asked.smallest or name == "cpu"):
        parser.error("this is not of an accelerator: give another --out")
    os.environ |= JAX  # whose versions are told
    folder = (imageset.few if asked.smallest else imageset.cifar10)(workspace)
    for found in measure_all(name, asked, folder, workspace):
        say(found)
        results.write_json(asked.out / "accelerator.json", found | results.circumstances())
    print(f"{plural(asked.rounds, 'round')} on {name}: {asked.out / 'accelerator.json'}")


if __name__ == "__main__":
    main(sys.argv[1:])
