"""The scikit-learn estimator: its contract, what it takes as images, and what it leaves alone."""

from __future__ import annotations

import copy
import gc
import pickle
import random
import subprocess
import sys
import warnings
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import convladder as cl
from convladder.core.experiment import Experiment
from convladder.data import in_memory

pytestmark = pytest.mark.xdist_group("estimator")

# A network that is compiled soon, and tells scikit-learn's blobs of two features apart.
SMALL: dict[str, Any] = {
    "rung": "lenet5",
    "epochs": 3,
    "batch_size": 8,
    "learning_rate": 0.1,
    "changes": {
        "model.filters": [16],
        "model.kernel_size": 3,
        "model.dense": [],
        "model.preprocessing": "standardize",
        "train.optimizer": "sgd",
    },
}


@pytest.fixture(autouse=True)
def quick_start() -> Iterator[None]:
    """Spare what is there already from the collection before each fit: most fits here are of 20
    images, and nearly all of their time is their start.
    """
    gc.freeze()
    yield
    gc.unfreeze()


@parametrize_with_checks([cl.ConvClassifier(**SMALL)])
def test_it_passes_every_check_of_scikit_learn(estimator: BaseEstimator, check: Any) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def images() -> np.ndarray[Any, Any]:
    """600 handwritten digits, `(600, 8, 8)` from 0 to 16."""
    return load_digits().images[:600]


@pytest.fixture(scope="module")
def labels() -> np.ndarray[Any, Any]:
    return load_digits().target[:600]


@pytest.fixture(scope="module")
def fitted(images: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> cl.ConvClassifier:
    return cl.ConvClassifier("max-pooling", epochs=6, learning_rate=3e-3, random_state=0).fit(
        images[:300], labels[:300]
    )


def test_it_learns_digits(fitted: cl.ConvClassifier, images: Any, labels: Any) -> None:
    assert fitted.score(images[300:], labels[300:]) > 0.5
    probabilities = fitted.predict_proba(images)
    assert probabilities.shape == (600, 10)
    assert probabilities.dtype == np.float64
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert np.array_equal(fitted.predict(images), fitted.classes_[probabilities.argmax(axis=1)])


def test_it_says_what_it_did(fitted: cl.ConvClassifier) -> None:
    assert fitted.history_["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    assert fitted.epoch_ == fitted.history_["val_loss"].argmin() + 1
    assert fitted.image_shape_ == (8, 8, 1)
    assert fitted.n_features_in_ == 64
    assert fitted.experiment_.data.image_size == (16, 16), (
        "enlarged to what two 5x5 convolutions need"
    )
    assert fitted.experiment_.model.pooling == "max"
    assert [array.shape for array in fitted.weights_] == [
        each.shape for each in fitted.network_.weights
    ]


def test_flat_rows_are_the_images_row_by_row(fitted: cl.ConvClassifier, images: Any) -> None:
    assert np.array_equal(
        fitted.predict_proba(images[:9].reshape(9, 64)), fitted.predict_proba(images[:9])
    )
    assert np.array_equal(
        fitted.predict_proba(images[:9, ..., None]), fitted.predict_proba(images[:9])
    )


def test_a_pickle_or_a_copy_predicts_alike(fitted: cl.ConvClassifier, images: Any) -> None:
    expected, state = fitted.predict_proba(images), random.getstate()
    stored = pickle.dumps(fitted)
    assert b"keras" not in stored
    for other in (pickle.loads(stored), copy.deepcopy(fitted)):
        assert np.array_equal(other.predict_proba(images), expected)
    assert random.getstate() == state


def test_floats_and_pixels_of_the_same_images_give_the_same_network() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 9, 7, 3), dtype=np.uint8)
    labels = np.arange(40) % 2
    first, second, third = (
        cl.ConvClassifier(**SMALL, random_state=1, image_shape=shape).fit(given, labels)
        for given, shape in [
            (pixels, None),
            (pixels / 255, None),
            (pixels.reshape(40, -1).astype(np.int16), (9, 7, 3)),
        ]
    )
    expected = first.predict_proba(pixels)
    assert np.array_equal(second.predict_proba(pixels / 255), expected)
    assert np.array_equal(third.predict_proba(pixels.astype(np.int16)), expected)


def test_the_callers_random_states_are_left_alone(images: Any, labels: Any) -> None:
    before = random.getstate(), np.random.get_state()
    cl.ConvClassifier(**SMALL, random_state=0).fit(images[:40], labels[:40]).predict(images[:40])
    assert random.getstate() == before[0]
    assert np.array_equal(np.random.get_state()[1], before[1][1])
    assert np.random.get_state()[2] == before[1][2]


