"""A network that was trained on 8 bits knows no range: what it cannot predict, no figure is made
of.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import convladder as cl
from convladder.api import exports
from convladder.api.run import Run
from convladder.core.errors import DataError
from convladder.report import progress
from convladder.results.bundle.bundle import Bundle
from deep_files import stripes, write_stripes

SMALL = {
    "model.filters": [4],
    "model.kernel_size": 3,
    "model.dense": [8],
    "data.image_size": [16, 16],
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Train on images of 8 bits: the network knows no range."""
    root = write_stripes(tmp_path_factory.mktemp("plain") / "eight", 1 / 16, np.uint8, count=12)
    return cl.train(root, "lenet5", epochs=1, changes=SMALL, out=root.parent / "run", quiet=True)


def test_what_a_network_without_a_range_cannot_predict_is_not_evaluated(
    plain: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert plain.network["intensity"] is None
    both = write_stripes(tmp_path / "both", 16, count=5)
    floats = [both / "lying" / "000.tif", both / "standing" / "003.tif"]
    for path in floats:
        Image.fromarray((np.array(Image.open(path)) / 65_535).astype(np.float32)).save(path)
    paths = sorted(both.rglob("*.tif"))
    errors = dict(zip(paths, plain.predict(paths)["error"], strict=True))
    assert {path for path, why in errors.items() if "no known range" in why} == set(floats)
    with pytest.raises(DataError, match="--allow-rejects"):
        plain.evaluate(both, quiet=True)
    plain.evaluate(both, out=tmp_path / "out", allow_rejects=True)
    said = " ".join(capsys.readouterr().err.split())
    assert "warning: 8 of 8 images may not fit the network" in said
    table = (tmp_path / "out" / "predictions.csv").read_text()
    assert "lying/001.tif" in table
    assert "lying/000.tif" not in table
    assert len(table.splitlines()) == 1 + 8
    plain.evaluate(both, changes={"data.range": (0, 20_000)}, allow_rejects=True, quiet=True)


def test_floats_in_arrays_are_not_evaluated_without_a_range_either(
    plain: Run, tmp_path: Path
) -> None:
    images = np.stack([stripes(number, lying=number % 2 == 0) for number in range(8)]) / 4096
    labels = np.array(["lying", "standing"] * 4)
    np.savez(tmp_path / "set.npz", x=images.astype(np.float32), y=labels)
    with pytest.raises(DataError, match="8 of 8 files"):
        plain.evaluate(tmp_path / "set.npz", quiet=True)


def test_an_export_is_not_compared_on_floats_without_a_range(plain: Run, tmp_path: Path) -> None:
    found = Bundle(plain.bundle(tmp_path / "plain.convladder"))
    root = write_stripes(tmp_path / "set", 16, count=12)
    for number, path in enumerate(sorted(root.rglob("*.tif"))):  # none is a copy
        values = np.random.default_rng(number).integers(0, 65_536, (16, 16))
        Image.fromarray(values.astype(np.uint16)).save(path)
    odd = root / "lying" / "000.tif"
    Image.fromarray((np.array(Image.open(odd)) / 65_535).astype(np.float32)).save(odd)
    sample = exports._sample(found, None, root, progress.reporter(quiet=True))
    assert len(sample.images) == 23
    assert "lying/000.tif" not in {path for path, _ in sample.files}
