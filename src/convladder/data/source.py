"""What a source is: labelled images, before any is decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

from convladder.data.decoding.intensity import Values
from convladder.data.decoding.picture import Header

Split = Literal["", "train", "validation", "test"]
Progress = Callable[[str, int, int], None]  # what is done, how much of it, of how much

NAMED_SET = "named set"  # the kind of a built-in one
PACKED = " in an archive"  # what the kinds of those in archives end with


@dataclass(frozen=True, slots=True)
class Record:
    """One labelled image of a source.

    split, group : empty where the source does not say. place : where the source finds it; means
        nothing to others.
    """

    path: str
    label: int
    split: Split = ""
    group: str = ""
    place: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Ignored:
    """A file, or a row of a table, that was passed over, and by which rule."""

    path: str
    rule: str


@dataclass(frozen=True)
class Listing:
    """All that a source holds: its classes and records, and what was passed over."""

    class_names: tuple[str, ...]
    records: tuple[Record, ...]
    ignored: tuple[Ignored, ...] = ()

    def of_classes(self, class_names: Iterable[str]) -> Listing:
        """Return the listing with the records of these classes; the others count as ignored."""
        wanted = set(class_names)
        labels = [label for label, name in enumerate(self.class_names) if name in wanted]
        kept = tuple(self.class_names[label] for label in labels)
        place = {label: number for number, label in enumerate(labels)}
        records = tuple(
            replace(record, label=place[record.label])
            for record in self.records
            if record.label in place
        )
        others = tuple(
            Ignored(record.path, "in a class left out")
            for record in self.records
            if record.label not in place
        )
        return Listing(kept, records, self.ignored + others)


Content = bytes | Values
Fetch = Callable[[Record], Content]


# docs/decisions/019-a-source-gives-bytes-or-pixels.md
@dataclass(frozen=True)
class Source:
    """Labelled images, before any is decoded.

    name : for people. kind : `class folder`, `split folder`, `table`, `parquet`, `hub`, `arrays`,
        `named set`, …
    fingerprint : changes whenever what `listing` or `fetch` return may change.
    listing : lists the records; may take long, or download.
    fetch : gives the bytes, or the pixels, of one record, or raises UnreadableImage.
    picklable : whether `fetch` works in another process.
    headers : gives what is known of the images' headers without fetching any.
    at_hand : whether the listing was made already, so that asking for it costs nothing.
    in_place_order : whether fetching in the order of `place` is far cheaper than in any other.
    notes : what was made of what lies there, in sentences for people.
    """

    name: str
    kind: str
    fingerprint: str
    listing: Callable[[], Listing]
    fetch: Fetch
    picklable: bool = True
    headers: Callable[[], list[Header]] | None = None
    at_hand: bool = False
    in_place_order: bool = False
    notes: tuple[str, ...] = ()


def count_ignored(ignored: Iterable[Ignored]) -> dict[str, int]:
    """Return how many were passed over by each rule."""
    return dict(sorted(Counter(each.rule for each in ignored).items()))