def test_the_callers_images_are_not_kept() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), dtype=np.uint8)
    kept = weakref.ref(pixels)
    classifier = cl.ConvClassifier(**SMALL).fit(pixels, np.arange(40) % 2)
    del pixels
    gc.collect()
    assert kept() is None
    assert classifier.classes_.tolist() == [0, 1]


@pytest.mark.skipif(
    sys.platform != "linux", reason="other systems take the memory back when they please"
)
def test_the_memory_of_a_dataset_goes_back_to_the_system() -> None:
    images, labels = np.full((4, 8, 8, 1), 7, dtype=np.uint8), np.array([0, 1, 0, 1])
    splits = in_memory.cut_validation(labels, None, seed=0)
    with in_memory.make_dataset(images, labels, ("a", "b"), Experiment().data, splits) as dataset:
        assert np.array_equal(dataset.bank.images, images)
    assert not dataset.bank.images.any()


def test_labels_may_be_texts_and_the_ladder_ones_own(images: Any, labels: Any) -> None:
    names = np.array(["even", "odd"])[labels[:60] % 2]
    ladder = cl.load_ladder("classic").part(["lenet5", "same-padding"])
    classifier = cl.ConvClassifier(None, ladder, epochs=1, random_state=0).fit(images[:60], names)
    assert classifier.classes_.tolist() == ["even", "odd"]
    assert set(classifier.predict(images[:9])) <= {"even", "odd"}
    assert classifier.experiment_.model.padding == "same"


def test_two_images_are_trained_on_whole() -> None:
    classifier = cl.ConvClassifier(**SMALL, random_state=0).fit(
        np.eye(8)[None].repeat(2, axis=0), ["a", "b"]
    )
    assert classifier.experiment_.train.select == "last"
    assert classifier.epoch_ == 3


def test_cross_validation_of_a_pipeline(images: Any, labels: Any) -> None:
    pipeline = make_pipeline(StandardScaler(), cl.ConvClassifier(**SMALL, random_state=0))
    scores = cross_val_score(pipeline, images[:300].reshape(300, -1), labels[:300], cv=2)
    assert scores.min() > 0.4


def test_a_grid_search_over_rungs_in_processes(images: Any, labels: Any) -> None:
    settings = [
        {"rung": ["lenet5"], "learning_rate": [1e-5]},
        {"rung": ["max-pooling"], "learning_rate": [0.1]},
    ]
    search = GridSearchCV(cl.ConvClassifier(**SMALL, random_state=0), settings, cv=2, n_jobs=2)
    search.fit(images[:150], labels[:150])
    assert search.best_params_ == {"rung": "max-pooling", "learning_rate": 0.1}
    assert search.predict(images[:5]).shape == (5,)


def test_parameters_are_stored_as_given() -> None:
    classifier = cl.ConvClassifier("lenet5", changes={"train.optimizer": "sgd"}, epochs=4)
    assert classifier.get_params()["changes"] == {"train.optimizer": "sgd"}
    other = clone(classifier).set_params(rung="batch-norm")
    assert (other.rung, other.epochs, classifier.rung) == ("batch-norm", 4, "lenet5")


@pytest.mark.parametrize(
    ("shape", "settings", "message"),
    [
        (
            (4, 200),
            {},
            r"rows of 200 values, which do not form a square: give image_shape=\(height, width\)",
        ),
        ((4, 3072), {}, r"give image_shape=\(32, 32, 3\)"),
        ((4, 64), {"image_shape": (8, 9)}, r"rows of 64 values, but image_shape=\(8, 9\) takes 72"),
        ((4, 64), {"image_shape": 8}, "image_shape is 8: expected images of"),
        (
            (4, 8, 8),
            {"image_shape": (4, 16)},
            r"images of \(8, 8, 1\), but image_shape is \(4, 16\)",
        ),
        (
            (4, 3, 8, 8),
            {},
            r"shape \(4, 3, 8, 8\) \(channels come last: X.transpose\(0, 2, 3, 1\)\)",
        ),
        ((4, 8, 8, 2), {}, r"expected images of \(height, width\) or \(height, width, 1 or 3\)"),
    ],
)
def test_what_is_no_image_is_an_error(
    shape: tuple[int, ...], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        cl.ConvClassifier(**settings).fit(np.zeros(shape), [0, 1, 0, 1])


def test_one_class_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"one class only \(7\): a classifier needs two or more"):
        cl.ConvClassifier().fit(np.zeros((3, 8, 8)), [7, 7, 7])


