from __future__ import annotations

import contextlib
import io
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from convladder.core.errors import UnreadableImage
from convladder.data.decoding import formats
from convladder.data.decoding.formats import FORMATS
from convladder.data.decoding.image_form import ImageForm, Limits
from convladder.data.decoding.images import (
    bring_to_form,
    decode,
    format_of,
    open_picture,
    read_header,
)
from convladder.data.decoding.pillow import unhindered
from faults import TURNS, bomb

FORM = ImageForm(12, 16, 3)
HEIC = Path(__file__).parents[3] / "fixtures" / "gradient.heic"


def gradient(height: int = 12, width: int = 16) -> Image.Image:
    """Make an image that is different at each corner."""
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.stack(
        [rows * 255 // height, columns * 255 // width, np.full_like(rows, 60)], axis=-1
    )
    return Image.fromarray(pixels.astype(np.uint8))


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format=kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
def test_the_same_picture_in_every_format(kind: str) -> None:
    options: dict[str, Any] = {
        "WEBP": {"lossless": True},
        "JPEG": {"quality": 100, "subsampling": 0},
        "AVIF": {"quality": 100, "subsampling": "4:4:4"},
    }.get(kind, {})
    pixels = decode(encode(gradient(), kind, **options), FORM)
    assert pixels.dtype == np.uint8
    tolerance = {"JPEG": 3, "GIF": 25, "AVIF": 3}.get(kind, 0)
    assert np.abs(pixels.astype(int) - np.asarray(gradient()).astype(int)).max() <= tolerance


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("kind", ["PPM", "JPEG2000", "TGA", "AVIF"])
def test_less_usual_formats_are_told_by_content(kind: str, mode: str) -> None:
    data = encode(gradient().convert(mode), kind)
    assert format_of(data) == kind
    assert (read_header(data).height, read_header(data).width) == (12, 16)


def test_targa_has_no_mark_and_is_told_by_its_head_and_length() -> None:
    old = encode(gradient(), "TGA")[:-26]  # without the end that version 2 added
    assert format_of(old) == "TGA"
    assert np.array_equal(decode(old, FORM), np.asarray(gradient()))
    with pytest.raises(UnreadableImage, match="unsupported"):
        decode(old[:-40], FORM)


def test_a_heic_file_says_what_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "reads_heic", lambda: False)
    with pytest.raises(UnreadableImage, match=r"a HEIC file: pip install 'convladder\[heic\]'"):
        decode(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 64, FORM)


def test_a_heic_file_is_read_with_the_extra() -> None:
    pytest.importorskip("pi_heif")
    found = decode(HEIC.read_bytes(), ImageForm(48, 64, 3))
    assert np.abs(found.astype(int) - np.asarray(gradient(48, 64))).mean() < 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    stored = gradient() if orientation == 1 else gradient().transpose(TURNS[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(stored, "PNG", exif=exif)
    assert np.array_equal(decode(data, FORM), np.asarray(gradient()))
    assert (read_header(data).height, read_header(data).width) == (12, 16)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "PPM", "JPEG2000", "TGA", "AVIF"])
def test_a_cut_file_is_rejected_and_never_filled_with_grey(kind: str, share: float) -> None:
    data = encode(gradient(120, 160), kind)
    with pytest.raises(UnreadableImage) as caught:
        decode(data[: int(share * len(data))], FORM)
    assert caught.value.reason in ("truncated", "unsupported", "corrupt")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"<html><body>not found</body></html>", "unsupported"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "unsupported"),
        (b"PK\x03\x04" + b"\0" * 60, "unsupported"),
    ],
)
def test_what_is_no_image_is_rejected_with_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableImage) as caught:
        decode(data, FORM)
    assert caught.value.reason == reason


