"""Make docs/commands.md, docs/settings.md and docs/ladders.md from the code, and the list of
docs/decisions from its files: `make docs`. The test suite compares.
"""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import fill
from typing import Any

from pydantic_core import PydanticUndefined
from typer.main import get_command

from convladder.cli.main import app
from convladder.cli.panels import GROUPS
from convladder.cli.values import VALUES
from convladder.core.experiment import Experiment
from convladder.core.ladder import BUILT_IN, Ladder, load_ladder
from convladder.core.settings.base import LARGEST, LARGEST_AMOUNT, Settings
from convladder.experiments.pretrained.backbones import AS_BACKBONE
from convladder.experiments.preview import measure_cost

HERE = Path(__file__).parent
NOTE = "<!-- made by `make docs`; edit the code instead -->\n"
# of the package, from the top down; and of the suite
ROOMS = [
    *("cli", "api", "report", "tuning", "deploy", "experiments", "results", "training"),
    *("evaluation", "data", "models", "core", "tests"),
]
COMMANDS = """`convladder COMMAND --help` lists the options of a command. First come those that a
beginner needs. Examples stand at the end.

At its end, a command says what makes sense next: commands that you can copy. In many terminals you
can click on their paths, and on that of the report. `--json` leaves all of that out.

`convladder --install-completion` lets the Tab key complete commands and options, in bash, zsh, fish
and PowerShell.
"""
DECISIONS = """Where the code differs from what one might expect, a decision says why.
A new one takes the next number. A number whose file is gone is not used again.
Measured on four cores of an Intel Xeon (Sapphire Rapids, AVX-512) with TensorFlow 2.21 and Keras
3.15, if a decision names no other machine. Figures vary by 20 % between runs: only ratios count.
"""


def settings_page() -> str:
    """Return a table of every setting: its dotted key, values, default and meaning."""
    rows = [
        NOTE,
        "# Settings\n",
        "Change any of these with `--set KEY=VALUE`, or in the rungs of a ladder.",
        "Write values as in TOML (`3e-4`, `true`, `[32, 64]`); words need no quotes.",
        "`none` clears a setting that may be empty.\n",
        "| key | values | default | meaning |",
        "|---|---|---|---|",
    ]
    for name, field in Experiment.model_fields.items():
        part = field.default
        if isinstance(part, Settings):
            rows += [_row(f"{name}.{key}", part, key) for key in type(part).model_fields]
        else:
            rows.append(_row(name, Experiment(), name))
    return "\n".join(rows) + "\n"


def _row(key: str, settings: Settings, name: str) -> str:
    schema = type(settings).model_json_schema()["properties"][name]
    default = type(settings).model_fields[name].default
    shown = "" if default is PydanticUndefined else _plain(default)
    return f"| `{key}` | {_values(schema)} | {shown} | {schema.get('description', '')} |"


def _values(schema: dict[str, object]) -> str:
    if "anyOf" in schema:
        return " or ".join(_values(choice) for choice in schema["anyOf"])  # type: ignore[attr-defined]
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])  # type: ignore[attr-defined]
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        item = schema.get("items", {})
        return "a list of names" if item.get("type") == "string" else "a list of numbers"  # type: ignore[attr-defined]
    words = {
        "integer": "whole number",
        "number": "number",
        "boolean": "true, false",
        "string": "text",
        "null": "none",
    }
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    told = {
        bound: schema[bound]
        for bound in bounds
        if schema.get(bound) not in (None, LARGEST, LARGEST_AMOUNT)
    }
    limits = [f"{bounds[bound]} {_number(value)}" for bound, value in told.items()]
    return " ".join([words[str(schema["type"])], ", ".join(limits)]).strip()


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def ladders_page() -> str:
    """Return the cards of every rung of every built-in ladder, with parameters and FLOPs."""
    rows = [
        NOTE,
        "# Ladders\n",
        "Costs are for one image of 32x32 pixels, with three channels and ten classes.\n",
    ]
    for name in BUILT_IN:
        rows += _ladder(load_ladder(name))
    return "\n".join(rows) + "\n"


