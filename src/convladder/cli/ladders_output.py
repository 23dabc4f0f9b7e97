"""What `ladder` prints: the ladders, or the rungs of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.markup import escape

from convladder.cli import steps_output
from convladder.cli.output import new_table, output, print_json
from convladder.core.formatting import written

if TYPE_CHECKING:
    from convladder.core.ladder import Ladder


def ladders(loaded: Sequence[Ladder], *, json_wanted: bool) -> None:
    if json_wanted:
        print_json(
            [{"name": each.name, "title": each.title, "rungs": len(each.rungs)} for each in loaded]
        )
        return
    table = new_table("ladder", ">rungs", "title")
    for each in loaded:
        table.add_row(each.name, str(len(each.rungs)), escape(each.title))
    output.print(table)
    steps_output.show(steps_output.of_ladders())


def ladder(
    name: str, chosen: Ladder, costs: Mapping[str, Mapping[str, int]], *, json_wanted: bool
) -> None:
    """Print the rungs of a ladder with their changes and what each costs; `name` gave it."""
    if json_wanted:
        print_json([
            {"rung": rung.name, "parent": rung.parent, "change": rung.change, **costs[rung.name]}
            for rung in chosen.rungs
        ])  # fmt: skip
        return
    table = new_table("rung", "change", ">parameters", ">MACs", ">FLOPs")
    for rung in chosen.rungs:
        cost = costs[rung.name]
        change = (
            "\n".join(f"{key} = {written(value)}" for key, value in rung.change.items())
            or "the start"
        )
        numbers = (f"{cost[name]:,}" if cost else "" for name in ("parameters", "macs", "flops"))
        table.add_row(rung.name, escape(change), *numbers)
    output.print(table)
    if not all(costs.values()):
        output.print("Rungs without costs depend on the backbone (--pretrained).", markup=False)
    steps_output.show(steps_output.of_ladder(name))