@pytest.mark.parametrize("kind", FORMATS)
def test_any_bytes_are_an_image_or_a_rejection(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    whole = (
        encode(gradient(24, 32), kind, exif=exif)
        if kind in ("PNG", "WEBP", "JPEG", "TIFF")
        else encode(gradient(), kind)
    )
    draw = np.random.default_rng(0)
    for _ in range(150):
        broken = np.frombuffer(whole, dtype=np.uint8).copy()
        places = draw.integers(0, len(broken), draw.integers(1, 8))
        broken[places] = draw.integers(0, 256, len(places))
        for read in (read_header, lambda data: decode(data, FORM)):
            with contextlib.suppress(UnreadableImage):
                read(broken.tobytes())


def test_a_file_of_another_format_is_to_be_converted() -> None:
    with pytest.raises(UnreadableImage, match=r"not one of JPEG, PNG, .*: convert it"):
        decode(b"%PDF-1.7" + b"\0" * 64, FORM)


def test_a_decompression_bomb_is_rejected_by_its_header() -> None:
    with pytest.raises(UnreadableImage) as caught:
        decode(bomb(30_000), FORM)
    assert caught.value.reason == "too-large"


def test_a_bomb_takes_no_memory() -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(3):
        with pytest.raises(UnreadableImage):
            decode(bomb(30_000), FORM)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(pixels=100), "16 x 12 is over 100 pixels"),
        (Limits(bytes=50), "over 50 bytes"),
        (Limits(frames=1), "2 frames are over 1"),
    ],
)
def test_limits_are_settings(limits: Limits, said: str) -> None:
    frames = [gradient(), gradient().transpose(Image.Transpose.ROTATE_180)]
    data = encode(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    assert decode(data, FORM).shape == FORM.shape
    with pytest.raises(UnreadableImage, match=said) as caught:
        decode(data, FORM, limits)
    assert caught.value.reason == "too-large"


def test_more_pixels_than_pillow_allows_are_read_where_the_setting_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wide = bomb(14_000)  # 196 million pixels: over twice Pillow's own limit
    assert read_header(wide, Limits(pixels=200_000_000)).width == 14_000
    with pytest.raises(UnreadableImage, match=r"over 190,000,000 pixels \(data.max_pixels\)"):
        read_header(wide, Limits(pixels=190_000_000))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    for kind in ("PNG", "GIF", "WEBP", "TIFF"):
        assert decode(encode(gradient(), kind), FORM, Limits(pixels=12 * 16)).shape == FORM.shape
    assert Image.MAX_IMAGE_PIXELS == 50  # others in this process keep theirs


def test_threads_that_decode_at_the_same_time_leave_warnings_and_limits_as_they_were() -> None:
    filters, limit = list(warnings.filters), Image.MAX_IMAGE_PIXELS
    first, second = unhindered(10**9), unhindered(100)
    first.__enter__()
    second.__enter__()
    assert limit is not None
    assert Image.MAX_IMAGE_PIXELS == 10**9 // 2
    with pytest.warns(UserWarning, match="of another"):  # what is not Pillow's is told
        warnings.warn("of another", UserWarning, stacklevel=1)
    first.__exit__(None, None, None)  # in the order in which they began
    assert limit == Image.MAX_IMAGE_PIXELS
    second.__exit__(None, None, None)
    assert (list(warnings.filters), Image.MAX_IMAGE_PIXELS) == (filters, limit)


def test_what_pillow_warns_of_is_neither_told_nor_a_fault() -> None:
    data = bytearray(encode(gradient(), "TIFF"))
    # it ends before its five entries
    exif = encode(gradient(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x05\0")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning):
            Image.open(io.BytesIO(exif)).getexif()
        with ThreadPoolExecutor(4) as pool:
            found = list(
                pool.map(lambda content: decode(content, FORM).shape, [exif, bytes(data)] * 50)
            )
    assert set(found) == {FORM.shape}


def photograph(width: int, height: int) -> bytes:
    """Encode a photograph (of those that come with scikit-learn) at this size."""
    flower = Image.fromarray(load_sample_images().images[1])
    return encode(flower.resize((width, height), Image.Resampling.BICUBIC), "JPEG", quality=90)


@pytest.mark.parametrize("size", [(960, 640), (1707, 2560)])
@pytest.mark.parametrize("resize", ["pad", "crop", "stretch"])
@pytest.mark.parametrize("side", [32, 96])
def test_a_photograph_decoded_at_a_fraction_looks_the_same(
    size: tuple[int, int], resize: Any, side: int
) -> None:
    data = photograph(*size)
    form = ImageForm(side, side, 3, resize)
    scaled, full = (
        decode(data, replace(form, dct_scaling=each)).astype(int) for each in (True, False)
    )
    difference = np.abs(scaled - full)
    assert difference.max() > 0  # it was decoded at a fraction
    assert difference.mean() < 1
    assert np.quantile(difference, 0.99) <= 8


def test_a_lying_photograph_is_scaled_by_the_sides_that_it_has_upright() -> None:
    flower = Image.open(io.BytesIO(photograph(1280, 854)))
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = encode(flower.transpose(Image.Transpose.ROTATE_90), "JPEG", quality=95, exif=exif)
    form = ImageForm(40, 90, 3, "stretch")
    difference = np.abs(decode(lying, form).astype(int) - decode(photograph(1280, 854), form))
    assert difference.mean() < 2


def test_a_cut_photograph_is_rejected_also_when_it_is_decoded_at_a_fraction() -> None:
    data = photograph(1280, 854)
    for share in (0.1, 0.5, 0.99):
        with pytest.raises(UnreadableImage) as caught:
            decode(data[: int(share * len(data))], ImageForm(32, 32, 3))
        assert caught.value.reason == "truncated"


def test_the_first_of_several_jpegs_in_a_file_is_an_image_that_does_not_move() -> None:
    data = encode(gradient(), "MPO", save_all=True, append_images=[gradient()], quality=95)
    found = open_picture(data, FORM)
    assert (found.format, found.frames) == ("JPEG", 1)


def test_sixteen_bits_are_scaled_not_cut() -> None:
    deep = Image.fromarray(np.full((12, 16), 32_768, dtype=np.uint16))
    for kind in ("PNG", "TIFF"):
        assert set(decode(encode(deep, kind), FORM).ravel()) <= {127, 128}


def test_one_bit_becomes_black_and_white() -> None:
    half = np.zeros((12, 16), dtype=bool)
    half[:, 8:] = True
    pixels = decode(encode(Image.fromarray(half)), FORM)
    assert pixels[:, :8].max() == 0
    assert pixels[:, 8:].min() == 255


def test_cmyk_becomes_rgb() -> None:
    red = Image.new("CMYK", (16, 12), (0, 255, 255, 0))
    assert decode(encode(red, "TIFF"), FORM)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_laid_over_the_background(mode: str) -> None:
    clear = Image.new("RGBA", (16, 12), (10, 10, 10, 0))
    image = clear.convert("LA") if mode == "LA" else clear
    options = {}
    if mode == "P":
        image = Image.new("P", (16, 12), 0)
        image.putpalette([10, 10, 10])
        options = {"transparency": 0}
    pixels = decode(encode(image, **options), ImageForm(12, 16, 3, background=200))
    assert set(pixels.ravel()) == {200}


def test_the_first_frame_is_taken() -> None:
    frames = [Image.new("RGB", (16, 12), colour) for colour in ("red", "blue")]
    data = encode(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert decode(data, FORM)[0, 0].tolist() == [255, 0, 0]


def test_grey_and_colour_are_brought_to_the_wanted_channels() -> None:
    grey = Image.new("L", (16, 12), 90)
    assert decode(encode(grey), FORM).shape == (12, 16, 3)
    assert decode(encode(gradient()), ImageForm(12, 16, 1)).shape == (12, 16, 1)


def test_pad_keeps_everything_crop_fills_stretch_distorts() -> None:
    wide = Image.new("RGB", (40, 20), "white")
    padded = decode(encode(wide), ImageForm(20, 20, 3, "pad", background=0))
    assert padded[:5].max() == 0
    assert padded[5:15].min() == 255
    assert decode(encode(wide), ImageForm(20, 20, 3, "crop")).min() == 255
    assert decode(encode(wide), ImageForm(20, 20, 3, "stretch")).min() == 255


@pytest.mark.parametrize("size", [(1, 1), (1, 10_000), (10_000, 1)])
@pytest.mark.parametrize("resize", ["pad", "crop", "stretch"])
def test_extreme_shapes_follow_the_policy(size: tuple[int, int], resize: Any) -> None:
    pixels = decode(encode(Image.new("RGB", size, "white")), ImageForm(12, 16, 3, resize))
    assert pixels.shape == (12, 16, 3)
    assert pixels.max() == 255


def test_arrays_are_brought_to_form_like_files() -> None:
    small = np.asarray(gradient(24, 32))
    assert np.array_equal(bring_to_form(small, FORM), decode(encode(gradient(24, 32)), FORM))
    assert bring_to_form(small[..., 0], ImageForm(12, 16, 1)).shape == (12, 16, 1)
    assert bring_to_form(np.asarray(gradient()), FORM).tolist() == np.asarray(gradient()).tolist()
