"""What to know of images of more than 8 bits: their range, and which it does not suit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convladder.core.formatting import plural
from convladder.data.bank.bank import Bank
from convladder.data.decoding import deep_images, intensity
from convladder.data.decoding.image_form import ImageForm
from convladder.data.decoding.image_stats import Facts

FEW_LEVELS, FLAT = 16, 4  # grey levels; times fewer than the usual deep image has
MOST_OUTSIDE = 0.5  # of an image's values may be cut before a note says so


def describe(bank: Bank, network: ImageForm | None = None) -> list[str]:
    """Say in sentences what became of values of more than 8 bits, and of bands beyond colour.

    network : the form of a network that is to predict the images. Where some do not fit that, it is
    all that is warned of.
    """
    misfits = find_misfits(bank, network) if network else []
    return [*_tell_range(bank), *(misfits or _tell_unlike(bank))]


def _tell_range(bank: Bank) -> list[str]:
    modes = _modes(bank)
    dropped = sum("+" in mode for mode in modes)
    notes = (
        [f"the bands beyond colour are ignored in {plural(dropped, 'TIFF file')}"]
        if dropped
        else []
    )
    chosen = bank.form.intensity
    if chosen is None:
        return notes
    kinds = " and ".join(
        sorted({deep_images.say_depth(mode) for mode in modes if deep_images.is_deep(mode)})
    )
    low, high = intensity.written(chosen.low), intensity.written(chosen.high)
    return [
        *notes,
        f"{kinds} images: values from {low} to {high} are mapped to black and white; "
        "data.range sets another range",
    ]


def _tell_unlike(bank: Bank) -> list[str]:
    """Warn of images that the range of all does not suit."""
    if bank.form.intensity is None:
        return []
    modes = _modes(bank)
    flat = [place for place, mode in enumerate(modes) if not deep_images.is_deep(mode)]
    notes = [_tell_mixed(bank, flat, len(modes))] if flat else []
    unlike = find_unlike(bank.facts)
    if unlike:
        first, why = next(iter(unlike.items()))
        count = plural(len(unlike), "image")
        notes.append(
            f"warning: that range does not fit {count}, such as {bank.records[first].path}: {why}"
        )
    return notes


def _modes(bank: Bank) -> list[str]:
    return [mode.decode() for mode in bank.facts["mode"].tolist()]


def _tell_mixed(bank: Bank, flat: list[int], total: int) -> str:
    count = f"{plural(len(flat), 'image')} {'has' if len(flat) == 1 else 'have'} 8 bits"
    more = f"{total - len(flat):,} have more"
    if intensity.is_mixed(total - len(flat), total):
        why = "the network may learn the difference in brightness"
        return f"warning: {count} and stay unchanged, {more}: {why}"
    first = bank.records[flat[0]].path
    return (
        f"warning: {count} and took no part in setting that range, such as {first}; {more}: "
        "save all images at one bit depth"
    )


def find_unlike(facts: Facts) -> dict[int, str]:
    """Return the positions of the deep images that the range of all does not suit, and why."""
    of_deep = _deep(facts)
    if not of_deep.any():
        return {}
    levels = _levels(facts)
    usual = np.median(levels[of_deep])
    flat = of_deep & (levels < FEW_LEVELS) & (levels * FLAT < usual)
    cut = of_deep & (facts["outside"] > MOST_OUTSIDE)
    return {
        int(place): f"{facts['outside'][place]:.0%} of its values are outside"
        if cut[place]
        else f"it uses {levels[place]} of 256 grey levels, a typical image {usual:.0f}"
        for place in np.flatnonzero(flat | cut)
    }


def find_misfits(bank: Bank, form: ImageForm) -> list[str]:
    """Say which images do not fit those that a network of this form was trained on."""
    facts, trained = bank.facts, form.intensity
    if trained is None and bank.form.intensity is None:
        return []
    columns = zip(
        _deep(facts).tolist(), facts["outside"].tolist(), _levels(facts).tolist(), strict=True
    )
    reasons = [intensity.misfit(*each, trained) for each in columns]
    found = [(place, why) for place, why in enumerate(reasons) if why is not None]
    if not found:
        return []
    first, why = found[0]
    some = f"{len(found):,} of {plural(len(bank.records), 'image')}"
    return [f"warning: {some} may not fit the network, such as {bank.records[first].path}: {why}"]


def _deep(facts: Facts) -> NDArray[np.bool_]:
    return np.array([deep_images.is_deep(mode.decode()) for mode in facts["mode"].tolist()], bool)


def _levels(facts: Facts) -> NDArray[np.int64]:
    levels: NDArray[np.int64] = facts["high"].astype(np.int64) - facts["low"]
    return levels
