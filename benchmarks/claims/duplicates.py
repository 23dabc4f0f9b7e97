"""Plant duplicates of many kinds among images, and count which are found, and what else is.

On the digits and on tiles of scikit-learn's two photographs, a quarter of which is sky or out of
focus; on pictures of a fixed camera, where the class is a scratch, a lamp's colour, or where a part
lies; and on CIFAR-10, if the environment's CONVLADDER_CIFAR10 names a folder of its images. Pairs
that nobody planted are false on all but CIFAR-10, which has duplicates of its own.

python benchmarks/claims/duplicates.py
"""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageOps
from sklearn.datasets import load_digits, load_sample_image, load_sample_images

from convladder.data.copies import duplicates
from convladder.data.copies.groups import group
from convladder.data.decoding import thumbnails

Change = Callable[[Image.Image], Image.Image]
Labelled = tuple[list[Image.Image], list[int]]

EVERY = 8  # images, of which one has a duplicate planted
TILE = 80  # pixels
SCENE = 171  # pixels to a side of what a fixed camera sees
EXPOSURES = 120  # of each class


def recompress(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, format="JPEG", quality=50)
    return Image.open(file).convert(image.mode)


def resize(image: Image.Image, factor: float) -> Image.Image:
    width, height = round(factor * image.width), round(factor * image.height)
    return image.resize((width, height), Image.Resampling.BICUBIC)


def shift(image: Image.Image, right: int, down: int) -> Image.Image:
    """Move the image; what comes in repeats its border."""
    pixels = np.asarray(image)
    widths = ((down, 0), (right, 0), (0, 0))[: pixels.ndim]
    return Image.fromarray(np.pad(pixels, widths, mode="edge")[: image.height, : image.width])


def cut(image: Image.Image, share: float, right: float, down: float) -> Image.Image:
    """Cut a part of each side out, from so far right and down, and bring it to the image's size."""
    width, height = share * image.width, share * image.height
    left, top = right * (image.width - width), down * (image.height - height)
    box = (left, top, left + width, top + height)
    return image.transform(image.size, Image.Transform.EXTENT, box, Image.Resampling.BICUBIC)


def recolour(image: Image.Image) -> Image.Image:
    """Turn the hues by a quarter, and take a third of the colour off."""
    if image.mode != "RGB":
        return ImageEnhance.Contrast(image).enhance(0.8)
    hue, *others = image.convert("HSV").split()
    turned = Image.merge("HSV", (hue.point(lambda value: (value + 64) % 256), *others)).convert(
        "RGB"
    )
    return ImageEnhance.Color(turned).enhance(0.67)


