"""A run of deep images, and what is made of it: the same range everywhere, and a warning where it
does not fit.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import convladder as cl
from convladder.api import exports
from convladder.api.run import Run
from convladder.core.errors import UnreadableImage
from convladder.core.settings.data import Data
from convladder.data.decoding import intensity
from convladder.data.decoding.images import decode
from convladder.data.decoding.intensity import IntensityRange
from convladder.data.loading import load
from convladder.data.quality import bit_depth
from convladder.report import progress
from convladder.results.bundle.bundle import Bundle
from convladder.results.bundle.schema import Form
from deep_files import encode, stripes, write_stripes
from stored_bundle import STORED

SMALL = {
    "model.filters": [4],
    "model.kernel_size": 3,
    "model.dense": [8],
    "train.learning_rate": 3e-3,
    "data.image_size": [16, 16],
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_stripes(tmp_path_factory.mktemp("stripes") / "twelve", count=40)


@pytest.fixture(scope="module")
def run(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs") / "run"
    return cl.train(root, "lenet5", epochs=10, changes=SMALL, out=out, quiet=True)


@pytest.fixture(scope="module")
def bundle(run: Run) -> Path:
    return run.bundle(run.folder.parent / "stripes.convladder")


@pytest.fixture
def odd(tmp_path: Path) -> dict[str, Path]:
    """Write pictures that do not fit: the same in 16 bits, in 10, in 8, and one that is nearly
    flat.
    """
    values = stripes(1, lying=True)
    made = {
        "sixteen": (16 * values).astype(np.uint16),
        "ten": (values // 4).astype(np.uint16),
        "eight": (values // 16).astype(np.uint8),
        "flat": (900 + (values - 900) // 20).astype(np.uint16),
    }
    for name, each in made.items():
        Image.fromarray(each).save(tmp_path / f"{name}.png")
    return {name: tmp_path / f"{name}.png" for name in made}


def test_twelve_bits_are_learned(run: Run) -> None:
    assert run.metrics["test"]["accuracy"] > 0.8


def test_the_range_is_kept_with_run_and_bundle(run: Run, bundle: Path) -> None:
    kept = run.network["intensity"]
    assert (kept["low"], kept["high"], kept["mixed"]) == (672, 1151, False)
    assert kept["levels"] > 50
    assert run.about["data"]["intensity"] == kept
    assert vars(Bundle(bundle).contents.image_form.intensity) == kept


def test_a_bundle_reads_a_file_as_training_did(root: Path, run: Run, bundle: Path) -> None:
    bank = load(run.experiment.data).bank
    predictor = cl.Predictor.open(bundle)
    for place in (0, 17, 63):
        content = (root / bank.records[place].path).read_bytes()
        assert np.array_equal(predictor.decode(content), bank.images[bank.rows[place]])
        found = predictor.try_to_decode(content)
        assert not isinstance(found, UnreadableImage)
        assert found.warning is None


def test_a_run_predicts_its_own_files_without_a_warning_and_is_unsure_of_others_with_one(
    root: Path, run: Run, odd: dict[str, Path]
) -> None:
    tested = run.tested["path"].tolist()
    table = run.predict([root / path for path in tested] + list(odd.values()), accuracy=0.01)
    own, others = table.iloc[: len(tested)], table.iloc[len(tested) :]
    assert own["predicted"].tolist() == run.tested["predicted"].tolist()
    assert set(own["warning"]) == {""}
    assert all(others["warning"])
    assert table["unsure"].tolist() == [False] * len(own) + [True] * len(others)
    assert not any(others["error"])


def test_a_bundle_warns_of_a_picture_that_does_not_fit(bundle: Path, odd: dict[str, Path]) -> None:
    predictor = cl.Predictor.open(bundle)
    said = {}
    for name, path in odd.items():
        decoded = predictor.try_to_decode(path.read_bytes())
        assert not isinstance(decoded, UnreadableImage)
        (found,) = predictor.read(predictor.probabilities([decoded.pixels]), 1, [decoded.warning])
        said[name] = found.warning or ""
    assert said["sixteen"].startswith("100% of its values are outside 672 to 1,151")
    assert said["ten"].startswith("100% of its values are outside 672 to 1,151")
    assert said["eight"].startswith("it has 8 bits, but the training images had more")
    assert "does it have another bit depth?" in said["flat"]
    assert "it has values of " in said["flat"]


def test_images_to_be_evaluated_are_read_with_the_range_of_the_run(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sixteen = write_stripes(tmp_path / "sixteen", 16, count=5)
    run.evaluate(sixteen)
    said = " ".join(capsys.readouterr().err.split())
    assert "values from 672 to 1,151 are mapped to black and white" in said
    assert (
        "warning: 10 of 10 images may not fit the network, such as lying/000.tif: 100% of its "
        "values" in said
    )
    assert said.count("warning:") == 1
    eight = write_stripes(tmp_path / "eight", 1 / 16, np.uint8, count=5)
    run.evaluate(eight)
    said = " ".join(capsys.readouterr().err.split())
    assert (
        "warning: 10 of 10 images may not fit the network, such as lying/000.tif: it has 8 bits"
        in said
    )
    for path in eight.glob("lying/*"):
        path.unlink()
        shutil.copy(sixteen / "lying" / path.name, path)
    run.evaluate(eight)
    said = " ".join(capsys.readouterr().err.split())
    assert "warning: 10 of 10 images may not fit the network" in said
    assert said.count("warning:") == 1


def test_an_export_is_compared_on_images_of_the_range_of_the_bundle(
    bundle: Path, tmp_path: Path
) -> None:
    other = write_stripes(tmp_path / "other", 1.5, count=6)  # whose own range is another
    dataset, _ = exports._images(Bundle(bundle), None, other, progress.reporter(quiet=True))
    found = dataset.bank.form.intensity
    assert found is not None
    assert (found.low, found.high) == (672, 1151)


def test_a_bundle_that_says_no_range_reads_16_bits_as_ever_and_warns() -> None:
    predictor = cl.Predictor.open(STORED)
    assert predictor.form.intensity is None
    values = np.full((12, 12), 32_768, np.uint16)
    decoded = predictor.try_to_decode(encode(values))
    assert not isinstance(decoded, UnreadableImage)
    assert set(decoded.pixels.ravel()) <= {127, 128}
    assert (decoded.warning or "").startswith(
        "it has more than 8 bits, unlike all training images: values from 0 to 65,535 were"
    )
    plain = predictor.try_to_decode(encode((values // 256).astype(np.uint8)))
    assert not isinstance(plain, UnreadableImage)
    assert plain.warning is None
    assert isinstance(
        predictor.try_to_decode(encode(values.astype(np.float32), "TIFF")), UnreadableImage
    )


def test_the_schema_of_a_form_goes_there_and_back_with_a_range_or_without() -> None:
    form = cl.Predictor.open(STORED).form
    for each in (None, IntensityRange(-5.5, 900, True, 0.25, 100)):
        there = type(form)(**{**vars(form), "intensity": each})
        said = Form.of(there).model_dump_json()
        assert Form.model_validate_json(said).image_form() == there
    without = {key: value for key, value in json.loads(said).items() if key != "intensity"}
    assert Form.model_validate(without).image_form() == form


@pytest.mark.parametrize(
    ("change", "why"),
    [({"low": 5.0, "high": 5.0}, "low end"), ({"levels": 300}, "levels"), ({"other": 1}, "other")],
)
def test_a_bundle_may_not_say_a_range_that_is_none(change: dict[str, Any], why: str) -> None:
    values = vars(IntensityRange(0, 1, False, 0, 1)) | change
    form = vars(cl.Predictor.open(STORED).form) | {"intensity": values}
    with pytest.raises(ValueError, match=why):
        Form.model_validate(form)


def test_a_set_that_had_both_warns_of_neither() -> None:
    mixed = IntensityRange(0, 4095, mixed=True, outside=0.0, levels=20)
    assert intensity.misfit(False, 0, 0, mixed) is None
    assert intensity.misfit(True, 0, 20, mixed) is None


def test_a_window_that_was_chosen_to_cut_much_does_not_warn_of_what_training_had_too(
    tmp_path: Path,
) -> None:
    root = write_stripes(tmp_path, count=10)
    bank = load(Data(source=str(root), range=(850, 950), image_size=(16, 16))).bank
    assert bank.form.intensity is not None
    assert bank.form.intensity.outside > 0.5
    assert bit_depth.find_misfits(bank, bank.form) == []


def test_arrays_are_read_as_files_are(run: Run, bundle: Path) -> None:
    form = Bundle(bundle).contents.image_form
    values = stripes(3, lying=False)
    file = decode(encode(values.astype(np.uint16)), form)
    for kind in (np.uint16, np.int64, np.float32):
        assert np.array_equal(decode(values.astype(kind), form), file)


def test_a_run_of_an_earlier_version_goes_on_reading_all_sixteen_bits(
    run: Run, odd: dict[str, Path]
) -> None:
    copied = run.folder.with_name("earlier")
    shutil.copytree(run.folder, copied)
    network = json.loads((copied / "model.json").read_text())
    del network["intensity"]
    (copied / "model.json").write_text(json.dumps(network))
    earlier = Run(copied)
    assert "more than 8 bits" in earlier.predict(odd["sixteen"])["warning"][0]
    found = Bundle(earlier.bundle(copied.with_suffix(".convladder")))
    assert found.contents.image_form.intensity is None
    dataset, _ = exports._images(found, earlier, None, progress.reporter(quiet=True))
    assert dataset.bank.images.max() <= 8  # 12 bits of 16, as they were trained on then
