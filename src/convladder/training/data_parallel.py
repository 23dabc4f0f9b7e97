"""A batch's images over several devices, all else on each: Keras's DataParallel, in JAX."""

from __future__ import annotations

from typing import Any

import jax
import keras
import numpy as np
from numpy.typing import NDArray

from convladder.core.errors import ExperimentError


# docs/decisions/056-one-network-over-several-devices-is-one-program.md
def data_parallel(count: int) -> keras.distribution.DataParallel:
    """Return Keras's distribution over so many devices of each process.

    Raises ExperimentError where one has fewer.
    """
    chosen: list[jax.Device] = []
    for process in range(jax.process_count()):
        own = [device for device in jax.devices() if device.process_index == process]
        if len(own) < count:
            raise ExperimentError(f"--devices {count}, but process {process} has {len(own)}: {own}")
        chosen += own[:count]
    names = [f"{device.platform}:{device.id}" for device in chosen]
    return keras.distribution.DataParallel(devices=names, auto_shard_dataset=False)


def everywhere() -> jax.sharding.Sharding:
    """Return where all devices have the same; the first device, without a distribution."""
    distribution = keras.distribution.distribution()
    if distribution is None:
        return jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    return jax.sharding.NamedSharding(
        distribution.device_mesh.backend_mesh, jax.sharding.PartitionSpec()
    )


def on_every_device(array: NDArray[Any]) -> jax.Array:
    """Return the array on every device; each process has its own copy of it already."""
    return jax.make_array_from_callback(
        array.shape, everywhere(), lambda index: np.asarray(array[index])
    )


def over_devices(batch: Any) -> Any:
    """Give each device its share of a batch, or all where that is uneven or on one only."""
    distribution = keras.distribution.distribution()
    if distribution is None or len(batch) % distribution.device_mesh.devices.size:
        return batch
    return keras.distribution.distribute_tensor(batch, distribution.get_data_layout(batch.shape))
