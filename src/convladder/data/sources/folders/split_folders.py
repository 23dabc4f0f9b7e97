"""Which folders stand for splits: those around the class folders, or those in each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from convladder.core.errors import DataError
from convladder.data.source import Split
from convladder.data.sources.folders.beside import quoted
from convladder.data.sources.folders.tree import Tree
from convladder.data.split_names import split_of, splits_among


def outer_splits(
    tree: Tree, names: Sequence[str], hint_at_names: Callable[[Sequence[str]], str]
) -> dict[str, Split]:
    """Return the folders around class folders that stand for splits; none where there are none.

    hint_at_names : says what the names of files that are in no class folder may mean. Raises
        DataError.
    """
    holding = [name for name in names if tree.inside(name)]
    splits = of_names(holding)
    flat = [name for name in names if name not in holding and split_of(name)]
    _refuse_flat_splits(
        tree, flat, hint_at_names, every=len(flat) == len(names) > 1, beside_splits=bool(splits)
    )
    if not splits:
        return {}
    if "train" not in splits.values() and len(splits) < len(holding):
        near = [name for name in holding if name.lower().startswith("train")]
        if near:
            raise DataError(
                f"{tree.root} has {quoted(splits)} but no 'train': did you mean {quoted(near)}? "
                "Rename it"
            )
        return {}
    _refuse_two_of_one(tree.root, splits)
    return splits


def _refuse_flat_splits(
    tree: Tree,
    flat: Sequence[str],
    hint_at_names: Callable[[Sequence[str]], str],
    *,
    every: bool,
    beside_splits: bool,
) -> None:
    """Raise DataError where split folders, or the training one, hold images and no classes."""
    filled = [name for name in flat if tree.files_in(name)]
    train = [name for name in filled if split_of(name) == "train"]
    if not (filled and every) and not (train and beside_splits):
        return
    first = (train or filled)[0]
    place = f"{tree.root}/{first}"
    said = hint_at_names(sorted(tree.paths_below(first)))
    advice = said or (
        f"put each class's images in a folder of its own, such as {place}/cat/1.jpg, or give a "
        "table of paths and labels"
    )
    raise DataError(f"{place} holds images, but it has no class folders: {advice}")


def inner_splits(tree: Tree, names: Sequence[str]) -> dict[str, Split]:
    """Return the folders in class folders that stand for splits; none where they do not.

    Raises
    ------
    DataError
        Some class folders hold a train and a test folder but others do not, or each is a set of its
        own.
    """
    clean = [name for name in names if _is_clean(tree, name)]
    parted = [name for name in names if _is_parted(tree, name)]
    _refuse_several_sets(tree, parted)
    if len(clean) < len(names):
        if parted:
            other = next(name for name in names if name not in clean)
            raise DataError(
                f"{tree.root}/{parted[0]} holds {quoted(of_names(tree.inside(parted[0])))}, which "
                f"are names of splits, but {other!r} is not split in this way. Arrange all class "
                "folders alike (CLASS/train, CLASS/test), or rename these folders if they are not "
                "splits"
            )
        return {}
    for name in names:
        _refuse_two_of_one(f"{tree.root}/{name}", of_names(tree.inside(name)))
    return of_names({inner for name in names for inner in tree.inside(name)})


def of_names(names: Iterable[str]) -> dict[str, Split]:
    """Return those of the names that are of splits, with the split of each."""
    return splits_among(sorted(names))


def is_set(tree: Tree, name: str) -> bool:
    """Whether a folder looks like a data set of its own, by the folders of splits in it."""
    return _is_parted(tree, name) or _is_clean(tree, name)


def _is_clean(tree: Tree, name: str) -> bool:
    """Whether a class folder holds folders of splits and nothing else."""
    inside = tree.inside(name)
    return bool(inside) and len(of_names(inside)) == len(inside) and not tree.files_in(name)


def _is_parted(tree: Tree, name: str) -> bool:
    splits = set(of_names(tree.inside(name)).values())
    return "train" in splits and len(splits) > 1


def _refuse_several_sets(tree: Tree, parted: Sequence[str]) -> None:
    """Raise DataError where folders hold split folders of class folders, as in MVTec AD."""
    places = [f"{name}/{inner}" for name in parted for inner in of_names(tree.inside(name))]
    if places and all(tree.inside(place) and not tree.files_in(place) for place in places):
        raise DataError(
            f"{tree.root} holds several data sets ({quoted(parted[:5])}), each with split folders "
            f"that hold class folders: give one, such as {tree.root}/{parted[0]}"
        )


def _refuse_two_of_one(root: str, splits: dict[str, Split]) -> None:
    if len(set(splits.values())) < len(splits):
        raise DataError(f"{root} has two folders for one split ({quoted(splits)}): merge them")
