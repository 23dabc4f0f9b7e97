"""What `/metrics` tells, with Prometheus's own library."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Measures:
    """Counters of one server, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._images = Counter(
            "convladder_images",
            "Images, by outcome",
            ["outcome"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "convladder_request_seconds",
            "Seconds from the first byte read to the answer",
            buckets=SECONDS,
            registry=self._registry,
        )
        self._waiting = Gauge(
            "convladder_images_waiting", "Images waiting", registry=self._registry
        )
        self._arriving = Gauge(
            "convladder_requests_arriving", "Requests being received", registry=self._registry
        )
        self._at_work = Gauge(
            "convladder_requests_at_work", "Requests being answered", registry=self._registry
        )
        self._batches = Gauge(
            "convladder_batches", "Batches since the start", registry=self._registry
        )
        self._largest = Gauge(
            "convladder_largest_batch", "Images in the largest batch", registry=self._registry
        )
        for outcome in ("predicted", "unreadable"):
            self._images.labels(outcome)

    def predicted(self, predicted: int, unreadable: int, seconds: float) -> None:
        """Count the images of a request, and the seconds that it took."""
        self._images.labels("predicted").inc(predicted)
        self._images.labels("unreadable").inc(unreadable)
        self._seconds.observe(seconds)

    def text(self, waiting: int, arriving: int, at_work: int, batches: int, largest: int) -> bytes:
        """Return all of it in Prometheus's format."""
        for gauge, value in (
            (self._waiting, waiting), (self._arriving, arriving), (self._at_work, at_work),
            (self._batches, batches), (self._largest, largest),
        ):  # fmt: skip
            gauge.set(value)
        return generate_latest(self._registry)
