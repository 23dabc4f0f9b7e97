from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from convladder.core.errors import RunError
from convladder.evaluation import metrics, predictions

NAMES = ["cat", "dog", "emu"]


def make_table(count: int = 60, names: list[str] | None = None, seed: int = 0) -> pd.DataFrame:
    """Make predictions of noisy logits: half the images validation, half test."""
    names = names or NAMES
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, len(names), count)
    logits = draw.normal(0, 1, (count, len(names))).astype("float32")
    logits[np.arange(count), labels] += 1.5
    splits = ["validation", "test"] * (count // 2)
    return predictions.make_table(
        [f"{n}.png" for n in range(count)], splits, labels.tolist(), logits, names
    )


def test_the_table_survives_its_file_exactly(tmp_path: Path) -> None:
    odd = ["<b>", 'quo"te, comma', "caf\udce9", "=cmd()", "NA", "001", "car\rriage", "li\nne"]
    written = predictions.write(make_table(names=odd), tmp_path / "predictions.csv")
    again = predictions.read(tmp_path / "predictions.csv")
    assert written.equals(again)
    assert predictions.class_names(again) == odd
    assert set(again["label"]) <= set(odd)
    second = predictions.write(again, tmp_path / "again.csv")
    assert second.equals(again)
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "predictions.csv").read_bytes()


def test_probabilities_add_up_to_one(tmp_path: Path) -> None:
    table = predictions.write(make_table(), tmp_path / "predictions.csv")
    assert np.allclose(predictions.probabilities(table).sum(axis=1), 1, atol=1e-6)


def test_a_file_that_is_no_table_says_so(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(RunError, match="lacks label, path, predicted, split"):
        predictions.read(tmp_path / "other.csv")
    with pytest.raises(RunError, match="cannot read"):
        predictions.read(tmp_path / "missing.csv")


def test_the_figures_are_scikit_learns() -> None:
    table = make_table()
    test = predictions.part(table, "test")
    figures = metrics.compute(table)["test"]
    positions = [NAMES.index(label) for label in test["label"]]
    assert figures["images"] == 30
    assert figures["accuracy"] == sk.accuracy_score(test["label"], test["predicted"])
    assert figures["log_loss"] == pytest.approx(
        sk.log_loss(positions, predictions.probabilities(test))
    )
    assert figures["macro_average"]["f1"] == pytest.approx(
        sk.f1_score(test["label"], test["predicted"], average="macro")
    )
    assert (
        figures["confusion_matrix"]
        == sk.confusion_matrix(test["label"], test["predicted"]).tolist()
    )
    assert "top_5_accuracy" not in figures


def test_top_5_is_told_where_there_are_many_classes() -> None:
    table = make_table(names=[f"class {n}" for n in range(24)], count=240)
    figures = metrics.compute(table)["test"]
    assert figures["accuracy"] < figures["top_5_accuracy"] <= 1


def test_the_table_of_classes_is_scikit_learns_report_whatever_they_are_called() -> None:
    table = make_table(names=["accuracy", "macro avg", "weighted avg"])
    test = predictions.part(table, "test")
    figures = metrics.compute(table)["test"]
    renamed = {"accuracy": "a", "macro avg": "b", "weighted avg": "c"}
    report = sk.classification_report(
        test["label"].map(renamed), test["predicted"].map(renamed), output_dict=True
    )
    for name, letter in renamed.items():
        assert figures["classes"][name]["precision"] == pytest.approx(report[letter]["precision"])
        assert figures["classes"][name]["images"] == report[letter]["support"]
    assert figures["weighted_average"]["f1"] == pytest.approx(report["weighted avg"]["f1-score"])


def test_a_class_without_images_has_figures_and_no_warning(
    recwarn: pytest.WarningsRecorder,
) -> None:
    table = make_table()
    figures = metrics.compute(table[table["label"] != "emu"])["test"]
    assert figures["classes"]["emu"]["images"] == 0
    assert not recwarn.list


def test_a_certain_mistake_costs_much_but_not_infinity() -> None:
    table = predictions.make_table(
        ["a"], ["test"], [0], np.array([[-1000.0, 1000.0]], "float32"), ["x", "y"]
    )
    assert 30 < metrics.compute(table)["test"]["log_loss"] < 40


def test_averages_are_over_the_classes_that_occur() -> None:
    """Of other data that lack a class, it must not count as one that was always missed."""
    table = make_table()
    there = table[
        (table["label"] == "cat") & (table["predicted"] == "cat") & (table["split"] == "test")
    ]
    figures = metrics.compute(pd.concat([there, there]))["test"]
    assert figures["accuracy"] == figures["macro_average"]["f1"] == 1.0


def test_a_metric_is_added_by_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    brier = metrics.Figure(
        "brier",
        "Brier score",
        lambda answers: float((1 - answers.probabilities.max(axis=1)).mean()),
    )
    monkeypatch.setattr(metrics, "FIGURES", (*metrics.FIGURES, brier))
    figures = metrics.compute(make_table())["test"]
    assert list(metrics.measured(figures)) == ["accuracy", "log_loss", "brier"]
    assert metrics.told(figures, but="accuracy").endswith(f"Brier score {figures['brier']:.4f}")
    older = {name: value for name, value in figures.items() if name != "brier"}
    assert "Brier" not in metrics.told(older)
