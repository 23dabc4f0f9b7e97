"""What is wrong with a data set: every file, and whatever would spoil its figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from convladder.core.formatting import plural
from convladder.data.bank.bank import Bank
from convladder.data.quality import bit_depth, grouping, outliers
from convladder.data.source import PACKED, Ignored, Split, count_ignored
from convladder.data.sources.folders.entries import HARD_LINK, LINK
from convladder.data.sources.folders.links import hint
from convladder.data.splits import Indices

UNEVEN = 10  # times the smallest class that the largest may have
FEWEST = 3  # images of a class that can be in train, validation and test


@dataclass(frozen=True)
class Finding:
    """One kind of fault: its code, what it means, and a row for each image or class that has it.

    stops : whether training refuses such data.
    A row's keys are `path`, `label`, `split`, and, of a pair, the same with `other_`; and `detail`.
    """

    code: str
    title: str
    advice: str
    rows: tuple[dict[str, Any], ...]
    stops: bool = False

    @property
    def heading(self) -> str:
        """The title, which says so where training refuses it."""
        return f"{self.title} (stops training)" if self.stops else self.title


@dataclass(frozen=True)
class DataCheck:
    """A data set as it is: what became of every file, what the images are, and what was found."""

    bank: Bank
    ignored: tuple[Ignored, ...]
    notes: tuple[str, ...] = ()  # what was made of folders, links and deep pixels, in sentences

    @property
    def files(self) -> dict[str, int]:
        """How many files there are: accepted + rejected + ignored = files."""
        parts = {
            "accepted": len(self.bank.records),
            "rejected": len(self.bank.rejections),
            "ignored": len(self.ignored),
        }
        return {"files": sum(parts.values())} | parts

    @property
    def splits(self) -> list[Split]:
        """The splits that the source names, `""` where it names none."""
        named = {record.split for record in self.bank.records}
        order: list[Split] = ["train", "validation", "test", ""]
        return [split for split in order if split in named]

    @cached_property
    def counts(self) -> dict[str, dict[str, int]]:
        """The number of accepted images by class and split."""
        found = Counter((record.label, record.split) for record in self.bank.records)
        return {
            name: {split: found[label, split] for split in self.splits}
            for label, name in enumerate(self.bank.class_names)
        }

    @cached_property
    def properties(self) -> dict[str, dict[str, int]]:
        """How many images have each format, mode and size, the commonest first."""
        facts = self.bank.facts
        sizes = [
            f"{width}x{height}"
            for height, width in zip(facts["height"], facts["width"], strict=True)
        ]
        return {
            "format": dict(Counter(value.decode() for value in facts["format"]).most_common()),
            "mode": dict(Counter(value.decode() for value in facts["mode"]).most_common()),
            "size": dict(Counter(sizes).most_common()),
        }

    @property
    def groups(self) -> str:
        """How many groups the source names, in words; empty where it names none."""
        sizes = Counter(record.group for record in self.bank.records)
        alone = sizes.pop("", 0)
        if not sizes:
            return ""
        return (
            f"groups: {len(sizes):,}, of up to {plural(max(sizes.values()), 'image')}; {alone:,} "
            "images in none"
        )

    @cached_property
    def findings(self) -> list[Finding]:
        """What was found: first what stops training, then the worst; empty where all is well."""
        found = [
            *self._leaks(),
            *self._conflicts(),
            self._rejected(),
            self._links(),
            *self._classes(),
            *self._copies(),
            *self._odd(),
        ]
        return sorted(
            (finding for finding in found if finding.rows), key=lambda finding: not finding.stops
        )

    def as_json(self) -> dict[str, Any]:
        """Return all of it in plain values.

        Returns
        -------
        dict
            What `convladder check --json` prints.
        """
        ignored: dict[str, list[str]] = {}
        for each in self.ignored:
            ignored.setdefault(each.rule, []).append(each.path)
        return {
            "source": self.bank.source,
            "kind": self.bank.kind,
            "files": self.files,
            "ignored": ignored,
            "rejected": [vars(rejection) for rejection in self.bank.rejections],
            "classes": self.counts,
            **{f"{name}s": found for name, found in self.properties.items()},
            "notes": list(self.notes),
            "findings": [_plain(finding) for finding in self.findings],
        }

    def headline(self) -> str:
        """Say in two sentences what became of the files and what was found.

        Returns
        -------
        str
            The sentences.
        """
        files = self.files
        became = (
            f"{files['files']:,} files: {files['accepted']:,} accepted, {files['rejected']:,} "
            f"rejected, {files['ignored']:,} ignored."
        )
        kinds = len(self.findings)
        if not kinds:
            return f"{became} No problems found."
        first = self.findings[0]
        more = f", and {kinds - 1} other problem{'' if kinds == 2 else 's'}" if kinds > 1 else ""
        return f"{became} Found: {first.heading} ({len(first.rows):,}){more}."

    def row(self, position: int, detail: str = "") -> dict[str, Any]:
        """Return what a finding says of one image.

        Parameters
        ----------
        position
            The image's number in the bank, from 0.
        detail
            What this finding adds.

        Returns
        -------
        dict
            `path`, `label`, `split`, `detail` and `position`.
        """
        record = self.bank.records[position]
        return {
            "path": record.path,
            "label": self.bank.class_names[record.label],
            "split": record.split,
            "detail": detail,
            "position": int(position),
        }

    def _pair(self, left: int, right: int, detail: str) -> dict[str, Any]:
        other = {f"other_{key}": value for key, value in self.row(right).items() if key != "detail"}
        return self.row(left, detail) | other

    def _detail(self, left: int, right: int) -> str:
        facts = self.bank.facts
        if facts["digest"][left] == facts["digest"][right]:
            return "the same pixels"
        return "mirrored" if (left, right) in self._mirrored else "nearly the same"

    @cached_property
    def _mirrored(self) -> set[tuple[int, int]]:
        pairs = self.bank.pairs[self.bank.pairs["mirrored"]]
        ends = list(zip(pairs["left"].tolist(), pairs["right"].tolist(), strict=True))
        return {*ends, *((right, left) for left, right in ends)}

    @cached_property
    def _copies_of(self) -> Indices:
        return self.bank.copies

    @property
    def _not_copies(self) -> str:
        different = " If they are different pictures, set --copies exact (data.copies)."
        return different if self.bank.has_near_copies else ""

    def _rows(self, left: Indices, right: Indices) -> tuple[dict[str, Any], ...]:
        ends = zip(left.tolist(), right.tolist(), strict=True)
        return tuple(self._pair(one, other, self._detail(one, other)) for one, other in ends)

    def _leaks(self) -> Iterator[Finding]:
        if not any(self.splits):
            return
        copied = grouping.find_leaks(self.bank, self._copies_of)
        yield Finding(
            "copies-across-splits",
            "copies in different splits",
            "The network would be tested on images it was trained on. Remove one of each pair, "
            "or train with --on-leak drop." + self._not_copies,
            self._rows(copied.positions, copied.partners),
        )
        grouped = grouping.find_leaks(self.bank, grouping.named_groups_of(self.bank))
        yield Finding(
            "groups-across-splits",
            "groups in different splits",
            "Images of one group look alike. Move each group into one split, or train with "
            "--on-leak drop.",
            tuple(
                self._pair(left, right, f"group {self.bank.records[left].group}")
                for left, right in zip(
                    grouped.positions.tolist(), grouped.partners.tolist(), strict=True
                )
            ),
        )

    def _conflicts(self) -> Iterator[Finding]:
        left, right = grouping.pair_up(self._copies_of)
        differ = self.bank.labels[left] != self.bank.labels[right]
        yield Finding(
            "conflicting-labels",
            "copies with different labels",
            "One of the two labels is wrong. Correct it, or remove the image." + self._not_copies,
            self._rows(left[differ], right[differ]),
        )

    def _copies(self) -> Iterator[Finding]:
        split = np.array([grouping.RANK[record.split or "train"] for record in self.bank.records])
        left, right = grouping.pair_up(self._copies_of, split)
        where = " in one split" if any(self.splits) else ""
        exact = self.bank.facts["digest"][left] == self.bank.facts["digest"][right]
        for code, title, which in (
            ("exact-copies", f"exact copies{where}", exact),
            ("near-copies", f"near copies{where}", ~exact),
        ):
            yield Finding(
                code,
                title,
                (
                    "These images count twice. When convladder makes the splits itself, it keeps "
                    "copies together."
                )
                + ("" if code == "exact-copies" else self._not_copies),
                self._rows(left[which], right[which]),
            )

    def _rejected(self) -> Finding:
        rows = [
            {"path": each.path, "label": "", "split": "", "detail": f"{each.reason}: {each.detail}"}
            for each in self.bank.rejections
        ]
        return Finding("rejected", "unreadable files", "Repair or remove them.", tuple(rows))

    def _links(self) -> Finding:
        ignored = count_ignored(self.ignored)
        packed = self.bank.kind.endswith(PACKED)
        rows = [
            {"path": each.path, "label": "", "split": "", "detail": each.rule}
            for each in self.ignored
            if each.rule in (LINK, HARD_LINK)
        ]
        said = hint(ignored, packed=packed)
        return Finding("links", "links that were not followed", f"{said}.", tuple(rows))

    def _classes(self) -> Iterator[Finding]:
        totals = {name: sum(counts.values()) for name, counts in self.counts.items()}
        only = totals if len(totals) == 1 else {}
        yield Finding(
            "one-class",
            "one class only",
            "A classifier needs two or more classes.",
            tuple(
                {"label": name, "detail": plural(count, "image")} for name, count in only.items()
            ),
            stops=True,
        )
        yield self._untrained()
        yield Finding(
            "few-images",
            "classes with too few images",
            f"Splitting a class takes {FEWEST} images that are not copies or of one group. Add "
            "images, or leave the class out with --min-images or --classes.",
            tuple(self._few(totals)),
        )
        yield Finding(
            "missing-classes",
            "classes missing from a split",
            "A class without test images cannot be evaluated.",
            tuple(
                {"label": name, "split": split, "detail": f"none in {split}"}
                for name, counts in self.counts.items()
                for split, count in counts.items()
                if split not in ("", "train") and not count
            ),
        )
        least, most = min(totals, key=totals.__getitem__), max(totals, key=totals.__getitem__)
        uneven = totals[most] > UNEVEN * max(1, totals[least])
        sentence = f"{most} has {totals[most]:,} images, {least} has {totals[least]:,}"
        yield Finding(
            "imbalance",
            "classes of very different sizes",
            "Networks learn rare classes less well. Compare the accuracy of each class, or "
            "try --class-weight balanced.",
            ({"label": least, "detail": sentence},) if uneven else (),
        )

    def _untrained(self) -> Finding:
        """Return the classes that train has no image of, unless the source is for tests alone."""
        trained = {split for split in self.splits if split in ("", "train")}
        rows = [
            {
                "label": name,
                "split": "".join(trained),
                "detail": f"none in {''.join(trained) or 'the data'}",
            }
            for name, counts in self.counts.items()
            if trained and not any(counts[split] for split in trained)
        ]
        return Finding(
            "untrained-classes",
            "classes without an image to train on",
            "A class without training images is never predicted. Add images of it to train, or "
            "leave it out with --classes.",
            tuple(rows),
            stops=True,
        )

    def _few(self, totals: dict[str, int]) -> Iterator[dict[str, Any]]:
        groups = grouping.groups_of(self.bank)
        for label, (name, count) in enumerate(totals.items()):
            apart = len(np.unique(groups[self.bank.labels == label]))
            if 0 < apart < FEWEST:
                together_in = f", in {plural(apart, 'group')}" if apart < count else ""
                yield {"label": name, "detail": plural(count, "image") + together_in}

    def _odd(self) -> Iterator[Finding]:
        for kind, positions in outliers.find_oddities(self.bank.facts).items():
            yield Finding(
                kind.replace(" ", "-"),
                f"{kind} images",
                "These may be mistakes: look at them.",
                tuple(self.row(int(position)) for position in positions),
            )
        facts = self.bank.facts
        yield Finding(
            "unlike-depth",
            "images of another bit depth",
            "The brightness range of the other images does not fit them. Convert them, or "
            "set data.range.",
            tuple(
                self.row(position, why) for position, why in bit_depth.find_unlike(facts).items()
            ),
        )
        yield Finding(
            "misnamed",
            "files whose name does not match their format",
            "convladder reads them by their content. Other programs may fail on them.",
            tuple(
                self.row(int(position), f"is {facts[position]['format'].decode()}")
                for position in outliers.find_misnamed(self.bank.records, facts)
            ),
        )
        yield Finding(
            "animated",
            "images of several frames or pages",
            "convladder uses the first frame.",
            tuple(
                self.row(int(position), f"{facts[position]['frames']} frames")
                for position in outliers.find_animated(facts)
            ),
        )


def _plain(finding: Finding) -> dict[str, Any]:
    rows = [
        {key: value for key, value in row.items() if "position" not in key} for row in finding.rows
    ]
    return vars(finding) | {"count": len(rows), "rows": rows}