KINDS: dict[str, Change] = {
    "exact copy": lambda image: image.copy(),
    "JPEG, quality 50": recompress,
    "half the size": lambda image: resize(image, 0.5),
    "1.5 times the size": lambda image: resize(image, 1.5),
    "20 % brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "a pixel to the right": lambda image: shift(image, 1, 0),
    "a pixel right and down": lambda image: shift(image, 1, 1),
    "mirrored": ImageOps.mirror,
    "mirrored, JPEG": lambda image: recompress(ImageOps.mirror(image)),
    "other colours, JPEG": lambda image: recompress(recolour(image)),
    "a tenth off at three sides, JPEG": lambda image: recompress(cut(image, 0.9, 0.5, 1)),
    "scaled by 1.2, JPEG": lambda image: recompress(cut(image, 1 / 1.2, 0.3, 0.8)),
    "shifted by a tenth, JPEG": lambda image: recompress(
        shift(image, image.width // 10, image.height // 10)
    ),
    "mirrored, cut and in other colours": lambda image: recolour(
        cut(ImageOps.mirror(image), 0.88, 0.2, 0.6)
    ),
}


def digits() -> list[Image.Image]:
    return [Image.fromarray((image * 15.9).astype(np.uint8)) for image in load_digits().images]


def tiles() -> list[Image.Image]:
    return [
        Image.fromarray(photo[top : top + TILE, left : left + TILE])
        for photo in load_sample_images().images
        for top in range(0, photo.shape[0] - TILE + 1, TILE)
        for left in range(0, photo.shape[1] - TILE + 1, TILE)
    ]


def expose(scene: Image.Image, draw: np.random.Generator) -> Image.Image:
    """Take a picture of the scene: a little more or less light, and the noise of the sensor."""
    pixels = np.asarray(scene, dtype=float) * draw.uniform(0.97, 1.03)
    pixels += draw.normal(0, 5, pixels.shape)
    file = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(file, format="JPEG", quality=92)
    return Image.open(file).convert("RGB")


def scratched(scene: Image.Image, label: int, draw: np.random.Generator) -> None:
    if label:
        right, down = draw.integers(20, 140, 2)
        end = (right + 14, down + int(draw.integers(-8, 9)))
        ImageDraw.Draw(scene).line((right, down, *end), fill=(20, 20, 20), width=3)


def lit(scene: Image.Image, label: int, draw: np.random.Generator) -> None:
    ImageDraw.Draw(scene).ellipse((120, 30, 134, 44), fill=((230, 30, 30), (30, 200, 60))[label])


def displaced(scene: Image.Image, label: int, draw: np.random.Generator) -> None:
    right = 60 + 4 * label + int(draw.integers(-1, 2))
    ImageDraw.Draw(scene).rectangle(
        (right, 80, right + 24, 96), fill=(30, 30, 40), outline=(200, 200, 190)
    )


def fixed_camera(
    mark: Callable[[Image.Image, int, np.random.Generator], None],
    exposures: int = EXPOSURES,
    cameras: int = 1,
) -> Labelled:
    """Return exposures of two classes by each of so many cameras, which differ in what they see."""
    photo = Image.fromarray(load_sample_image("china.jpg"))
    draw = np.random.default_rng(1)
    images, labels = [], []
    for camera, label in itertools.product(range(cameras), range(2)):
        box = (30 * camera, 20 * camera, 30 * camera + 340, 20 * camera + 340)
        seen = photo.crop(box).resize((SCENE, SCENE))
        for _ in range(exposures):
            scene = seen.copy()
            mark(scene, label, draw)
            images.append(expose(scene, draw))
            labels.append(label)
    return images, labels


def plant(
    images: list[Image.Image], every: int
) -> tuple[list[Image.Image], list[tuple[int, int, str]]]:
    """Return the images with duplicates after them, and of each duplicate its original, its place
    and its kind.
    """
    everything, planted = list(images), []
    kinds = itertools.cycle(KINDS.items())
    for original in range(0, len(images), every):
        kind, change = next(kinds)
        planted.append((original, len(everything), kind))
        everything.append(change(images[original]))
    return everything, planted


def find(images: list[Image.Image], labels: list[int]) -> list[duplicates.Pair]:
    """Find the duplicates; say what it took."""
    start = time.perf_counter()
    thumbs = thumbnails.make_thumbnails(images)
    large = None
    if min(images[0].size) >= thumbnails.LEAST_LARGE:
        large = thumbnails.make_thumbnails(images, thumbnails.LARGE_SIDE).__getitem__
    small = thumbnails.reduce_thumbnails(thumbs)
    reduced = time.perf_counter()
    digests = np.array([digest(image) for image in images], dtype=np.uint64)
    ready = time.perf_counter()
    pairs = duplicates.find_pairs(
        digests, small, np.array(labels, np.int32), thumbs.__getitem__, large
    )
    took = time.perf_counter() - ready
    print(
        f"  {1000 * (reduced - start) / len(images):.3f} ms to reduce an image, {took:.1f} s to "
        "find the pairs"
    )
    return pairs


def digest(image: Image.Image) -> int:
    content = hashlib.blake2b(f"{image.mode} {image.size}".encode(), digest_size=8)
    content.update(image.tobytes())
    return int.from_bytes(content.digest(), "big")


def count(
    name: str, images: list[Image.Image], every: int, labels: list[int] | None = None
) -> None:
    everything, planted = plant(images, every)
    labels = labels or [0] * len(images)
    labels = labels + [labels[original] for original, _, _ in planted]
    print(f"{name}: {len(images):,} images and {len(planted):,} duplicates", flush=True)
    pairs = find(everything, labels)
    links = np.array([(pair.left, pair.right) for pair in pairs], np.int64).reshape(-1, 2)
    groups = group(links, len(everything))
    total = Counter(kind for _, _, kind in planted)
    found = Counter(kind for left, right, kind in planted if groups[left] == groups[right])
    for kind in KINDS:
        print(
            f"  {kind:34} {found[kind]:5} of {total[kind]:5}  recall "
            f"{found[kind] / max(total[kind], 1):.3f}"
        )
    origin = np.arange(len(everything))
    for original, place, _ in planted:
        origin[place] = original
    others = [pair for pair in pairs if origin[pair.left] != origin[pair.right]]
    changed = sum(min(pair.left, pair.right) >= len(images) for pair in others)
    rate = 10_000 * len(others) / len(everything)
    print(
        f"  pairs found {len(pairs)}, others per 10,000 images: {rate:.1f} "
        f"({len(others)}, of which {changed} of two planted ones)",
        flush=True,
    )


def time_search(size: int) -> None:
    """Search among images that are made of noise, with a copy of every eighth."""
    draw = np.random.default_rng(0)
    thumbs = draw.integers(0, 256, (size, 8, 8, 3), dtype=np.uint8).repeat(4, 1).repeat(4, 2)
    thumbs[size - size // 8 :] = thumbs[: size // 8] // 2 + 50
    small = thumbnails.reduce_thumbnails(thumbs)
    start = time.perf_counter()
    pairs = duplicates.find_pairs(
        np.arange(size, dtype=np.uint64), small, np.zeros(size, np.int32), thumbs.__getitem__
    )
    print(
        f"{size:,} images: {time.perf_counter() - start:.1f} s, {len(pairs):,} of {size // 8:,} "
        "found",
        flush=True,
    )


def main() -> None:
    count("digits", digits(), EVERY, load_digits().target.tolist())
    count("tiles of photographs", tiles(), 1)
    for name, mark in (
        ("a scratch", scratched),
        ("a lamp", lit),
        ("a part that lies askew", displaced),
    ):
        images, labels = fixed_camera(mark)
        count(f"a fixed camera, {name}", images, EVERY, labels)
    images, labels = fixed_camera(scratched, 30)
    count("a fixed camera, few pictures", images, EVERY, labels)
    images, labels = fixed_camera(scratched, 30, cameras=6)
    count("six fixed cameras, a scratch", images, EVERY, labels)
    if "CONVLADDER_CIFAR10" in os.environ:
        paths = sorted(Path(os.environ["CONVLADDER_CIFAR10"]).rglob("*.jpg"))
        classes = sorted({path.parent.name for path in paths})
        labels = [classes.index(path.parent.name) for path in paths]
        count("CIFAR-10", [Image.open(path).convert("RGB") for path in paths], EVERY, labels)
    time_search(60_000)
    time_search(500_000)


if __name__ == "__main__":
    main()
