"""The answer of a check: what to fix first, whether one can train, and what images there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from convladder.core.formatting import percent, plural
from convladder.data.quality.copy_findings import LEAKS
from convladder.data.quality.remarks import MOST_REJECTED
from convladder.data.source import NAMED_SET
from convladder.results.answer.cards import Answer, Card
from convladder.results.answer.naming import are
from convladder.results.answer.sentences import Explained, Sentence
from convladder.results.verdicts import MOST_NAMED

if TYPE_CHECKING:
    from convladder.data.quality.checks import DataCheck
    from convladder.data.quality.findings import Finding


def of_check(check: DataCheck) -> Answer:
    """Return the answer of a check."""
    return Answer(title_of(check), (_first(check), _training(check), _images(check)))


def title_of(check: DataCheck) -> str:
    """Return what was found, in a sentence."""
    images = plural(len(check.bank.records), "image")
    if not check.findings:
        return f"No problems found in {images}."
    first, *others = check.findings
    counted = f"{first.title} ({len(first.rows):,})"
    more = f", and {plural(len(others), 'other problem')}" if others else ""
    if first.stops:
        return f"Training cannot start: {counted}{more}."
    return f"Found: {counted}{more}."


def _first(check: DataCheck) -> Card:
    if not check.findings:
        files = Explained(
            f"{check.files['files']:,} files", "All files at the place that was checked."
        )
        nothing = "no broken files, copies, leaks or odd images were found."
        return Card("Nothing to fix", (("Among ", files, f" {nothing}"),))
    first, *others = check.findings
    sentences = [_example(first), (first.advice,)]
    if others:
        sentences.append(("After that: ", *_named(others), "."))
    return Card(f"Fix first: {first.title}", tuple(sentences))


def _named(findings: Sequence[Finding]) -> Iterator[str | Explained]:
    """Name a few problems with their counts, and say how many more there are."""
    for number, finding in enumerate(findings[:MOST_NAMED]):
        yield f"{', ' if number else ''}{finding.title} "
        yield Explained(f"({len(finding.rows):,})", f"How many there are: {finding.title}.")
    if len(findings) > MOST_NAMED:
        more = f"{len(findings) - MOST_NAMED} more"
        yield " and "
        yield Explained(more, "Other kinds of problems. They are in the table below.")


def _example(finding: Finding) -> Sentence:
    """Say how many there are, and name the first."""
    row, count = finding.rows[0], len(finding.rows)
    unit = "pair" if "other_path" in row else "file" if "path" in row else "class"
    figure = Explained(plural(count, unit), f"How many there are: {finding.title}.")
    names = [str(row[key]) for key in ("path", "other_path") if key in row] or [row["label"]]
    such_as = ", such as " if count > 1 else ": "
    return (figure, f"{such_as}{' and '.join(names)}.")


def _training(check: DataCheck) -> Card:
    """Say whether training would start, and what to do where it would not."""
    files = check.files
    read = Explained(
        f"{files['accepted']:,} of {files['accepted'] + files['rejected']:,} images",
        "How many images could be read, of all that are there.",
    )
    ignored = plural(files["ignored"], "other file")
    others = [(f"{ignored} {are(files['ignored'])} ignored.",)] if files["ignored"] else []
    if refused := [*_refusals(check)]:
        return Card("Can you train? Not yet", (*refused, (read, " could be read."), *others))
    return Card("Can you train? Yes", (("Training uses ", read, "."), *others))


def _refusals(check: DataCheck) -> Iterator[Sentence]:
    codes = {finding.code for finding in check.findings}
    if not check.splits:
        yield ("No image could be read.",)
    elif not {"", "train"} & {*check.splits}:
        yield ("There are no images to train on: all are for validation or test.",)
    for finding in check.blocking:
        yield (f"Training refuses {finding.title}.",)
    if codes & LEAKS and check.bank.kind != NAMED_SET:
        yield ("Training refuses splits that share images, unless you add --on-leak drop.",)
    rejected, accepted = check.files["rejected"], check.files["accepted"]
    if rejected > MOST_REJECTED * (rejected + accepted):
        share = percent(MOST_REJECTED).replace(".0", "")
        unless = "unless you add --allow-rejects"
        yield (f"Training refuses more than {share} unreadable files, {unless}.",)


def _images(check: DataCheck) -> Card:
    """Say what images there are: how many of each class, and of what size."""
    totals = {name: sum(each.values()) for name, each in check.counts.items()}
    images = Explained(plural(sum(totals.values()), "image"), "All images that could be read.")
    classes = Explained(plural(len(totals), "class"), "All classes that the images have.")
    sentences: list[Sentence] = [(images, " in ", classes, *_extremes(totals), ".")]
    formats, sizes = list(check.properties["format"]), check.properties["size"]
    if sizes:
        sentences.append((f"{', '.join(formats[:MOST_NAMED])}; ", _sizes(sizes), "."))
    shape = Explained(" × ".join(map(str, check.bank.form.shape)), "Height, width and channels.")
    sentences.append(("A network sees them as ", shape, "."))
    return Card("Your images", tuple(sentences))


def _sizes(sizes: Mapping[str, int]) -> Explained:
    """Say how many sizes there are, or the only one."""
    if len(sizes) == 1:
        return Explained(
            f"all {next(iter(sizes)).replace('x', ' × ')}", "Width and height in pixels."
        )
    commonest = next(iter(sizes)).replace("x", " × ")
    return Explained(
        f"{len(sizes):,} sizes", f"Width and height in pixels. The commonest is {commonest}."
    )


def _extremes(totals: Mapping[str, int]) -> Sentence:
    """Name the smallest class and the largest, unless all are of one size."""
    least, most = min(totals, key=totals.__getitem__), max(totals, key=totals.__getitem__)
    if totals[least] == totals[most]:
        return (", ", Explained(f"{totals[most]:,} of each", "Images of every class."))
    smallest = Explained(f"{totals[least]:,}", "Images of the smallest class.")
    largest = Explained(f"{totals[most]:,}", "Images of the largest class.")
    return (", from ", smallest, f" ({least}) to ", largest, f" ({most})")
