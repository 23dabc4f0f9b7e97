"""Suspected label errors: those that are planted are found."""

from __future__ import annotations

import numpy as np
import pandas as pd

from convladder.evaluation import label_errors, predictions


def planted(flipped: float, seed: int = 0, images: int = 3000) -> tuple[pd.DataFrame, np.ndarray]:
    """Return predictions of a network that is right on 92 % of the images, and which labels were
    flipped.
    """
    draw = np.random.default_rng(seed)
    true = draw.integers(6, size=images)
    logits = draw.normal(size=(images, 6))
    logits[np.arange(images), true] += 3.2
    flips = draw.random(images) < flipped
    given = np.where(flips, (true + draw.integers(1, 6, size=images)) % 6, true)
    paths = [f"{number}.png" for number in range(images)]
    return predictions.make_table(
        paths, ["test"] * images, given.tolist(), logits, list("abcdef")
    ), flips


def test_planted_errors_are_found_and_come_first() -> None:
    table, flips = planted(0.05)
    found = label_errors.suspects(table)
    assert flips[found.index].mean() > 0.5, "of those suspected"
    assert flips[found.index[:100]].mean() > 0.85, "of the first hundred"
    assert flips[found.index].sum() > 0.55 * flips.sum(), "of those planted"
    assert found["margin"].is_monotonic_increasing


def test_the_class_that_it_looks_like_is_suggested() -> None:
    table, flips = planted(0.05)
    found = label_errors.suspects(table)
    planted_rows = found[flips[found.index]]
    assert (planted_rows["suggested"] == table["predicted"][planted_rows.index]).mean() > 0.95
    assert (found["suggested"] != found["label"]).all()


def test_clean_labels_are_seldom_suspected() -> None:
    table, _ = planted(0.0)
    assert len(label_errors.suspects(table)) < 0.06 * len(table)


def test_a_class_without_an_image_is_never_suggested() -> None:
    table, _ = planted(0.05)
    table = table[table["label"] != "f"]
    assert "f" not in set(label_errors.suspects(table)["suggested"])


def test_the_suspects_of_a_split_are_among_all_suspects() -> None:
    table, _ = planted(0.05)
    table["split"] = np.where(np.arange(len(table)) % 3 == 0, "test", "validation")
    shuffled = table.sample(frac=1, random_state=0).reset_index(drop=True)
    rows = label_errors.suspected_rows(shuffled, "test")
    test = predictions.part(shuffled, "test")
    found = label_errors.suspects(shuffled)
    assert test["path"].iloc[rows].tolist() == found["path"][found["split"] == "test"].tolist()
    assert len(rows) > 20
