"""Plant duplicates of many kinds among images, and count which are found, and what else is.

On the digits and on tiles of scikit-learn's two photographs, a quarter of which is sky or out of focus; and on
CIFAR-10, if the environment's CONVLADDER_CIFAR10 names a folder of its images. Pairs that nobody planted are false
on the first two; CIFAR-10 has duplicates of its own.

python benchmarks/duplicates.py
"""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps
from sklearn.datasets import load_digits, load_sample_images

from convladder.data import duplicates, thumbnails

Change = Callable[[Image.Image], Image.Image]
Hashes = NDArray[np.uint64]

EVERY = 8  # images, of which one has a duplicate planted
TILE = 80  # pixels
MULTI_INDEX_RADIUS = 11


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


def cifar10(folder: Path) -> list[Image.Image]:
    return [Image.open(path).convert("RGB") for path in sorted(folder.rglob("*.jpg"))]


def plant(images: list[Image.Image], every: int) -> tuple[list[Image.Image], list[tuple[int, int, str]]]:
    """Return the images with duplicates after them, and of each duplicate its original, its place and its kind."""
    everything, planted = list(images), []
    kinds = itertools.cycle(KINDS.items())
    for original in range(0, len(images), every):
        kind, change = next(kinds)
        planted.append((original, len(everything), kind))
        everything.append(change(images[original]))
    return everything, planted


def find(images: list[Image.Image]) -> list[duplicates.Pair]:
    """Find the duplicates; say what it took."""
    start = time.perf_counter()
    hashes = thumbnails.hash_images(images)
    hashed = time.perf_counter()
    digests = np.array([digest(image) for image in images], dtype=np.uint64)
    small = thumbnails.make_thumbnails(images)
    ready = time.perf_counter()
    coarse = thumbnails.reduce_thumbnails(small)
    pairs = duplicates.find_pairs(digests, *hashes, coarse, lambda indices: small[indices])
    took = time.perf_counter() - ready
    print(f"  {1000 * (hashed - start) / len(images):.3f} ms to hash an image, {took:.1f} s to find the pairs")
    return pairs


def digest(image: Image.Image) -> int:
    content = hashlib.blake2b(f"{image.mode} {image.size}".encode(), digest_size=8)
    content.update(image.tobytes())
    return int.from_bytes(content.digest(), "big")


def count(name: str, images: list[Image.Image], every: int) -> None:
    everything, planted = plant(images, every)
    print(f"{name}: {len(images):,} images and {len(planted):,} duplicates", flush=True)
    pairs = find(everything)
    groups = duplicates.group(np.array([(pair.left, pair.right) for pair in pairs]), len(everything))
    total = Counter(kind for _, _, kind in planted)
    found = Counter(kind for left, right, kind in planted if groups[left] == groups[right])
    for kind in KINDS:
        print(f"  {kind:24} {found[kind]:5} of {total[kind]:5}  recall {found[kind] / max(total[kind], 1):.3f}")
    hits, others = (
        len({(left, right) for left, right, _ in planted} & {(p.left, p.right) for p in pairs}),
        len(pairs),
    )
    print(f"  pairs found {len(pairs)}, of which planted {hits / max(len(pairs), 1):.3f}; "
          f"others per 10,000 images: {10_000 * (others - hits) / len(everything):.1f}", flush=True)  # fmt: skip


def draw_hashes(size: int, seed: int = 0) -> Hashes:
    """Draw hashes: half at random, half a few bits from one of a thousand centres."""
    draw = np.random.default_rng(seed)
    hashes = draw.integers(0, 2**64, size, dtype=np.uint64)
    centres = hashes[: min(1000, size // 4)]
    places = np.arange(size // 2, size)
    hashes[places] = draw.choice(centres, len(places))
    for _ in range(8):
        hashes[places] ^= np.uint64(1) << draw.integers(0, 64, len(places), dtype=np.uint64)
    return hashes


def multi_index(hashes: Hashes, radius: int) -> Iterator[NDArray[np.int64]]:
    """Yield the pairs within the radius by way of 16-bit parts of the hashes, some of them several times.

    Norouzi, Punjani and Fleet 2012: one of four parts differs in at most a quarter of the bits.
    """
    masks = [sum(1 << bit for bit in bits) for few in range(radius // 4 + 1)
             for bits in itertools.combinations(range(16), few)]  # fmt: skip
    for part in range(4):
        keys = (hashes >> np.uint64(16 * part)).astype(np.uint16).astype(np.int64)
        order = np.argsort(keys, kind="stable")
        sizes = np.bincount(keys, minlength=2**16)
        starts = sizes.cumsum() - sizes
        for mask, rows in itertools.product(masks, np.array_split(order, max(1, len(order) // 50_000))):
            sought = keys[rows] ^ mask
            many = sizes[sought]
            left = np.repeat(rows, many)
            offsets = np.arange(len(left)) - np.repeat(many.cumsum() - many, many)
            right = order[np.repeat(starts[sought], many) + offsets]
            near = (np.bitwise_count(hashes[left] ^ hashes[right]) <= radius) & (left < right)
            yield np.stack([left[near], right[near]])


def time_search(size: int) -> None:
    hashes = draw_hashes(size)
    start = time.perf_counter()
    ours = sum(len(left) for left, _ in duplicates.propose(hashes, hashes, MULTI_INDEX_RADIUS))
    middle = time.perf_counter()
    theirs = sum(pairs.shape[1] for pairs in multi_index(hashes, MULTI_INDEX_RADIUS))
    ratio = (time.perf_counter() - middle) / (middle - start)
    print(f"{size:,} hashes, radius {MULTI_INDEX_RADIUS}: all with all in {middle - start:.1f} s ({ours:,}); "
          f"multi-index hashing takes {ratio:.2f} of that ({theirs:,}, some twice)", flush=True)  # fmt: skip


def main() -> None:
    count("digits", digits(), EVERY)
    count("tiles of photographs", tiles(), 1)
    if "CONVLADDER_CIFAR10" in os.environ:
        count("CIFAR-10", cifar10(Path(os.environ["CONVLADDER_CIFAR10"])), EVERY)
    time_search(60_000)
    time_search(500_000)


if __name__ == "__main__":
    main()
