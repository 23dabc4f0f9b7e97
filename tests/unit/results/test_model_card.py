"""The model card: figures are made again, a person's words stay."""

from __future__ import annotations

from pathlib import Path

from convladder.results import model_card
from made_runs import make_run, share_right


def read(folder: Path) -> str:
    return (folder / "card.md").read_text(encoding="utf-8")


def test_a_card_has_the_sections_and_the_figures(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", right=share_right(0.8, 200, 0))
    model_card.write(run)
    text = read(run.folder)
    sections = [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]
    assert sections == [
        "Model details",
        "Intended use",
        "Factors",
        "Metrics",
        "Evaluation data",
        "Training data",
        "Quantitative analyses",
        "Ethical considerations",
        "Caveats and recommendations",
    ]
    accuracy = run.metrics["test"]["accuracy"]
    assert f"| accuracy | {100 * accuracy:.1f} % |" in text
    assert "| accuracy on cat (100 images) |" in text
    assert "1,000 parameters" in text


def test_a_persons_words_stay_and_the_figures_are_renewed(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", right=share_right(0.8, 200, 0))
    model_card.write(run)
    asked = "*What is it for, who should use it, and what must it not be used for?*"
    (run.folder / "card.md").write_text(
        read(run.folder).replace(asked, "For the shelter in Ulm, only.")
    )
    better = make_run(tmp_path / "run", right=share_right(0.95, 200, 0))
    model_card.write(better)
    assert "For the shelter in Ulm, only." in read(run.folder)
    assert f"| accuracy | {100 * better.metrics['test']['accuracy']:.1f} % |" in read(run.folder)


def test_a_part_that_was_taken_out_stays_out() -> None:
    made = (
        "<!-- convladder: use -->\nnew\n<!-- end -->\n<!-- convladder: figures -->\n1\n<!-- end -->"
    )
    kept = "Mine.\n<!-- convladder: figures -->\n0\n<!-- end -->"
    assert model_card.renew(kept, made) == "Mine.\n<!-- convladder: figures -->\n1\n<!-- end -->"


def test_a_broken_mark_swallows_no_words() -> None:
    made = (
        "<!-- convladder: use -->\nnew\n<!-- end -->\n<!-- convladder: figures -->\n1\n<!-- end -->"
    )
    kept = (
        "<!-- convladder: use -->\nno end\nmy words\n<!-- convladder: figures -->\n0\n<!-- end -->"
    )
    renewed = model_card.renew(kept, made)
    assert "no end\nmy words" in renewed
    assert renewed.endswith("\n1\n<!-- end -->")


def test_a_card_of_ones_own_is_left_alone(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", right=share_right(0.8, 200, 0))
    (run.folder / "card.md").write_text("All my own.")
    model_card.write(run)
    assert read(run.folder) == "All my own."


def test_line_endings_and_blanks_of_an_editor_do_not_keep_a_part_from_being_renewed(
    tmp_path: Path,
) -> None:
    run = make_run(tmp_path / "run", right=share_right(0.5, 200, 0))
    model_card.write(run)
    edited = read(run.folder).replace("figures -->", "figures -->  ").replace("\n", "\r\n")
    (run.folder / "card.md").write_bytes(edited.encode())
    better = make_run(tmp_path / "run", right=share_right(0.95, 200, 0))
    model_card.write(better)
    renewed = (run.folder / "card.md").read_bytes().decode()
    assert f"| accuracy | {100 * better.metrics['test']['accuracy']:.1f} % |" in renewed
    assert "\n" not in renewed.replace("\r\n", "")


def test_versions_that_are_not_known_are_left_out(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", right=share_right(0.5, 20, 0))
    run.about["environment"]["versions"] = {"numpy": "2.0"}
    model_card.write(run)
    assert "a machine" in read(run.folder)


def test_a_class_name_breaks_no_table() -> None:
    assert model_card.cell("<a|b>\n") == "&lt;a\\|b&gt; "
