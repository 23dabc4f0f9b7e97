"""From settings to a dataset: the source opened, decoded, judged and split."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

from convladder.core.errors import DataError
from convladder.core.settings.data import Data
from convladder.data.bank.bank import Bank
from convladder.data.bank.cache import open_bank
from convladder.data.dataset import SplitDataset, split_bank
from convladder.data.decoding.image_form import ImageForm
from convladder.data.image_size import FORM, infer_form
from convladder.data.quality import bit_depth, grouping, remarks
from convladder.data.quality.checks import DataCheck
from convladder.data.quality.leaving_out import leave_out_small, refuse_empty_classes, settle_leaks
from convladder.data.source import PACKED, Progress, Source, count_ignored
from convladder.data.sources.folders.links import hint, hinting
from convladder.data.sources.registry import limits_of, open_source
from convladder.data.subset import listing_of, take_subset

MANY = 100_000  # objects more than were freed, before Python looks for garbage


# docs/decisions/079-python-rarely-looks-for-garbage-while-data-is-loaded.md
@contextlib.contextmanager
def _rarely_collecting() -> Iterator[None]:
    """Let Python rarely look for garbage: none is among the records, and looking took 40 %."""
    before = gc.get_threshold()
    gc.set_threshold(before[0] and MANY, *before[1:])  # 0: somebody wants none
    try:
        yield
    finally:
        gc.set_threshold(*before)


@_rarely_collecting()
def load(
    settings: Data | str,
    source: Source | None = None,
    *,
    like: SplitDataset | None = None,
    allow_rejects: bool = False,
    progress: Progress | None = None,
) -> SplitDataset:
    """Open a source, decode it into the bank (or find it there) and split it.

    Parameters
    ----------
    settings
        The data part of an experiment, or just the source: a folder, a file or a name.
    source
        The images themselves, where the settings' text cannot name them: arrays, or a frame.
    like
        A dataset whose images and split are to be taken, as far as the images can be read in this
        form too.
    allow_rejects
        Go on although more than 1 % of the files could not be read.
    progress
        Called with (what is done, how much of it, of how much) while the bank is built.

    Raises
    ------
    DataError
        The source cannot be read, has too few images in a class, or too many unreadable files.
    """
    if not isinstance(settings, Data):
        settings = Data.model_validate({"source": str(settings)})
    opened = source or open_source(settings)
    if opened.at_hand:  # else it is found out once all is decoded
        remarks.refuse_no_train(opened.name, opened.listing().records)
    bank, notes = load_bank(settings, opened, allow_rejects=allow_rejects, progress=progress)
    if like is not None:
        return _take_over(like, settings, bank, notes)
    with hinting(hint(bank.ignored, packed=bank.kind.endswith(PACKED))):
        return _split_up(settings, bank, notes, source)


def _split_up(
    settings: Data, bank: Bank, notes: tuple[str, ...], source: Source | None
) -> SplitDataset:
    """Leave out what the settings say, group the rest, and split it. Raises DataError."""
    remarks.refuse_no_train(bank.source, bank.records)
    refuse_empty_classes(bank, settings)
    bank, decisions = leave_out_small(bank, settings.min_images)
    if len(bank.class_names) < 2:
        only = bank.class_names[0]
        raise DataError(
            f"{bank.source} has one class only ({only!r}): a classifier needs two or more"
        )
    bank, of_groups = grouping.name_groups(bank, settings.group_pattern)
    if settings.folds is None:
        remarks.refuse_untrained(bank)
    bank, of_leaks = settle_leaks(bank, settings)
    of_leaks += remarks.of_conflicts(bank)
    groups = grouping.groups_of(bank)
    splits, of_splits = split_bank(bank, groups, settings)
    said = (*decisions, *of_groups, *of_leaks, *of_splits)
    return SplitDataset(settings, bank, splits, notes, said, groups, source)


def differ_in_form_alone(left: Data, right: Data) -> bool:
    """Whether two settings read the same images, and split them in the same way."""
    return all(value == getattr(right, key) for key, value in left if key not in FORM)


def _take_over(
    like: SplitDataset, settings: Data, bank: Bank, notes: tuple[str, ...]
) -> SplitDataset:
    """Take the images and groups of another dataset: copies may look otherwise in another form."""
    known = {record.path: position for position, record in enumerate(like.bank.records)}
    kept = [position for position, record in enumerate(bank.records) if record.path in known]
    bank, _ = grouping.name_groups(bank.keep(kept), settings.group_pattern)
    of_like = [known[record.path] for record in bank.records]
    groups = grouping.groups_of(bank) if like.groups is None else like.groups[of_like]
    splits, _ = split_bank(bank, groups, settings)
    return SplitDataset(settings, bank, splits, notes, like.decisions, groups, like.origin)


def check(
    settings: Data, source: Source | None = None, progress: Progress | None = None
) -> DataCheck:
    """Read every file of a source and say what is wrong. Raises DataError if unreadable."""
    source = source or open_source(settings)
    bank, _ = load_bank(settings, source, lenient=True, progress=progress)
    bank, _ = grouping.name_groups(bank, settings.group_pattern)
    listing = take_subset(listing_of(source, settings.classes), settings.limit, settings.split_seed)
    return DataCheck(
        bank, listing.ignored, (*source.notes, *bit_depth.describe(bank), *remarks.of_scenes(bank))
    )


@_rarely_collecting()
def load_bank(
    settings: Data,
    source: Source | None = None,
    *,
    allow_rejects: bool = False,
    lenient: bool = False,
    network: ImageForm | None = None,
    progress: Progress | None = None,
) -> tuple[Bank, tuple[str, ...]]:
    """Do what `load` does, short of the split; return the bank and the notes. Raises DataError.

    `lenient` goes on whatever is rejected, also if nothing is left. `network` is the form of the
    network that is to predict the images, where there is one.
    """
    source = source or open_source(settings)
    ignored = count_ignored(source.listing().ignored) if source.at_hand else {}
    with hinting(hint(ignored, packed=source.kind.endswith(PACKED))):
        form, of_form = infer_form(source, settings, lenient=lenient)
    notes = [*source.notes, *of_form]
    bank = open_bank(
        source,
        form,
        limits_of(settings),
        classes=settings.classes,
        limit=settings.limit,
        seed=settings.split_seed,
        copies_are=settings.copies,
        progress=progress,
    )
    if bank.rejections:
        notes.append(remarks.of_rejections(bank, allow_rejects or lenient))
    return bank, (*notes, *_notes_on(bank, network))


def _notes_on(bank: Bank, network: ImageForm | None) -> Iterator[str]:
    """Yield what a person should know of the images, and of what was not read."""
    yield from bit_depth.describe(bank, network)
    yield from remarks.of_scenes(bank)
    yield from remarks.of_oddities(bank)
    if bank.ignored:
        counts = (f"{count} ({rule})" for rule, count in sorted(bank.ignored.items()))
        yield f"ignored {', '.join(counts)}"
    of_links = hint(bank.ignored, packed=bank.kind.endswith(PACKED))
    if of_links:
        yield of_links
