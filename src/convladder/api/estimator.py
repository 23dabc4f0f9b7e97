"""A rung as a scikit-learn classifier, for `cross_val_score`, `GridSearchCV` and pipelines."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from convladder.core import backend, defaults
from convladder.core.errors import ExperimentError
from convladder.core.experiment import Experiment
from convladder.core.ladder import Ladder, load_ladder
from convladder.data import image_size, in_memory
from convladder.data.decoding.image_form import ImageForm, Pixels
from convladder.experiments.pretrained import backbones
from convladder.models import shapes

if TYPE_CHECKING:
    import keras

    from convladder.training.fit import FitResult

try:
    from sklearn.utils.validation import validate_data
except ImportError:  # scikit-learn 1.5 has it as a method
    validate_data = BaseEstimator._validate_data

BATCH = 256  # images predicted at a time
ARGUMENTS = ("seed", "data.source", "data.limit", "data.test", "data.validation", "data.split_seed")


class ConvClassifier(ClassifierMixin, BaseEstimator):
    """A rung of a ladder as a scikit-learn classifier; it is trained in this process.

    `X` is images `(N, height, width)` or `(N, height, width, channels)` with 1 or 3 channels, or
    flat rows `(N, values)`; see `image_shape`. The network sees pixels of 8 bits: uint8 is taken as
    it is, and of any other numeric type the lowest value that `fit` saw becomes 0 and the highest
    255, but for outliers such as a hot pixel; what lies outside is clipped, and images that do not
    fit that range are warned of. `changes` may set it as `data.range`. Images too small for the
    network are enlarged by the least whole factor, bilinearly.

    Parameters
    ----------
    rung
        The rung's name; None takes the ladder's last.
    ladder
        A built-in ladder's name, the path of a TOML file, or a Ladder. What it says of the source
        and the split has no effect here.
    image_shape
        (height, width) or (height, width, channels) of flat rows, in the order of `reshape`. None
        takes them as square grey images; rows of fewer than 64 values that fill no square are
        filled up with 0.
    epochs, batch_size, learning_rate
        None takes the rung's; in the built-in ladders 20, 32 and 0.001.
    changes
        Other settings under their dotted keys, such as `{"model.filters": [16, 32]}`; they overrule
        the rung's.
    validation_fraction
        Share of each class, below 0.5, that is not trained on but chooses the epoch whose weights
        are kept: at least one image, none of a class that has but one. Where nothing can be cut, or
        with None, all images are trained on, and the last epoch is kept.
    random_state
        Fixes initial weights, order, augmentation, dropout and the cut for validation.

    Attributes
    ----------
    classes_
        The labels, sorted.
    n_features_in_
        Number of values per image.
    feature_names_in_
        The columns of a data frame, if it was given one.
    image_shape_
        (height, width, channels) of the images in `X`.
    pixel_range_
        What became the pixels 0 and 255.
    experiment_
        All settings, as trained.
    history_
        One row per epoch, as a pandas frame.
    epoch_
        The epoch whose weights were kept, from 1.
    weights_
        The network's weights, as NumPy arrays. They are what a pickle holds.
    network_
        The Keras model, from pixels 0 to 255 to logits.

    Notes
    -----
    `fit` leaves the random states of Python and NumPy as they were. Of TensorFlow and Keras it sets
    the seed, turns on deterministic operations and clears the session, for the whole process.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> images, labels = load_digits().images, load_digits().target
    >>> classifier = ConvClassifier("max-pooling", epochs=5, learning_rate=3e-3, random_state=0)
    >>> classifier.fit(images[:1000], labels[:1000]).score(images[1000:], labels[1000:]) > 0.8
    True
    """

    def __init__(
        self,
        rung: str | None = "dropout-conv",
        ladder: str | Ladder = defaults.LADDER,
        *,
        image_shape: tuple[int, ...] | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        changes: Mapping[str, Any] | None = None,
        validation_fraction: float | None = 0.15,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.rung = rung
        self.ladder = ladder
        self.image_shape = image_shape
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.changes = changes
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train on images and their labels.

        Parameters
        ----------
        X
            Images `(N, height, width)`, `(N, height, width, channels)` or flat rows `(N, values)`.
        y
            Labels `(N,)`, texts or numbers.

        Returns
        -------
        ConvClassifier
            Itself, trained.

        Raises
        ------
        ValueError
            X is not images, or y has fewer than two classes.
        ConvladderError
            A parameter has a value that it cannot take, or the loss stopped being a number.
        """
        experiment = self._experiment()
        rows, shape = in_memory.unfold(X)
        values, targets = validate_data(self, rows, y)
        labels = self._read_labels(targets)
        self.image_shape_ = in_memory.find_shape(shape, self.image_shape)
        wanted = image_size.range_of(experiment.data)
        ends = (wanted.low, wanted.high) if wanted else None
        self.pixel_range_ = in_memory.PixelRange.of(values, self.image_shape_, ends)
        splits = in_memory.cut_validation(labels, self.validation_fraction, experiment.seed)
        self.experiment_ = self._settle(experiment, validated=len(splits.train) < len(labels))
        images, names = self._to_images(values), tuple(map(str, self.classes_))
        made = in_memory.make_dataset(images, labels, names, self.experiment_.data, splits)
        with made as dataset, _caller_undisturbed():
            from convladder.training import fit

            self._keep(
                fit.fit(self.experiment_, dataset, backbone=backbones.load(self.experiment_.model))
            )
        return self

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the likeliest class of each image.

        Parameters
        ----------
        X
            Images of the shape that `fit` was given, `(N, ...)`.

        Returns
        -------
        ndarray
            Classes `(N,)`.

        Raises
        ------
        ValueError
            The images have another shape or type than those of `fit`.
        NotFittedError
            `fit` has not been called.
        ConvladderError
            The environment names a backend of Keras that convladder does not use.
        """
        probabilities = self.predict_proba(X)
        return np.asarray(self.classes_[probabilities.argmax(axis=1)])

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the probability of each class.

        Parameters
        ----------
        X
            Images of the shape that `fit` was given, `(N, ...)`.

        Returns
        -------
        ndarray
            float64 `(N, classes)`, in the order of `classes_`.

        Raises
        ------
        ValueError
            The images have another shape or type than those of `fit`.
        NotFittedError
            `fit` has not been called.
        ConvladderError
            The environment names a backend of Keras that convladder does not use.
        """
        check_is_fitted(self, "weights_")
        rows, shape = in_memory.unfold(X)
        if len(shape) > 2 and in_memory.find_shape(shape, None) != self.image_shape_:
            hint = ": one image is X[None]" if in_memory.is_one(shape, self.image_shape_) else ""
            raise ValueError(
                f"X has shape {shape}, but fit was given images of {self.image_shape_}{hint}"
            )
        values = validate_data(self, rows, reset=False)
        images = self._to_images(values)
        self._warn_of_misfits(values)
        starts = range(0, len(images), BATCH)
        with _caller_undisturbed():
            logits = [
                self.network_.predict_on_batch(images[start : start + BATCH]) for start in starts
            ]
        probabilities: NDArray[np.float64] = softmax(
            np.concatenate(logits).astype(np.float64), axis=1
        )
        return probabilities

    @property
    def network_(self) -> keras.Model:
        """The Keras model, built of `weights_` when it is first needed."""
        check_is_fitted(self, "weights_")
        if not hasattr(self, "_network"):
            self._network = self._build()
        return self._network

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_network"}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _experiment(self) -> Experiment:
        ladder = self.ladder if isinstance(self.ladder, Ladder) else load_ladder(str(self.ladder))
        changes = dict(self.changes or {})
        for key in changes:
            if key in ARGUMENTS:
                raise ExperimentError(
                    f"changes cannot set {key}: use X, validation_fraction or random_state"
                )
        given = {name: getattr(self, name) for name in ("epochs", "batch_size", "learning_rate")}
        changes |= {f"train.{name}": value for name, value in given.items() if value is not None}
        changes["seed"] = int(check_random_state(self.random_state).randint(2**31 - 1))
        if self.validation_fraction is not None:
            changes["data.validation"] = self.validation_fraction
        experiment = ladder.experiment(self.rung or ladder.rungs[-1].name).replace(changes)
        return backbones.with_backbone(experiment)

    def _read_labels(self, y: NDArray[Any]) -> NDArray[np.int64]:
        """Set `classes_` and return the place of each label in it."""
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"y has one class only ({self.classes_[0]}): a classifier needs two or more"
            )
        return np.asarray(labels)

    def _settle(self, experiment: Experiment, *, validated: bool) -> Experiment:
        """Return the experiment with all that the images decide."""
        form = in_memory.find_form(
            experiment.data, self.image_shape_, shapes.smallest_side(experiment.model)
        )
        settled = {
            "data.source": in_memory.NAME,
            "data.image_size": (form.height, form.width),
            "data.channels": form.channels,
            "data.limit": None,
            "data.split_seed": experiment.seed,
        }
        return experiment.replace(settled | ({} if validated else {"train.select": "last"}))

    def _form(self) -> ImageForm:  # settled already
        return in_memory.find_form(self.experiment_.data, self.image_shape_, smallest=1)

    def _to_images(self, values: NDArray[Any]) -> Pixels:
        rows = self.pixel_range_.pixels(values)
        return in_memory.apply_form(in_memory.to_images(rows, self.image_shape_), self._form())

    def _warn_of_misfits(self, values: NDArray[Any]) -> None:
        """Warn of images whose values are of another range than those of `fit`."""
        count, known = int(self.pixel_range_.misfits(values).sum()), self.pixel_range_
        if count:
            said = (
                f"{count} of {len(values)} images lie outside the range of the images given to fit"
            )
            asked = "do they have another bit depth or scale?"
            warnings.warn(f"{said}, {known.low:g} to {known.high:g}: {asked}", stacklevel=4)

    def _keep(self, fitted: FitResult) -> None:
        """Keep numbers, and build the network anew: the trained one refers to the images."""
        self.weights_ = fitted.network.get_weights()
        self.history_, self.epoch_ = fitted.history, fitted.epoch
        self._statistics = fitted.statistics and (
            fitted.statistics.mean,
            fitted.statistics.deviation,
        )
        self._network = self._build()

    def _build(self) -> keras.Model:
        with _caller_undisturbed():  # Keras draws the weights that are overwritten here
            from convladder.models import convnet, networks

            statistics = convnet.Statistics(*self._statistics) if self._statistics else None
            shape = self._form().shape
            network = networks.build(self.experiment_.model, shape, len(self.classes_), statistics)
            network.compile(jit_compile=backend.chosen() == backend.JAX)
            network.set_weights(self.weights_)
        return network


@contextlib.contextmanager
def _caller_undisturbed() -> Iterator[None]:
    """Restore the random states of Python and NumPy, and silence TensorFlow about retracing."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # if it is not loaded yet
    states = random.getstate(), np.random.get_state()
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
        random.setstate(states[0])
        np.random.set_state(states[1])
