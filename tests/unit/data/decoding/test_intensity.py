"""Images of more than 8 bits: one range for a whole set, found from it, at full depth."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from convladder.core.errors import DataError, ExperimentError, UnreadableImage
from convladder.core.experiment import Experiment
from convladder.core.settings.data import Data
from convladder.data.bank import builder, chunk_decoding
from convladder.data.bank.bank import Bank
from convladder.data.decoding import deep_images, intensity
from convladder.data.decoding.image_form import ImageForm
from convladder.data.decoding.images import decode, open_picture, read_header
from convladder.data.decoding.intensity import (
    FULL,
    IntensityRange,
    find_extremes,
    find_range,
    stretch,
)
from convladder.data.loading import check, load
from convladder.data.quality.bit_depth import describe
from deep_files import encode, png16, stripes, tiff, write_stripes

FORM = ImageForm(9, 7, 1, "stretch", intensity=IntensityRange(0, 4095))
LEVEL = 1  # of 256, by which rounding may differ


def ramp(kind: Any = np.uint16, low: float = 0, high: float = 4095) -> NDArray[Any]:
    """Return values that fill a range evenly."""
    return np.linspace(low, high, 63).reshape(9, 7).astype(kind)


def expected(values: NDArray[Any], low: float = 0, high: float = 4095) -> NDArray[np.float64]:
    return np.rint((values.astype(np.float64) - low) * 255 / (high - low))


def bank_of(root: Path, **settings: Any) -> Bank:
    return load(Data(source=str(root), image_size=(16, 16), **settings)).bank


def said(root: Path, **settings: Any) -> str:
    return "\n".join(load(Data(source=str(root), image_size=(16, 16), **settings)).notes)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_values_of_sixteen_bits_are_stretched_from_the_range(kind: str) -> None:
    assert np.array_equal(decode(encode(ramp(), kind), FORM)[..., 0], expected(ramp()))


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.float32])
def test_signed_and_whole_and_floating_values_too(kind: Any) -> None:
    values = ramp(kind, -2000, 2095)
    form = replace(FORM, intensity=IntensityRange(-2000, 2095))
    for content in (encode(values, "TIFF"), values):
        found = decode(content, form)[..., 0]
        assert np.abs(found - expected(values, -2000, 2095)).max() == 0
        assert read_header(content).grey


def test_unsigned_values_of_32_bits_are_not_negative() -> None:
    values = ramp(np.uint32, 0, 4_000_000_000)[..., None]
    form = replace(FORM, intensity=IntensityRange(0, 4e9))
    assert np.array_equal(decode(tiff(values), form), expected(values, 0, 4e9))


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_colours_of_sixteen_bits_keep_both_of_their_bytes(channels: int) -> None:
    values = np.random.default_rng(0).integers(0, 4096, (9, 7, channels)).astype(np.uint16)
    if channels in (2, 4):
        values[..., -1] = 65_535  # opaque
    content = png16(values)
    header = read_header(content)
    assert header.deep
    assert header.grey == (channels == 2)
    colours = values[..., :3] if channels > 2 else values[..., :1]
    found = decode(content, replace(FORM, channels=3))
    assert np.array_equal(found, np.broadcast_to(expected(colours), (9, 7, 3)))


@pytest.mark.parametrize("deflated", [False, True])
def test_colours_of_sixteen_bits_in_tiff(deflated: bool) -> None:
    values = np.random.default_rng(0).integers(0, 4096, (9, 7, 3)).astype(np.uint16)
    found = decode(tiff(values, deflated=deflated), replace(FORM, channels=3))
    assert np.array_equal(found, expected(values))


def test_colours_of_sixteen_bits_in_ppm_go_by_the_largest_value_that_it_names() -> None:
    values = np.random.default_rng(0).integers(0, 4096, (9, 7, 3)).astype(">u2")
    for largest, low_high in ((65_535, IntensityRange(0, 4095)), (4095, FULL)):
        content = b"P6\n7 9\n%d\n" % largest + values.tobytes()
        found = decode(content, replace(FORM, channels=3, intensity=low_high))
        assert np.abs(found - expected(values)).max() <= LEVEL


def test_an_orientation_turns_deep_images_as_others() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = encode(ramp())
    picture = Image.fromarray(ramp())
    turned = io.BytesIO()
    picture.save(turned, "PNG", exif=exif)
    form = replace(FORM, height=7, width=9)
    assert np.array_equal(
        decode(turned.getvalue(), form)[..., 0], np.rot90(decode(file, FORM)[..., 0], -1)
    )


def test_what_is_no_number_is_laid_over_the_background() -> None:
    values = ramp(np.float32)
    values[3] = np.nan
    values[4, 0] = np.inf
    for content in (encode(values, "TIFF"), values):
        found = decode(content, replace(FORM, background=200))
        assert set(found[3].ravel()) == {200}
        assert found[4, 0] == 200
        assert np.array_equal(found[5:, :, 0], expected(values[5:]))
    with pytest.raises(UnreadableImage, match="none of its values is a number"):
        decode(encode(np.full((9, 7), np.nan, np.float32), "TIFF"), FORM)


def test_without_a_range_whole_numbers_are_read_as_ever_and_floats_are_not() -> None:
    old = replace(FORM, intensity=None)
    values = ramp(np.uint16, 0, 65_535)
    assert np.array_equal(decode(encode(values), old)[..., 0], np.rint(values / 257))
    assert np.array_equal(
        decode(encode(values), replace(FORM, intensity=FULL)), decode(encode(values), old)
    )
    with pytest.raises(UnreadableImage, match="no known range"):
        decode(encode(ramp(np.float32), "TIFF"), old)


def test_eight_bits_are_taken_as_they_are_whatever_the_range() -> None:
    values = np.random.default_rng(0).integers(0, 256, (9, 7)).astype(np.uint8)
    assert np.array_equal(decode(encode(values), FORM)[..., 0], values)
    assert open_picture(encode(values), FORM, measuring=True).stretched is None


def test_single_pixels_rows_and_columns_are_no_extremes_of_a_picture() -> None:
    values = np.full((40, 40), 1000, np.uint16)
    values[10:12, 10:12] = 1200  # small, and there
    values[5, 5], values[7], values[:, 9] = 65_535, 60_000, 0
    found = find_extremes(values)
    assert (found.least, found.largest) == (0, 65_535)
    assert (found.low, found.high) == (1000, 1200)


def test_extremes_are_the_same_in_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(size=(31, 17, 3)).astype(np.float32)
    whole = find_extremes(values)
    monkeypatch.setattr(intensity, "BLOCK", 100)
    assert find_extremes(values) == whole
    assert np.array_equal(
        stretch(values, IntensityRange(-1, 1)), expected(values.clip(-1, 1), -1, 1)
    )
    assert intensity.find_extremes_of_all(values[np.newaxis]) == [whole]


def test_a_range_holds_what_is_rare_but_no_outlier_takes_it_all() -> None:
    images = [find_extremes(stripes(number, lying=True).astype(np.uint16)) for number in range(30)]
    usual = find_range(images, mixed=False)
    assert usual.low <= min(each.least for each in images)
    assert usual.high >= max(each.largest for each in images)
    bright = find_extremes(np.full((16, 16), 1400, np.uint16))
    assert find_range([*images, bright], mixed=False).high >= 1400
    broken = find_extremes(np.full((16, 16), 65_535, np.uint16))
    with_it = find_range([*images, broken], mixed=False)
    assert with_it.high - with_it.low < 3.2 * (usual.high - usual.low)


@pytest.mark.parametrize(("largest", "high"), [(255, 255), (4095, 4095), (65_535, 65_535)])
def test_a_range_that_is_filled_is_the_whole_of_its_bits(largest: int, high: int) -> None:
    found = find_range([find_extremes(ramp(np.uint16, 0, largest))], mixed=False)
    assert (found.low, found.high) == (0, high)


def test_twelve_bits_and_the_same_in_sixteen_come_to_the_same_pixels(tmp_path: Path) -> None:
    twelve = bank_of(write_stripes(tmp_path / "twelve"))
    others = {
        "sixteen": write_stripes(tmp_path / "sixteen", 16),
        "ten": write_stripes(tmp_path / "ten", 0.25),
        "float": write_stripes(tmp_path / "float", 1 / 4096, np.float32),
        "int": write_stripes(tmp_path / "int", 1000, np.int32),
        "signed": write_stripes(tmp_path / "signed", -1, np.int16),
        "png": write_stripes(tmp_path / "png", suffix="png"),
    }
    assert twelve.images.std() > 30
    for name, root in others.items():
        found = bank_of(root).images.astype(int)
        found = 255 - found if name == "signed" else found
        shift = found.mean() - twelve.images.mean()  # ends are rounded, and may lie a step apart
        tolerance = {"ten": 12, "float": 8, "int": 8, "signed": 8}.get(name, LEVEL)
        assert abs(shift) <= tolerance, name
        assert np.abs(found - twelve.images).max() <= 2 * tolerance, name


def test_the_range_is_said_in_a_line(tmp_path: Path) -> None:
    root = write_stripes(tmp_path)
    note = (
        "16-bit images: values from 672 to 1,151 are mapped to black and white; "
        "data.range sets another range"
    )
    assert note in said(root)
    assert "values from 0 to 4,095 are" in said(root, range="0,4095")
    assert "values from 0 to 65,535 are" in said(root, range="full")
    assert list(check(Data(source=str(root))).notes) == [note]


def test_a_chosen_range_is_taken(tmp_path: Path) -> None:
    bank = bank_of(write_stripes(tmp_path, suffix="png"), range=(0, 4095))
    assert bank.form.intensity is not None
    assert (bank.form.intensity.low, bank.form.intensity.high) == (0, 4095)
    assert np.array_equal(bank.images[0, ..., 0], expected(stripes(0, lying=True)))


@pytest.mark.parametrize("value", ["5,3", "1", "low,high", [1, 2, 3], ["nan", 1], 7])
def test_a_range_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(ExperimentError, match=r"data\.range"):
        Experiment().replace({"data.range": value})


def test_a_hot_and_a_dead_pixel_do_not_take_the_contrast(tmp_path: Path) -> None:
    root = write_stripes(tmp_path)
    for path in root.rglob("*.tif"):
        values = np.array(Image.open(path))
        values[3, 3], values[8, 8] = 65_535, 0
        Image.fromarray(values).save(path)
    assert bank_of(root).images.std() > 30


def test_the_bank_of_a_set_without_deep_images_has_no_range(tmp_path: Path) -> None:
    root = write_stripes(tmp_path, 1 / 8, np.uint8, suffix="png")
    for choice in ("auto", "full"):
        bank = bank_of(root, range=choice)
        assert bank.form.intensity is None
        assert np.array_equal(bank.images[0, ..., 0], (stripes(0, lying=True) / 8).astype(np.uint8))


def test_test_images_have_no_part_in_the_range(tmp_path: Path) -> None:
    alone = bank_of(write_stripes(tmp_path / "alone"))
    write_stripes(tmp_path / "split" / "train")
    write_stripes(tmp_path / "split" / "test", 3, count=5)
    both = bank_of(tmp_path / "split", on_leak="keep")
    assert alone.form.intensity is not None
    assert both.form.intensity is not None
    assert (both.form.intensity.low, both.form.intensity.high) == (
        alone.form.intensity.low,
        alone.form.intensity.high,
    )


def test_processes_find_the_same_range_and_a_build_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_stripes(tmp_path / "set")
    here = bank_of(root)
    monkeypatch.setattr(chunk_decoding, "PARALLEL_FROM", 0)
    monkeypatch.setenv("CONVLADDER_CACHE", str(tmp_path / "cache"))
    decode_chunks = builder.decode_all

    def stopped(chunks: Any, *others: Any) -> None:
        if not chunks[0].measuring:
            raise KeyboardInterrupt
        decode_chunks(chunks, *others)

    monkeypatch.setattr(builder, "decode_all", stopped)
    with pytest.raises(KeyboardInterrupt):
        bank_of(root)
    monkeypatch.setattr(builder, "decode_all", decode_chunks)
    again = bank_of(root)
    assert again.form == here.form
    assert again.fingerprint == here.fingerprint
    assert np.array_equal(again.images, here.images)
    assert np.array_equal(again.facts, here.facts)


def test_in_a_mixed_set_the_range_is_that_of_the_bits_and_it_is_told(tmp_path: Path) -> None:
    root = write_stripes(tmp_path, count=12)
    for path in sorted(root.rglob("*.tif"))[::3]:
        values = np.array(Image.open(path))
        path.unlink()
        Image.fromarray((values >> 3).astype(np.uint8)).save(path.with_suffix(".png"))
    bank = bank_of(root)
    assert bank.form.intensity is not None
    assert (bank.form.intensity.low, bank.form.intensity.high, bank.form.intensity.mixed) == (
        0,
        4095,
        True,
    )
    assert "warning: 8 images have 8 bits and stay unchanged, 16 have more" in said(root)


def test_a_stray_image_of_8_bits_leaves_the_range_of_the_others_and_is_told(tmp_path: Path) -> None:
    alone = bank_of(write_stripes(tmp_path / "alone")).form.intensity
    root = write_stripes(tmp_path / "stray")
    Image.fromarray((stripes(99, lying=True) >> 4).astype(np.uint8)).save(
        root / "lying" / "stray.png"
    )
    found = bank_of(root).form.intensity
    assert alone is not None
    assert found is not None
    assert (found.low, found.high, found.mixed) == (alone.low, alone.high, False)
    assert (
        "warning: 1 image has 8 bits and took no part in setting that range, such as "
        "lying/stray.png" in said(root)
    )
    assert "8 bits" in (intensity.misfit(False, 0, 0, found) or "")
    assert [intensity.is_mixed(count, 100) for count in (100, 99, 91, 90, 1)] == [
        False,
        False,
        False,
        True,
        True,
    ]
    assert not intensity.is_mixed(3, 3)


def test_images_of_8_bits_that_are_set_apart_have_no_part_in_the_range(tmp_path: Path) -> None:
    alone = bank_of(write_stripes(tmp_path / "alone")).form.intensity
    write_stripes(tmp_path / "split" / "train")
    write_stripes(tmp_path / "split" / "test", 1 / 16, np.uint8, count=20)
    both = bank_of(tmp_path / "split", on_leak="keep").form.intensity
    assert alone is not None
    assert both is not None
    assert (both.low, both.high, both.mixed) == (alone.low, alone.high, False)


def test_pictures_of_another_depth_than_the_others_are_told(tmp_path: Path) -> None:
    root = write_stripes(tmp_path, 16)
    for number in range(2):
        Image.fromarray(stripes(number, lying=True).astype(np.uint16)).save(
            root / "lying" / f"{number:03}.tif"
        )
    assert "warning: that range does not fit 2 images, such as lying/000.tif" in said(root)
    (finding,) = (
        each for each in check(Data(source=str(root))).findings if each.code == "unlike-depth"
    )
    assert [row["path"] for row in finding.rows] == ["lying/000.tif", "lying/001.tif"]


def pgm(values: NDArray[Any], largest: int, *, plain: bool = False) -> bytes:
    """Encode grey values as PGM, which names their largest one."""
    height, width = values.shape
    head = f"P{2 if plain else 5}\n{width} {height}\n{largest}\n"
    words = " ".join(map(str, values.ravel().tolist())).encode()
    return head.encode() + (words if plain else values.astype(">u2").tobytes())


def test_the_depth_that_is_said_is_that_of_the_file() -> None:
    files = {
        pgm(ramp(), 4095): "16-bit",
        pgm(ramp(), 4095, plain=True): "16-bit",
        pgm(ramp(), 65_535): "16-bit",
        encode(ramp()): "16-bit",
        encode(ramp(), "TIFF"): "16-bit",
        tiff(ramp(np.int16, -9, 9)[..., None]): "16-bit",
        tiff(ramp(np.int32)[..., None]): "32-bit",
        tiff(ramp(np.uint32)[..., None]): "32-bit",
        tiff(ramp(np.float32)[..., None]): "floating-point",
    }
    for content, depth in files.items():
        header = read_header(content)
        assert (deep_images.say_depth(header.mode), header.deep, header.grey) == (depth, True, True)
    kept = decode(tiff(ramp(np.int16, 0, 4095)[..., None]), FORM)
    assert np.array_equal(kept[..., 0], expected(ramp()))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("kind", "depth"),
    [
        *((np.dtype(kind), f"{8 * np.dtype(kind).itemsize}-bit") for kind in "hHiIqQ"),
        (np.dtype(np.int8), "signed 8-bit"),
        *((np.dtype(kind), "floating-point") for kind in "efd"),
    ],
)
def test_the_depth_that_is_said_is_that_of_the_array(
    kind: np.dtype[Any], depth: str, channels: int, tmp_path: Path
) -> None:
    images = np.random.default_rng(0).integers(0, 100, (8, 16, 16, channels)).astype(kind)
    header = read_header(images[0])
    assert (header.deep, header.grey) == (True, channels == 1)
    np.savez(tmp_path / "set.npz", x=images, y=np.arange(8) % 2)
    bank = load(Data(source=str(tmp_path / "set.npz"), copies="off")).bank
    assert set(bank.facts["mode"].tolist()) == {header.mode.encode()}
    assert describe(bank)[0].startswith(f"{depth} images: ")


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32, np.float64])
def test_arrays_of_other_numbers_are_brought_to_8_bits(tmp_path: Path, kind: Any) -> None:
    images = np.stack([stripes(number, lying=number % 2 == 0) for number in range(40)])
    scale = 1 / 4096 if np.dtype(kind).kind == "f" else 1
    np.savez(tmp_path / "set.npz", x=(images * scale).astype(kind), y=np.arange(40) % 2)
    bank = load(str(tmp_path / "set.npz")).bank
    assert bank.images.std() > 30
    assert bank.form.intensity is not None


def test_whole_numbers_from_0_to_255_stay_what_they_are_in_any_type(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, 16, 16))
    images[:, :2, :2], images[:, -2:, -2:] = 0, 255
    for kind in (np.int64, np.float64):
        np.savez(tmp_path / f"{kind.__name__}.npz", x=images.astype(kind), y=np.arange(20) % 2)
        bank = load(str(tmp_path / f"{kind.__name__}.npz")).bank
        assert np.array_equal(bank.images[..., 0], images)


def test_a_tiff_of_many_bands_is_refused_with_what_it_has() -> None:
    for bands, kind in ((2, np.uint16), (5, np.uint16), (13, np.uint16), (4, np.float32)):
        content = tiff(np.ones((9, 7, bands), kind), extra=(0,) * (bands - 1))
        bits = 8 * np.dtype(kind).itemsize
        with pytest.raises(UnreadableImage, match=f"a TIFF file of {bands} bands of {bits} bits"):
            decode(content, FORM)


def test_bands_beyond_colour_are_left_out_and_that_is_told(tmp_path: Path) -> None:
    for number, name in enumerate(("a", "b") * 10):
        (tmp_path / name).mkdir(exist_ok=True)
        values = np.random.default_rng(number).integers(0, 256, (16, 16, 5)).astype(np.uint8)
        content = tiff(values, extra=(0, 0))
        assert read_header(content).mode == "RGB+2"
        assert np.array_equal(decode(content, ImageForm(16, 16, 3)), values[..., :3])
        (tmp_path / name / f"{number}.tif").write_bytes(content)
    assert "the bands beyond colour are ignored in 20 TIFF files" in said(tmp_path)


def test_planes_of_sixteen_bits_are_refused_and_not_misread() -> None:
    content = tiff(np.full((9, 7, 3), 500, np.uint16), planes=True)
    with pytest.raises(UnreadableImage, match="3 bands of 16 bits, stored band by band"):
        decode(content, FORM)


def test_text_as_pixels_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", x=np.full((4, 8, 8), "x"), y=np.arange(4))
    with pytest.raises(DataError, match="expected numbers"):
        load(str(tmp_path / "set.npz"))


def test_the_ends_of_a_range_are_within_it() -> None:
    known = intensity.IntensityRange(16, 4095)
    values = np.array([[15, 16, 17, 4094, 4095, 4096, 5000, 16]], np.uint16)
    assert intensity.share_outside(values, known) == 3 / 8
