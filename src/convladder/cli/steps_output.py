"""What a command says at its end: the commands that make sense now, with paths that are links."""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.style import Style
from rich.text import Text

from convladder.cli.output import link_to, output
from convladder.core.defaults import LADDER, PRETRAINED_LADDER
from convladder.core.formatting import printable
from convladder.results import commands, next_steps, provenance
from convladder.results.commands import ONCE, PROGRAM, written
from convladder.results.next_steps import NextStep

if TYPE_CHECKING:
    from convladder.api.check import Check
    from convladder.api.planning import Planning
    from convladder.api.run import Run
    from convladder.cli.explanation_output import Wanted
    from convladder.results.saved_run import SavedRun

NEW_IMAGES = "path/to/new/images"  # which only the reader knows
TOKEN = re.compile(r"(?:'[^']*'|[^\s'])+")  # of a command: a word, which may be quoted


def show(steps: Sequence[NextStep]) -> None:
    """Print commands, each on a line of its own, with what it brings; nothing if there are none."""
    if steps:
        output.print("", "next:", sep="\n")
    for step in steps:
        output.print(Text("  ").append(_linked(printable(step.command))), soft_wrap=True)
        output.print(Text(f"    {step.why}", "dim"), soft_wrap=True)


def of_check(checked: Check, page: Path | None) -> list[NextStep]:
    """Return what to do with images: look at what was found, repair it, or climb."""
    from convladder.results import check_steps

    images = check_steps.images_of(checked)
    if images is None:
        return []
    pictures = NextStep(
        written("check", *images, "--html", "check.html"), "shows as pictures what was found"
    )
    looked = [] if page or not checked.findings else [pictures]
    return [*looked, *check_steps.of_check(checked, page)]


def of_plan(planned: Planning) -> list[NextStep]:
    """Return the climb that was planned, or what else there is to do with one that is there."""
    typed = _typed("plan")
    if planned.is_measured:
        from convladder.results.saved_climb import SavedClimb

        steps = next_steps.of_climb(SavedClimb(planned.source))
        return [each for each in steps if shlex.split(each.command)[1] != "plan"]
    if typed is None:
        return []
    same = commands.without(typed, ("--accuracy", "--spread"), ONCE)
    return [NextStep(written("climb", *same), "trains what was planned")]


def of_evaluation(run: Run, data: str | None, out: Path | None) -> list[NextStep]:
    """Return what to do with a network that was evaluated, on its own images or others."""
    from convladder.results import folders

    typed = _typed("evaluate")
    if data is None:
        return next_steps.of_run(run)
    if out or typed is None:
        return []
    place = folders.new_folder("evaluations", data)
    again = written("evaluate", *commands.without(typed, flags=ONCE), "--out", place)
    return [NextStep(again, "keeps what it predicts for each image")]


def of_explanation(run: SavedRun, wanted: Wanted) -> list[NextStep]:
    """Return what to do with a network that is understood."""
    from convladder.evaluation.conformal import COVERAGE
    from convladder.results.model_card import WANTED

    asked = {"--accuracy": (wanted.accuracy, WANTED), "--coverage": (wanted.coverage, COVERAGE)}
    options = [
        word for name, (value, usual) in asked.items() if value != usual for word in (name, value)
    ]
    other = written("evaluate", run.folder, "--data", NEW_IMAGES)
    return [
        next_steps.bundle(run, *options),
        NextStep(other, "tests it on labelled images from elsewhere"),
    ]


def of_bundle(path: Path, run: Path) -> list[NextStep]:
    """Return what to do with a bundle."""
    return [
        NextStep(written("predict", path, NEW_IMAGES), "predicts images with it"),
        NextStep(written("serve", path), "opens a web page for pictures, and predicts over HTTP"),
        NextStep(written("export", run, "--format", "onnx"), "makes a model for other runtimes"),
    ]


def of_reproduction(run: Path, *, equal: bool) -> list[NextStep]:
    """Return what to do with a network that comes out the same again; of another, nothing."""
    from convladder.results.saved_run import SavedRun

    return [next_steps.bundle(SavedRun(run))] if equal else []


def of_export(example: Path) -> list[NextStep]:
    """Return how to try an export."""
    command = shlex.join(["python", str(example), "path/to/image.jpg"])
    return [NextStep(command, "predicts an image with it")]


def of_ladders() -> list[NextStep]:
    """Return what to do with the list of ladders."""
    return [NextStep(written("ladder", LADDER), "shows what each of its rungs changes")]


def of_ladder(name: str) -> list[NextStep]:
    """Return what to do with a ladder, a built-in one or a file."""
    from convladder.core.ladder import BUILT_IN

    backbone = ["--pretrained", "MobileNetV2"] if name == PRETRAINED_LADDER else []
    climb = written("climb", "path/to/images", "--ladder", name, *backbone)
    steps = [NextStep(climb, "climbs it with your own images")]
    if name in BUILT_IN:
        copy = f"{written('ladder', name, '--toml')} > mine.toml"
        steps.append(NextStep(copy, "starts a ladder of your own"))
    return steps


def of_cache(megabytes: float) -> list[NextStep]:
    """Return what to do with the decoded images in the cache, if there are any."""
    if not megabytes:
        return []
    return [NextStep(written("cache", "--clear"), f"frees {megabytes:,.1f} MB")]


def _typed(verb: str) -> list[str] | None:
    """Return what was typed after the verb; None if this is no command of a terminal."""
    words = commands.recorded({"command": provenance.command()}, verb)
    return None if words is None else words[1:]


def _linked(command: str) -> Text:
    """Return a command as it can be run here; its paths are links, if they are there."""
    text, is_own = Text(command, "cyan"), command.startswith(f"{PROGRAM} ")
    for token in list(TOKEN.finditer(command))[2 if is_own else 1 :]:  # after the verb, if any
        path = Path(token[0].strip("'"))
        if _is_there(path):
            text.stylize(link_to(path) + Style(bold=True), *token.span())
    return Text(_program(), "cyan").append(text[len(PROGRAM) :]) if is_own else text


def _is_there(path: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):  # not every value of an option can be a name
        return path.exists()
    return False


def _program() -> str:
    """Return what runs convladder here: its name, unless the shell would not find that."""
    if shutil.which(PROGRAM):
        return PROGRAM
    is_module = Path(sys.argv[0]).name == "__main__.py"
    return f"python -m {PROGRAM}" if is_module else shlex.quote(sys.argv[0])
