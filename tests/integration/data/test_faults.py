"""Every fault that people's folders have, at once: each is told, and the counts add up."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from command_line import convladder_here as convladder
from convladder.core.errors import DataError
from convladder.core.settings.data import Data
from convladder.data.loading import check, load
from convladder.data.quality.checks import DataCheck
from convladder.evaluation import predictions
from faults import WEIRD_NAMES, Faults, make_faults


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Faults:
    return make_faults(tmp_path_factory.mktemp("faults") / "images")


@pytest.fixture(scope="module")
def checked(faults: Faults) -> DataCheck:
    return check(Data(source=str(faults.root)))


def paths_of(checked: DataCheck, code: str) -> set[str]:
    return {
        row["path"] for finding in checked.findings if finding.code == code for row in finding.rows
    }


def test_every_file_is_accounted_for(faults: Faults, checked: DataCheck) -> None:
    on_disk = sum(len(files) for _, _, files in os.walk(faults.root)) + links_to_folders(
        faults.root
    )
    assert checked.files == {
        "files": on_disk,
        "accepted": faults.accepted,
        "rejected": len(faults.rejected),
        "ignored": sum(faults.ignored.values()),
    }
    assert on_disk == faults.files


def links_to_folders(root: Path) -> int:
    return sum(
        Path(place, name).is_symlink() for place, folders, _ in os.walk(root) for name in folders
    )


def test_each_broken_file_is_rejected_with_its_reason(faults: Faults, checked: DataCheck) -> None:
    assert {each.path: each.reason for each in checked.bank.rejections} == faults.rejected


def test_each_ignored_file_has_its_rule(faults: Faults, checked: DataCheck) -> None:
    assert checked.bank.ignored == faults.ignored
    assert checked.bank.class_names == ("cat", "dog")


def test_copies_misnamed_and_moving_images_are_found(faults: Faults, checked: DataCheck) -> None:
    names = {number: record.path for number, record in enumerate(checked.bank.records)}
    exact = checked.bank.pairs[checked.bank.pairs["exact"]]
    pairs = {tuple(sorted((names[pair["left"]], names[pair["right"]]))) for pair in exact}
    assert faults.exact <= pairs
    assert paths_of(checked, "conflicting-labels") == {"dog/00-again.png"}
    assert paths_of(checked, "misnamed") == faults.misnamed
    assert paths_of(checked, "animated") == faults.animated
    assert "dog/line.png" in paths_of(checked, "extremely-long")
    assert "dog/dot.png" in paths_of(checked, "tiny")


def test_odd_names_go_round_trip_through_the_table_of_predictions(
    checked: DataCheck, tmp_path: Path
) -> None:
    import numpy as np

    paths = [record.path for record in checked.bank.records]
    assert {f"dog/{name}" for name in WEIRD_NAMES} <= set(paths)
    table = predictions.make_table(
        paths,
        ["test"] * len(paths),
        [0] * len(paths),
        np.zeros((len(paths), 2), np.float32),
        ("cat", "dog"),
    )
    assert predictions.write(table, tmp_path / "predictions.csv")["path"].tolist() == paths


def test_odd_names_are_escaped_on_the_page(checked: DataCheck, tmp_path: Path) -> None:
    from convladder.report.check_page import write_check

    page = write_check(checked, tmp_path / "check.html").read_text()
    assert "dog/&lt;img src=x onerror=alert(1)&gt;.png" in page
    assert "<img src=x" not in page


def test_training_stops_at_so_many_rejections_and_names_the_way_on(faults: Faults) -> None:
    with pytest.raises(DataError, match=r"14 of \d+ files .*--allow-rejects"):
        load(str(faults.root))
    dataset = load(str(faults.root), allow_rejects=True)
    assert len(dataset.bank.records) == faults.accepted
    assert any("another format: read by content" in note for note in dataset.notes)
    assert any(
        "the first frame of 3 images with several frames is used" in note for note in dataset.notes
    )


def test_the_command_prints_all_of_it_and_says_by_its_status_that_something_was_found(
    faults: Faults,
) -> None:
    done = convladder("check", str(faults.root), "--json", "--quiet")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert told["files"]["rejected"] == len(faults.rejected)
    assert {rule: len(paths) for rule, paths in told["ignored"].items()} == faults.ignored
    assert {each["path"] for each in told["rejected"]} == set(faults.rejected)
