"""What `check` and `cache` print: images, what was found in them, and the decoded data sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from convladder.cli import answer_output, steps_output
from convladder.cli.output import new_table, output, print_json, print_report_path

if TYPE_CHECKING:
    from convladder.api.check import Check
    from convladder.data.bank.bank import Bank
    from convladder.data.quality.findings import Finding


MOST_PROPERTIES = 8


def check(checked: Check, page: Path | None, *, json_wanted: bool) -> None:
    """Print what became of the files, the images by class and split, and what was found."""
    if json_wanted:
        print_json(checked.as_json() | {"report": str(page) if page else None})
        return
    from convladder.results.answer.checked import of_check  # with NumPy, as below

    output.print(_counts(checked))
    for line in (*_properties(checked), *_ignored(checked), *checked.notes, checked.groups):
        if line:
            output.print(line, style="dim", soft_wrap=True, markup=False)
    if checked.findings:
        output.print("", _findings(checked.findings), "", sep="\n")
    later = checked.findings[1:]  # what to do about the first is a part of the answer
    of_links = [finding.advice for finding in later if finding.code == "links"]
    answer_output.show(of_check(checked), of_links)
    if page:
        print_report_path(page)
    elif checked.findings:
        output.print("--json lists them all", style="dim")
    steps_output.show(steps_output.of_check(checked, page))


def _counts(checked: Check) -> Table:
    """Return the number of images by class and, where there are several, split."""
    several = checked.splits != [""]
    table = new_table(
        "class", *(f">{split or 'no split'}" for split in checked.splits if several), ">images"
    )
    for name, counts in checked.counts.items():
        cells = [*counts.values()] if several else []
        table.add_row(escape(name), *(f"{count:,}" for count in [*cells, sum(counts.values())]))
    return table


def _properties(checked: Check) -> Iterator[str]:
    """Yield a line for each property of images: its commonest values, and how many have them."""
    for what, found in checked.properties.items():
        listed = [f"{value} {count:,}" for value, count in list(found.items())[:MOST_PROPERTIES]]
        others = len(found) - MOST_PROPERTIES
        more = f", and {others} others" if others > 0 else ""
        yield f"{what}s: {', '.join(listed)}{more}"


def _ignored(checked: Check) -> Iterator[str]:
    """Yield a line for each rule by which files are ignored, with the first of them."""
    from convladder.data.source import count_ignored  # with NumPy, which `--help` does without

    for rule, count in count_ignored(checked.ignored).items():
        first = next(each.path for each in checked.ignored if each.rule == rule)
        yield f"ignored: {count:,} {rule} ({first})"


def _findings(found: Sequence[Finding]) -> Table:
    table = new_table("found", ">count", "the first", "")
    for finding in found:
        row = finding.rows[0]
        first = row.get("path") or row["label"]
        partner = f"and {row['other_path']}" if "other_path" in row else row["detail"]
        table.add_row(finding.heading, f"{len(finding.rows):,}", escape(first), escape(partner))
    return table


def banks(kept: Sequence[tuple[Bank, int]], cache: Path, *, json_wanted: bool) -> None:
    """Print the decoded data sets in the cache with their sizes."""
    if json_wanted:
        print_json([_bank(bank, size) for bank, size in kept])
        return
    table = new_table("source", ">images", ">shape", ">MB")
    for bank, size in kept:
        shape = "x".join(map(str, bank.form.shape))
        table.add_row(escape(bank.source), f"{len(bank.records):,}", shape, f"{size / 1e6:,.1f}")
    if kept:
        output.print(table)
    output.print(f"{len(kept)} decoded data sets in {cache}", soft_wrap=True, markup=False)
    steps_output.show(steps_output.of_cache(sum(size for _, size in kept) / 1e6))


def _bank(bank: Bank, size: int) -> dict[str, Any]:
    return {
        "source": bank.source,
        "images": len(bank.records),
        "shape": list(bank.form.shape),
        "bytes": size,
        "folder": str(bank.folder),
    }
