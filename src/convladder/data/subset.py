"""Some of a source's records: of chosen classes, or a stratified sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convladder.core.errors import DataError
from convladder.core.formatting import listed
from convladder.data.source import Ignored, Listing, Source


def listing_of(source: Source, classes: Sequence[str] | None) -> Listing:
    """Return what a source holds, of these classes alone where they are given. Raises DataError."""
    listing = source.listing()
    if classes is None:
        return listing
    unknown = [name for name in classes if name not in listing.class_names]
    if unknown:
        known = listed(listing.class_names[:20])
        raise DataError(f"{source.name} has no class {unknown[0]!r}: it has {known}")
    return listing.of_classes(classes)


def take_subset(listing: Listing, limit: int | None, seed: int) -> Listing:
    """Return so many records, a share of each (split, class); the others count as ignored."""
    total = len(listing.records)
    if limit is None or limit >= total:
        return listing
    members: dict[tuple[str, int], list[int]] = {}
    for position, record in enumerate(listing.records):
        members.setdefault((record.split, record.label), []).append(position)
    shares = {key: limit * len(places) / total for key, places in members.items()}
    sizes = {key: int(share) for key, share in shares.items()}
    by_remainder = sorted(shares, key=lambda key: (sizes[key] - shares[key], key))
    for key in by_remainder[: limit - sum(sizes.values())]:
        sizes[key] += 1
    draw = np.random.default_rng([seed, limit])
    chosen = np.concatenate(
        [draw.permutation(places)[: sizes[key]] for key, places in members.items()]
    )
    taken = set(chosen.tolist())
    records = tuple(listing.records[position] for position in sorted(taken))
    others = (record for position, record in enumerate(listing.records) if position not in taken)
    left_out = tuple(Ignored(record.path, "beyond the limit") for record in others)
    return Listing(listing.class_names, records, listing.ignored + left_out)
