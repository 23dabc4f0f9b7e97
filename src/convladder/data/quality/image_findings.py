"""Which files could not be read or were not followed, and which images look like mistakes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from convladder.data.bank.bank import Bank
from convladder.data.quality import bit_depth, outliers
from convladder.data.quality.findings import Finding, row_of_file, row_of_image
from convladder.data.source import PACKED, Ignored, count_ignored
from convladder.data.sources.folders.entries import HARD_LINK, LINK
from convladder.data.sources.folders.links import hint


def of_rejected(bank: Bank) -> Finding:
    """Return the files that could not be read."""
    rows = [row_of_file(each.path, f"{each.reason}: {each.detail}") for each in bank.rejections]
    return Finding("rejected", "unreadable files", "Repair or remove them.", tuple(rows))


def of_links(bank: Bank, ignored: Sequence[Ignored]) -> Finding:
    """Return the links that were not followed."""
    said = hint(count_ignored(ignored), packed=bank.kind.endswith(PACKED))
    links = [each for each in ignored if each.rule in (LINK, HARD_LINK)]
    rows = [row_of_file(each.path, each.rule) for each in links]
    return Finding("links", "links that were not followed", f"{said}.", tuple(rows))


def of_oddities(bank: Bank) -> Iterator[Finding]:
    """Yield the images that are unlike the others, misnamed or animated."""
    for kind, positions in outliers.find_oddities(bank.facts).items():
        yield Finding(
            kind.replace(" ", "-"),
            f"{kind} images",
            "These may be mistakes: look at them.",
            tuple(row_of_image(bank, int(position)) for position in positions),
        )
    facts = bank.facts
    yield Finding(
        "unlike-depth",
        "images of another bit depth",
        "The brightness range of the other images does not fit them. Convert them, or "
        "set data.range.",
        tuple(
            row_of_image(bank, position, why)
            for position, why in bit_depth.find_unlike(facts).items()
        ),
    )
    yield Finding(
        "misnamed",
        "files whose name does not match their format",
        "convladder reads them by their content. Other programs may fail on them.",
        tuple(
            row_of_image(bank, int(position), f"is {facts[position]['format'].decode()}")
            for position in outliers.find_misnamed(bank.records, facts)
        ),
    )
    yield Finding(
        "animated",
        "images of several frames or pages",
        "convladder uses the first frame.",
        tuple(
            row_of_image(bank, int(position), f"{facts[position]['frames']} frames")
            for position in outliers.find_animated(facts)
        ),
    )
