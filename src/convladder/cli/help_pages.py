"""How `--help` looks: what to type, what it does, options in panels, and examples to copy.

Typer's own help shows Python's types, and breaks the lines of examples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from typer.core import TyperCommand, TyperGroup

from convladder.cli import panels

Row = tuple[Text, Text]
Block = tuple[str, list[Row]]  # a panel's title, and what stands in it

MARGIN = (0, 1, 1, 1)  # of a paragraph
NAME, VALUE, ASIDE = "bold cyan", "yellow", "dim"


class HelpfulCommand(TyperCommand):
    """A command with such a help. Its epilog holds the examples, one a line."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        del formatter
        _print(ctx, [*_arguments(self, ctx), *_options(self, ctx)])

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what is to be typed after the name of the command."""
        parameters = self.get_params(ctx)
        given = [_of_usage(each) for each in parameters if _is_argument(each)]
        required = [_label(each).plain for each in parameters if _is_required(each)]
        return [*given, *required, "[OPTIONS]"]


class HelpfulGroup(TyperGroup):
    """A program with such a help: its commands in groups, then its options."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        del formatter
        _print(ctx, list(_commands(self, ctx)), list(_options(self, ctx)))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what is to be typed after the name of the program."""
        del ctx
        return ["COMMAND", "..."]


def _print(ctx: Any, *sections: Sequence[Block]) -> None:
    """Print the help of a command; the columns of a section's panels stand below each other."""
    console, command = Console(highlight=False), ctx.command
    usage = Text.assemble(("Usage: ", VALUE), (_usage(ctx), "bold"))
    console.print(Padding(usage, (1, 1)))
    for paragraph in (command.help or "").split("\n\n"):
        console.print(Padding(Text(paragraph), MARGIN))
    for section in sections:
        width = max(label.cell_len for _, rows in section for label, _ in rows)
        for title, rows in section:
            console.print(_panel(title, rows, width))
    _print_examples(console, (command.epilog or "").splitlines())


def _usage(ctx: Any) -> str:
    return " ".join([ctx.command_path, *ctx.command.collect_usage_pieces(ctx)])


def _panel(title: str, rows: list[Row], width: int) -> Panel:
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(width=width, no_wrap=True)
    table.add_column(ratio=1)
    for row in rows:
        table.add_row(*row)
    return Panel(table, title=title, title_align="left", border_style=ASIDE)


def _print_examples(console: Console, examples: list[str]) -> None:
    """Print each example on a line of its own, however long, so that it can be copied."""
    if examples:
        console.print(Text(" Examples:", "bold"))
        for example in examples:
            console.print(Text(f"   {example}"), soft_wrap=True)


def _commands(group: TyperGroup, ctx: Any) -> Iterator[Block]:
    """Yield the commands by their groups, each with the first paragraph of its help."""
    named = {name: group.get_command(ctx, name) for name in group.list_commands(ctx)}
    for title in panels.GROUPS:
        rows = [
            (Text(name, NAME), Text((command.help or "").partition("\n\n")[0]))
            for name, command in named.items()
            if command and getattr(command, "rich_help_panel", None) == title
        ]
        if rows:
            yield title, rows


def _arguments(command: TyperCommand, ctx: Any) -> Iterator[Block]:
    arguments: list[Any] = [each for each in command.get_params(ctx) if _is_argument(each)]
    rows = [(Text(each.metavar or each.name, VALUE), Text(each.help or "")) for each in arguments]
    if rows:
        yield "Arguments", rows


def _options(command: TyperCommand | TyperGroup, ctx: Any) -> Iterator[Block]:
    """Yield the options by panels."""
    options = [each for each in command.get_params(ctx) if not _is_argument(each)]
    titles = list(panels.PANELS)
    options.sort(key=lambda each: panels.order(each.name))
    options.sort(key=lambda each: titles.index(panels.panel_of(each.name)))
    for title, those in groupby(options, key=lambda each: panels.panel_of(each.name)):
        yield title, [(_label(each), _help(each)) for each in those]


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def _is_required(parameter: Any) -> bool:
    return bool(parameter.required) and not _is_argument(parameter)


def _of_usage(argument: Any) -> str:
    name = argument.metavar or argument.name
    return name if argument.required else f"[{name}]"


def _label(option: Any) -> Text:
    """Return what an option is called, the long name first, and the name of its value."""
    names = ", ".join(sorted(option.opts, key=len, reverse=True))
    return Text.assemble((names, NAME), ("" if option.is_flag else f" {option.metavar}", VALUE))


def _help(option: Any) -> Text:
    """Return what an option is for, and what it is where it is not given."""
    asides = ", ".join(_asides(option))
    return Text.assemble(option.help or "", (f" ({asides})" if asides else "", ASIDE))


def _asides(option: Any) -> Iterator[str]:
    if option.required:
        yield "required"
    elif not option.is_flag and option.default is not None:
        yield f"default: {option.default}"
    if option.envvar:
        yield f"or set {option.envvar}"