def test_other_images_than_those_of_fit_are_an_error(
    fitted: cl.ConvClassifier, images: Any
) -> None:
    with pytest.raises(
        ValueError, match=r"shape \(9, 4, 16\), but fit was given images of \(8, 8, 1\)"
    ):
        fitted.predict(images[:9].reshape(9, 4, 16))
    with pytest.raises(
        ValueError, match="X is uint8, but fit was given numbers from 0 to 16, not uint8"
    ):
        fitted.predict(images.astype(np.uint8))
    with pytest.raises(NotFittedError):
        _ = clone(fitted).network_


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rung": "lenet"}, "unknown rung 'lenet': did you mean 'lenet5'"),
        ({"ladder": "clasic"}, "unknown ladder 'clasic': did you mean 'classic'"),
        (
            {"changes": {"seed": 1}},
            "changes cannot set seed: use X, validation_fraction or random_state",
        ),
        ({"changes": {"train.epoch": 1}}, "did you mean 'train.epochs'"),
        ({"validation_fraction": 0.7}, "data.validation: Input should be less than 0.5"),
    ],
)
def test_what_a_setting_cannot_be_is_an_error(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(cl.ConvladderError, match=message):
        cl.ConvClassifier(**settings).fit(np.zeros((4, 8, 8)), [0, 1, 0, 1])


def test_the_cut_for_validation_takes_each_class_that_can_spare_an_image() -> None:
    labels = np.array([0] * 20 + [1] * 2 + [2])
    splits = in_memory.cut_validation(labels, 0.15, seed=0)
    assert np.bincount(labels[splits.validation]).tolist() == [3, 1]
    assert sorted([*splits.train, *splits.validation]) == list(range(23))
    whole = in_memory.cut_validation(labels, None, seed=0)
    assert len(whole.train) == len(whole.validation) == 23


def test_values_beyond_those_of_fit_are_clipped() -> None:
    seen = in_memory.PixelRange.of(np.array([[-1.0, 0.0, 1.0]]))
    assert seen.pixels(np.array([[-9.0, -1.0, 0.0, 0.5, 1.0, 9.0]])).tolist() == [
        [0, 0, 128, 191, 255, 255]
    ]
    assert in_memory.PixelRange.of(np.full((1, 2), 7.0)).pixels(np.full((1, 2), 7.0)).tolist() == [
        [0, 0]
    ]


def test_a_hot_pixel_does_not_take_the_range_of_all_images() -> None:
    images = np.random.default_rng(0).integers(500, 900, (40, 8, 8)).astype(np.uint16)
    usual = in_memory.PixelRange.of(images.reshape(40, -1), (8, 8, 1))
    assert (usual.low, usual.high) == (images.min(), images.max())
    images[:, 3, 3] = 65_535
    hot = in_memory.PixelRange.of(images.reshape(40, -1), (8, 8, 1))
    assert hot.high < 2 * usual.high
    assert in_memory.PixelRange.of(images.reshape(40, -1), (8, 8, 1), (0, 4095)).high == 4095


def test_images_of_another_range_than_those_of_fit_are_warned_of() -> None:
    images = np.random.default_rng(0).integers(500, 900, (40, 8, 8)).astype(np.uint16)
    images[::2, :4] += 200
    classifier = cl.ConvClassifier("lenet5", epochs=1, random_state=0).fit(
        images, np.arange(40) % 2
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier.predict(images)
    with pytest.warns(
        UserWarning,
        match="3 of 5 images lie outside the range of the images given to fit, 500 to 1099",
    ):
        classifier.predict(
            np.concatenate([16 * images[:2], images[:2], np.full((1, 8, 8), 600, np.uint16)])
        )


def test_a_short_row_is_laid_on_the_smallest_square() -> None:
    shape = in_memory.find_shape((1, 5), None)
    assert shape == (3, 3, 1)
    rows = np.arange(1, 6, dtype=np.uint8)[None]
    assert in_memory.to_images(rows, shape)[0, ..., 0].tolist() == [[1, 2, 3], [4, 5, 0], [0, 0, 0]]


def test_the_package_imports_no_scikit_learn_until_it_is_used() -> None:
    code = (
        "import sys, convladder; assert not {'sklearn', 'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
