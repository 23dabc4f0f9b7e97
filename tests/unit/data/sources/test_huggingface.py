from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convladder.core.errors import DataError, UnreadableImage
from convladder.core.settings.data import Data
from convladder.data.loading import load
from convladder.data.source import Listing
from convladder.data.sources.registry import open_source
from images_made import MakeFolder

datasets = pytest.importorskip("datasets", reason="the extra convladder[datasets] is not installed")

NAMES = ["cat", "dog"]


@pytest.fixture(autouse=True)
def own_hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the library downloads out of the user's cache, and the tests off the network."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hub")
    monkeypatch.setattr(datasets.config, "DOWNLOADED_DATASETS_PATH", tmp_path / "hub" / "downloads")
    datasets.disable_progress_bars()


def make_split(labels: list[Any], *, level: int = 0, **columns: list[Any]) -> Any:
    """Return a split of images whose brightness tells their class, with a ClassLabel."""
    draw = np.random.default_rng([level, len(labels)])
    images = [
        Image.fromarray((draw.integers(0, 80, (16, 16, 3)) + 80 * abs(label)).astype(np.uint8))
        for label in labels
    ]
    features = {"image": datasets.Image(), "label": datasets.ClassLabel(names=NAMES)}
    more = {name: datasets.Value("string") for name in columns}
    return datasets.Dataset.from_dict(
        {"image": images, "label": labels, **columns}, features=datasets.Features(features | more)
    )


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that lets the hub have a set: `serve(train=…, test=…)`; it returns what is
    asked of it.
    """

    def serve(**splits: Any) -> list[tuple[Any, ...]]:
        asked: list[tuple[Any, ...]] = []

        def load_dataset(*names: Any) -> Any:
            asked.append(names)
            return datasets.DatasetDict(splits)

        monkeypatch.setattr(datasets, "load_dataset", load_dataset)
        return asked

    return serve


def listed(name: str, **settings: Any) -> Listing:
    return open_source(Data(source=name, **settings)).listing()


def test_a_set_of_the_hub_is_loaded_by_name(serve: Any) -> None:
    asked = serve(train=make_split([0, 1] * 10), test=make_split([0, 1] * 3))
    dataset = load("hf:owner/pets")
    assert asked == [("owner/pets", None)]
    assert (dataset.bank.source, dataset.bank.kind) == ("hf:owner/pets", "hub")
    assert dataset.class_names == ("cat", "dog")
    assert {part: len(indices) for part, indices in vars(dataset.splits).items()} == {
        "train": 16,
        "validation": 4,
        "test": 6,
    }
    assert dataset.bank.records[-1].path == "test[5]"
    assert dataset.bank.images[1].mean() > dataset.bank.images[0].mean() + 40


def test_a_configuration_follows_an_at_sign(serve: Any) -> None:
    asked = serve(train=make_split([0, 1]))
    assert open_source(Data(source="hf:owner/pets@small")).name == "hf:owner/pets@small"
    assert asked == [("owner/pets", "small")]


def test_the_listing_decodes_nothing(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(train=make_split([0, 1, 1]))

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("an image was decoded")

    monkeypatch.setattr(datasets.Image, "decode_example", refuse)
    source = open_source(Data(source="hf:owner/pets"))
    records = source.listing().records
    assert [record.label for record in records] == [0, 1, 1]
    assert source.fetch(records[2])[1:4] == b"PNG"  # type: ignore[index]


def test_splits_of_other_names_are_ignored_and_counted(serve: Any) -> None:
    serve(train=make_split([0, 1]), valid=make_split([0, 1, 1]), unsupervised=make_split([0] * 5))
    listing = listed("hf:owner/pets")
    assert [record.split for record in listing.records] == ["train"] * 2 + ["validation"] * 3
    assert [each.rule for each in listing.ignored] == ["of another split"] * 5
    assert listing.ignored[0].path == "unsupervised[0]"


def test_a_test_split_whose_labels_are_withheld_is_ignored(serve: Any) -> None:
    serve(train=make_split([0, 1]), test=make_split([-1, -1]))
    assert [each.rule for each in listed("hf:owner/pets").ignored] == [
        "of a split without labels"
    ] * 2


def test_one_split_of_any_name_is_split_as_a_folder_is(serve: Any) -> None:
    serve(full=make_split([0, 1]))
    assert [record.split for record in listed("hf:owner/pets").records] == ["", ""]


@pytest.mark.parametrize(
    ("plain", "other", "split"),
    [("test", "eval", "test"), ("validation", "dev", "validation"), ("train", "training", "train")],
)
def test_of_two_names_for_one_split_the_plain_one_is_taken_and_it_is_said(
    serve: Any, plain: str, other: str, split: str
) -> None:
    serve(**{other: make_split([0, 1, 1]), "train": make_split([0, 1]), plain: make_split([0, 1])})
    listing = listed("hf:owner/pets")
    assert {record.path.partition("[")[0] for record in listing.records} == {"train", plain}
    assert [each.rule for each in listing.ignored] == [
        f"of '{other}': '{plain}' is taken as the {split} split"
    ] * 3


def test_of_two_words_for_one_split_the_commoner_is_taken(serve: Any) -> None:
    serve(train=make_split([0, 1]), dev=make_split([0, 1]), val=make_split([0, 1]))
    assert {each.path for each in listed("hf:owner/pets").ignored} == {"dev[0]", "dev[1]"}


def test_several_splits_without_train_are_an_error(serve: Any) -> None:
    serve(left=make_split([0, 1]), right=make_split([0, 1]))
    with pytest.raises(DataError, match="has the splits 'left', 'right', but none is 'train'"):
        listed("hf:owner/pets")


def test_settings_name_columns(serve: Any) -> None:
    serve(train=make_split([0, 1], breed=["tabby", "pug"], owner=["ann", "bob"]))
    listing = listed("hf:owner/pets", label_column="breed", group_column="owner")
    assert listing.class_names == ("pug", "tabby")
    assert [record.group for record in listing.records] == ["ann", "bob"]
    with pytest.raises(
        DataError, match=r"hf:owner/pets, train has no column 'race': it has 'image', 'label'"
    ):
        listed("hf:owner/pets", label_column="race")


def test_another_state_of_the_set_has_another_fingerprint(serve: Any) -> None:
    train, other = make_split([0, 1]), make_split([0, 1], level=1)
    serve(train=train)
    first = open_source(Data(source="hf:owner/pets")).fingerprint
    assert open_source(Data(source="hf:owner/pets")).fingerprint == first
    serve(train=other)
    assert open_source(Data(source="hf:owner/pets")).fingerprint != first


def test_a_set_cannot_name_files_of_this_machine(serve: Any, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    Image.new("RGB", (16, 16)).save(secret)
    train = datasets.Dataset.from_dict({"image": [str(secret)], "label": [0]})
    serve(train=train.cast_column("image", datasets.Image()))
    source = open_source(Data(source="hf:owner/pets"))
    (record,) = source.listing().records
    assert record.path == "train[0]/secret.png"
    with pytest.raises(UnreadableImage, match=r"missing: .*secret.png.* but no bytes"):
        source.fetch(record)


def test_a_folder_that_the_library_reads_is_the_bank_of_its_class_folder(
    make_folder: MakeFolder,
) -> None:
    make_folder({"train/cat": 10, "train/dog": 10})
    root = make_folder({"test/cat": 4, "test/dog": 5})
    through, plain = load(f"hf:{root}"), load(str(root))
    assert through.class_names == plain.class_names
    assert through.counts() == plain.counts()
    assert sorted(map(bytes, through.bank.images)) == sorted(map(bytes, plain.bank.images))
    assert (
        open_source(Data(source=f"hf:{root}")).fingerprint
        == open_source(Data(source=f"hf:{root}")).fingerprint
    )


def test_a_folder_of_parquet_files_through_the_library(tmp_path: Path) -> None:
    for name, count in (("train-00000-of-00001", 10), ("test-00000-of-00001", 3)):
        (tmp_path / "set").mkdir(exist_ok=True)
        make_split([0, 1] * count).to_parquet(tmp_path / "set" / f"{name}.parquet")
    through, plain = load(f"hf:{tmp_path / 'set'}"), load(str(tmp_path / "set"))
    assert through.counts() == plain.counts()
    assert sorted(map(bytes, through.bank.images)) == sorted(map(bytes, plain.bank.images))


def test_a_set_that_is_not_there_says_what_to_do() -> None:
    said = (
        r"could not load hf:owner/none \(.+\): check the connection and the name "
        r".*@CONFIG.*HF_TOKEN"
    )
    with pytest.raises(DataError, match=said):
        open_source(Data(source="hf:owner/none"))


def test_a_download_that_fails_tells_the_cause_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        try:
            raise OSError("No space left\non device")
        except OSError as error:
            raise RuntimeError("An error occurred while generating the dataset") from error

    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(
        DataError, match=r"could not load hf:owner/pets \(No space left on device\)"
    ):
        open_source(Data(source="hf:owner/pets"))


def test_no_name_and_no_extra_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="does not name a data set: give hf:OWNER/NAME"):
        open_source(Data(source="hf:"))
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataError, match=r"pip install 'convladder\[datasets\]'"):
        open_source(Data(source="hf:owner/pets"))
