"""How many devices train one network, and which of several processes this one is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from convladder.core import backend
from convladder.core.errors import ExperimentError
from convladder.core.options import option

COMING = 300  # seconds that the others have to come
SILENT = 60  # seconds after which a process that says nothing is given up


@dataclass(frozen=True)
class Parallel:
    """One network over several devices, each of which takes its share of every batch; on JAX.

    Parameters
    ----------
    devices
        Number of devices of each process.
    processes
        Number of processes, on one machine or several, each started with the same command but for
        its own `process_id`.
    process_id
        Number of this process, from 0.
    coordinator
        `HOST:PORT`, where the others find process 0.

    Raises
    ------
    ExperimentError
        That cannot be: a number is too small, the coordinator is missing, or Keras does not run on
        JAX.
    """

    devices: int = option(
        1,
        "Number of devices that share each batch (docs/scaling.md)",
        kind=int,
        metavar="N",
        least=1,
    )
    processes: int = option(
        1,
        "Number of hosts that share each batch",
        kind=int,
        metavar="N",
        least=1,
        variable="CONVLADDER_PROCESSES",
    )
    process_id: int = option(
        0,
        "Number of this host, from 0",
        kind=int,
        metavar="N",
        least=0,
        variable="CONVLADDER_PROCESS_ID",
    )
    coordinator: str | None = option(
        None,
        "Address of process 0",
        metavar="HOST:PORT",
        variable="CONVLADDER_COORDINATOR",
    )

    def __post_init__(self) -> None:
        for name, count in (("devices", self.devices), ("processes", self.processes)):
            if count < 1:
                raise ExperimentError(f"{name} must be 1 or more; got {count}")
        if not 0 <= self.process_id < self.processes:
            raise ExperimentError(
                f"the id of one of {self.processes} processes must be below {self.processes}; "
                f"got {self.process_id}"
            )
        if self.processes > 1 and not re.fullmatch(r".+:\d+", self.coordinator or ""):
            raise ExperimentError(
                f"{self.processes} processes need a coordinator, the HOST:PORT of process 0, such "
                f"as 192.168.0.10:9876; got {self.coordinator}"
            )
        if self.coordinator and self.processes == 1:
            raise ExperimentError(
                f"coordinator {self.coordinator} is only for several processes: say how many"
            )
        if self.total > 1 and backend.chosen() != backend.JAX:
            raise ExperimentError(
                f"training on several devices or processes needs JAX: set {backend.VARIABLE}=jax"
            )

    @property
    def total(self) -> int:
        """How many devices there are in all processes."""
        return self.devices * self.processes

    def described(self) -> dict[str, int]:
        """Return what of it belongs to the environment of a run, on which its bits depend.

        Returns
        -------
        dict
            `devices` in all and `processes`; empty for one device.
        """
        return {} if self.total == 1 else {"devices": self.total, "processes": self.processes}

    def explain(self, error: str) -> str:
        """Return an error of the computing process with its likely cause.

        Parameters
        ----------
        error
            What the process said.

        Returns
        -------
        str
            The same, with advice if another process may have been lost.
        """
        if self.processes == 1 or "ended with status" not in error:
            return error
        return (
            f"{error}; or another of the {self.processes} processes did not reach "
            f"{self.coordinator} within {COMING} s, or did not answer for {SILENT} s. Start all "
            "of them again"
        )

    def check_batch(self, size: int) -> None:
        """Check that a batch can be split evenly among the devices.

        Parameters
        ----------
        size
            Images per batch.

        Raises
        ------
        ExperimentError
            It cannot.
        """
        if size % self.total:
            raise ExperimentError(
                f"train.batch_size {size} cannot be split among {self.total} devices: set a "
                f"multiple of {self.total}"
            )


ALONE = Parallel()