def _ladder(ladder: Ladder) -> list[str]:
    about = "\n\n".join(map(_wrapped, ladder.about.strip().split("\n\n")))
    rows = [f"## {ladder.name}: {ladder.title}\n", f"{about}\n"]
    if ladder.base:
        settings = ", ".join(f"`{key} = {_plain(value)}`" for key, value in ladder.base.items())
        rows.append(_wrapped(f"All its rungs set: {settings}.") + "\n")
    rows += ["| rung | parent | change | parameters | MFLOPs |", "|---|---|---|---|---|"]
    for rung in ladder.rungs:
        experiment = ladder.experiment(rung.name)
        priced = experiment.model.architecture != AS_BACKBONE
        price = measure_cost(experiment, (32, 32, 3), 10) if priced else None
        cost = f"{price.parameters:,} | {price.flops / 1e6:.2f}" if price else "the backbone's |"
        change = "<br>".join(f"`{key} = {_plain(value)}`" for key, value in rung.change.items())
        rows.append(f"| {rung.name} | {rung.parent or ''} | {change} | {cost} |")
    rows.append("")
    for rung in ladder.rungs:
        rows.append(_wrapped(f"**{rung.name}.** {rung.what} *Why:* {rung.why}"))
        rows += [
            _wrapped(f"*{title}:* {text}")
            for title, text in (("Cost", rung.cost), ("When it hurts", rung.hurts))
            if text
        ]
        rows.append(_wrapped(f"*Source:* {rung.source}.") + "\n")
    return rows


def _wrapped(text: str, indent: str = "") -> str:
    return fill(text, 100, subsequent_indent=indent, break_on_hyphens=False)


def _plain(value: object) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(str, value)) + "]"
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def decisions_page() -> str:
    """Return the list of all decisions, by the room that each names in its third line."""
    by_room: dict[str, list[str]] = {room: [] for room in ROOMS}
    for path in sorted((HERE / "decisions").glob("[0-9]*.md")):
        heading, _, where = path.read_text(encoding="utf-8").splitlines()[:3]
        number, _, title = heading.removeprefix("# ").partition(". ")
        room = re.match(r"Room: (\w+)\.", where)
        if room is None:
            raise ValueError(f"{path}: line 3 must begin with `Room: NAME.`")
        line = f"- [{number}]({path.name}) {title}"
        by_room[room[1]].append(_wrapped(line, indent="  "))
    rows = ["<!-- made by `make docs` from the files here -->\n", "# Decisions\n", DECISIONS]
    for room, decisions in by_room.items():
        if decisions:
            rows.append("\n".join([f"## {room}\n", *decisions]) + "\n")
    return "\n".join(rows)


def commands_page() -> str:
    """Return the commands by groups, and what the words in capitals of their help stand for."""
    commands = get_command(app).commands  # type: ignore[attr-defined]
    rows = [NOTE, "# Commands\n", COMMANDS]
    for group in GROUPS:
        rows += [f"## {group}\n", "| command | what it does | such as |", "|---|---|---|"]
        rows += [_command(each) for each in commands.values() if each.rich_help_panel == group]
        rows.append("")
    rows += ["## The words in capitals\n", "In `--help` they stand for a value.\n"]
    rows += ["| word | stands for |", "|---|---|"]
    rows += [f"| `{word}` | {meaning} |" for word, meaning in VALUES.items()]
    return "\n".join(rows) + "\n"


def _command(command: Any) -> str:
    does, example = command.help.partition("\n\n")[0], command.epilog.splitlines()[0]
    return f"| `{command.name}` | {does} | `{example}` |"


PAGES = {
    "commands.md": commands_page,
    "settings.md": settings_page,
    "ladders.md": ladders_page,
    "decisions/README.md": decisions_page,
}

if __name__ == "__main__":
    for page, make in PAGES.items():
        (HERE / page).write_text(make(), encoding="utf-8")
