"""What lies beside the images and is no class: text, masks, unlabelled images, second copies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from convladder.core.errors import DataError
from convladder.core.formatting import plural
from convladder.data.sources.folders.tree import Tree
from convladder.data.split_names import split_of

# usual names of what annotations lie beside
HOLDERS = {"images", "image", "imgs", "img", "jpegimages"}
COMPANIONS = {
    "annotation",
    "annotations",
    "bboxes",
    "ground_truth",
    "groundtruth",
    "imagesets",
    "labels",
    "mask",
    "masks",
    "segmentation",
    "segmentationclass",
    "segmentationobject",
    "segmentations",
    "trimaps",
}
UNLABELLED_FOLDERS = {"unlabeled", "unlabelled", "unsup", "unsupervised"}
TEXT_ALONE = "folder of text"  # rules by which what is in these folders is ignored
BESIDE = "next to the folders of images"
NO_LABEL = "in no class folder, so without a label"
COPY = "in a second copy of all"


@dataclass
class Aside:
    """Folders that are passed over, by which rule, and what is said of it."""

    rules: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def put(self, folders: Iterable[str], rule: str, note: str) -> None:
        self.rules |= dict.fromkeys(folders, rule)
        self.notes.append(note)

    def leave(self, names: Iterable[str], parent: str = "") -> list[str]:
        """Return the names, of folders in `parent`, that are not passed over."""
        return [
            name for name in names if (f"{parent}/{name}" if parent else name) not in self.rules
        ]


def put_text_aside(tree: Tree, aside: Aside, parent: str = "") -> None:
    """Pass over the folders that hold text and nothing else."""
    folders = [f"{parent}/{name}" if parent else name for name in tree.inside(parent)]
    texts = [folder for folder in folders if tree.has_text_alone(folder)]
    if texts:
        verb = "holds" if len(texts) == 1 else "hold"
        aside.put(
            texts,
            TEXT_ALONE,
            f"{quoted(texts)} {verb} text but no images, and {_are(texts)} no class",
        )


def put_companions_aside(names: Sequence[str], aside: Aside) -> str | None:
    """Pass over annotations and masks beside the one folder of images; return its name, if any."""
    holders = [name for name in names if name.lower() in HOLDERS]
    others = [name for name in names if name not in holders]
    told = others or aside.rules
    if len(holders) != 1 or not told or any(name.lower() not in COMPANIONS for name in others):
        return None
    if others:
        aside.put(
            others, BESIDE, f"{quoted(others)} next to {holders[0]!r} {_are(others)} no class"
        )
    return holders[0]


def refuse_bare(tree: Tree, holder: str | None, aside: Aside) -> None:
    """Raise DataError where the one folder of images has no class folders."""
    if holder and not tree.inside(holder):
        raise DataError(
            f"{tree.root} has {holder!r} beside {quoted(aside.rules)}, and no class folders: put "
            "each class's images in a folder of its own, or give a table with a path and a label "
            "for each image"
        )


def put_extras_aside(
    tree: Tree, splits: Iterable[str], others: Sequence[str], aside: Aside
) -> list[str]:
    """Pass over what lies beside split folders and is known; return the names of what is not."""
    put_known_aside(others, aside)
    for name in others:
        flat = split_of(name) and not tree.inside(name)
        if (flat and tree.files_in(name)) or name.lower() in UNLABELLED_FOLDERS:
            aside.put([name], NO_LABEL, _unlabelled(name, tree.files_below(name)))
    put_copies_aside(tree, list(splits), aside.leave(others), aside)
    return aside.leave(others)


def put_known_aside(others: Iterable[str], aside: Aside) -> None:
    """Pass over annotations and masks beside split folders."""
    companions = [name for name in others if name.lower() in COMPANIONS]
    if companions:
        note = f"{quoted(companions)} next to the split folders {_are(companions)} not read"
        aside.put(companions, BESIDE, note)


def _unlabelled(name: str, count: int) -> str:
    verb = "is" if count == 1 else "are"
    return (
        f"{plural(count, 'image')} in {name!r} {verb} in no class folder, so without labels, and "
        "not used: use `convladder predict` on them"
    )


def put_copies_aside(tree: Tree, names: Sequence[str], others: Iterable[str], aside: Aside) -> None:
    """Pass over a folder that repeats the others. Raises DataError where its images differ."""
    for other in others:
        if len(tree.inside(other)) < len(names) - 1:  # of many classes, each is looked at
            continue
        rest = [name for name in names if name != other]
        if len(rest) < 2 or set(tree.inside(other)) != set(rest):
            continue
        first = {f"{name}/{path}" for name in rest for path in tree.paths_below(name)}
        if tree.paths_below(other) != first:
            raise DataError(
                f"{tree.root} has folders {quoted(rest)}, and {other!r} holds folders of the same "
                f"names: give {tree.root}/{other}, or move it away"
            )
        note = (
            f"{other!r} holds the folders {quoted(rest)} again, with the same files: it is not read"
        )
        aside.put([other], COPY, note)


def quoted(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in sorted(names))


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"
