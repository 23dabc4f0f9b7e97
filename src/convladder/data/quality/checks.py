"""What is wrong with a data set: every file, and whatever would spoil its figures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from convladder.core.formatting import plural
from convladder.data.bank.bank import Bank
from convladder.data.quality import class_findings, image_findings
from convladder.data.quality.copy_findings import CopyFindings
from convladder.data.quality.findings import Finding
from convladder.data.source import Ignored, Split


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
    def counts(self) -> dict[str, dict[Split, int]]:
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
        copies = CopyFindings(self.bank, has_splits=any(self.splits))
        found = [
            *copies.leaks(),
            *copies.conflicts(),
            image_findings.of_rejected(self.bank),
            image_findings.of_links(self.bank, self.ignored),
            *class_findings.of_classes(self.bank, self.splits, self.counts),
            *copies.copies(),
            *image_findings.of_oddities(self.bank),
        ]
        return sorted(
            (finding for finding in found if finding.rows), key=lambda finding: not finding.stops
        )

    @property
    def blocking(self) -> list[Finding]:
        """What training refuses whatever the options: also classes that are too small to split."""
        return [
            each
            for each in self.findings
            if each.stops or (each.code == "few-images" and self.splits == [""])
        ]

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
            "findings": [finding.as_json() for finding in self.findings],
        }
