"""A finished trial, with its tables and plots."""

from __future__ import annotations

import html as escaping
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from convladder.api.run_plots import PlottedRun
from convladder.core.errors import ExperimentError
from convladder.core.worker_pool import call
from convladder.evaluation import calibration as calibrations
from convladder.evaluation import label_errors, mistakes, prediction_sets
from convladder.evaluation.calibration import Calibration, Selection
from convladder.evaluation.prediction_sets import PredictionSets
from convladder.experiments.run_options import RunOptions
from convladder.results import outputs
from convladder.results.seed_runs import robustness_of, trial_name


class Run(PlottedRun):
    """A finished trial: its figures as frames, its plots and its report.

    Parameters
    ----------
    folder
        The run's folder, such as `runs/NAME`, or one of a climb's trials.

    Raises
    ------
    RunError
        The folder holds no finished run.
    """

    def report(self) -> Path:
        """Write `report.html` and `plots/` into the run's folder.

        Returns
        -------
        Path
            The page.

        Raises
        ------
        RunError
            The folder was not written by convladder, or a file in it is missing or damaged.
        """
        from convladder.report import pages

        outputs.check_made_here(self.folder)
        return pages.write_run(self)

    def bundle(
        self,
        out: str | Path | None = None,
        accuracy: float = 0.95,
        *,
        as_seen: bool = False,
        coverage: float = 0.95,
    ) -> Path:
        """Write the run's bundle, one file that predicts anywhere.

        Parameters
        ----------
        out
            The file; None gives it the run's name. An earlier bundle of this run is replaced.
        accuracy
            The share of correct answers, above 0 and up to 1, that those not marked unsure should
            have. It sets the bundle's threshold.
        as_seen
            Whether to take the threshold as seen on validation, without a guarantee: see
            `selection`.
        coverage
            Share of images whose prediction set should hold the true class, above 0 and below 1.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        RunError
            `out` is another file, or lies among the images that the run was trained on; or a file
            of the run is missing or damaged.
        ExperimentError
            The accuracy, or the coverage, is no such share.
        """
        from convladder.deploy import bundle_writer

        path = None if out is None else Path(out)
        return bundle_writer.write(self, path, accuracy, as_seen=as_seen, coverage=coverage)

    def evaluate(
        self,
        data: str | Path,
        *,
        changes: Mapping[str, Any] | None = None,
        out: str | Path | None = None,
        allow_rejects: bool = False,
        quiet: bool = False,
    ) -> dict[str, Any]:
        """Evaluate the network on other labelled images; classes are matched by name.

        If the source names a test split, this takes the test split, else all images.

        Parameters
        ----------
        data
            A folder, a file or a name as `load` takes it.
        changes
            Settings of the data that say how to read it, such as `{"data.label_column": "kind"}`;
            what they leave open is read as the run's own images were, where it can be.
        out
            Keep `predictions.csv` and `evaluation.json` in this folder; None keeps nothing.
        allow_rejects, quiet
            As `load` takes them.

        Returns
        -------
        dict
            The figures by split, such as `["test"]["accuracy"]`, from 0 to 1.

        Raises
        ------
        ConvladderError
            The source cannot be read or has an unknown class, `out` cannot be written, or a file of
            the run is missing or damaged.
        """
        from convladder.api import other_images

        how = RunOptions(out=out, allow_rejects=allow_rejects, quiet=quiet)
        return other_images.evaluate(self, data, changes or {}, how)

    def predict(
        self,
        paths: str | Path | Iterable[str | Path],
        accuracy: float = 0.95,
        *,
        as_seen: bool = False,
        coverage: float = 0.95,
    ) -> pd.DataFrame:
        """Predict image files.

        Each call starts TensorFlow anew, which takes seconds: give all files at once.

        Parameters
        ----------
        paths
            Files, or one.
        accuracy
            The share of correct answers, above 0 and up to 1, that those not marked unsure should
            have. If validation shows no threshold for it, all are unsure, and a warning says so.
        as_seen
            Whether to take the threshold as seen on validation, without a guarantee: see
            `selection`.
        coverage
            Share of images whose prediction set should hold the true class, above 0 and below 1:
            see `prediction_sets`.

        Returns
        -------
        DataFrame
            One row per file, in the given order. The columns are `path`, `predicted`, `confidence`
            (from 0 to 1, after temperature), `unsure` (below the threshold that `selection`
            chooses, or with a warning), `error`, the reason why a file is no image, `warning`,
            the reason why one does not fit the images that the network was trained on, and
            `prediction_set`, a tuple of the classes that it may be of, the likeliest first (None
            where there is no image, or too few validation images to promise any).

        Raises
        ------
        ExperimentError
            There are no files, or the accuracy or the coverage is no such share.
        RunError
            A file of the run is missing or damaged.
        """
        from convladder.api import other_images

        selection = self.selection(accuracy, as_seen=as_seen)
        return other_images.predict(self, paths, selection, self.prediction_sets(coverage))

    def classification_report(self) -> pd.DataFrame:
        """Return precision, recall and F1 on test: one row per class, then the averages.

        Returns
        -------
        DataFrame
            `precision`, `recall` and `f1`, from 0 to 1, and the number of `images`.

        Raises
        ------
        RunError
            A file of the run is missing or damaged.
        """
        test = self.metrics["test"]
        averages = {
            "macro average": test["macro_average"],
            "weighted average": test["weighted_average"],
        }
        return pd.DataFrame.from_dict(test["classes"] | averages, orient="index")

    def architecture(self) -> pd.DataFrame:
        """Return the layers of the network.

        Returns
        -------
        DataFrame
            One row per layer: `layer`, its `output` shape without the batch, and its number of
            `parameters`.

        Raises
        ------
        RunError
            A file of the run is missing or damaged.
        """
        from convladder.experiments.inference import list_layers

        return pd.DataFrame(call(list_layers, self.folder))

    def calibration(self) -> Calibration:
        """Return how well confidence on test agrees with accuracy, before and after temperature.

        The temperature is fitted on validation (Guo et al. 2017, "On calibration of modern neural
        networks", ICML).

        Returns
        -------
        Calibration
            The temperature, and each figure before and after it: the expected calibration error,
            the log loss, and ten `bins` of images by confidence. `overconfidence` is the mean
            confidence less the accuracy.

        Raises
        ------
        RunError
            A file of the run is missing or damaged.
        """
        return calibrations.assess(self.predictions)

    def selection(self, accuracy: float = 0.95, *, as_seen: bool = False) -> Selection:
        """Choose a least confidence on validation for a wanted accuracy; judge it on test.

        By default it is guaranteed: in 95 of 100 networks, the accuracy above it is at least the
        wanted one (Angelopoulos et al. 2021, "Learn then test").

        Parameters
        ----------
        accuracy
            A share, above 0 and up to 1.
        as_seen
            Whether to take the least confidence that gave the accuracy on validation. It has no
            margin for chance: on new images, about every second such threshold gives less.

        Returns
        -------
        Selection
            The threshold, the share of test images that are still predicted with it, and the
            accuracy on these, each with its 95 % interval. The threshold is None if the validation
            images show none. `basis` says how it was chosen. `as_seen` has the same of the
            threshold as seen on validation.

        Raises
        ------
        ExperimentError
            The accuracy is no such share.
        RunError
            A file of the run is missing or damaged.
        """
        if not 0 < accuracy <= 1:
            raise ExperimentError(
                f"the wanted accuracy must be between 0 and 1, such as 0.95; got {accuracy:g}"
            )
        return calibrations.select(self.predictions, accuracy, as_seen=as_seen)

    def prediction_sets(self, coverage: float = 0.95) -> PredictionSets:
        """Choose prediction sets on validation, and measure on test how often they hold the truth.

        The prediction set of an image has all classes that it may be of. The true class is among
        them in so many of new images like these, averaged over networks and images (split conformal
        prediction: Sadinle, Lei, Wasserman 2019, "Least ambiguous set-valued classifiers with
        bounded error levels").

        Parameters
        ----------
        coverage
            Share of images whose prediction set should hold the true class, above 0 and below 1.

        Returns
        -------
        PredictionSets
            `least_probability`, from which on a class belongs to a set (the likeliest one always
            does); None with too few validation images, of which it takes `fewest`. On test: the
            `coverage` and the share of images with a `single` class, each with its 95 % interval,
            and the `mean_size` of sets.

        Raises
        ------
        ExperimentError
            The coverage is no such share.
        RunError
            A file of the run is missing or damaged.
        """
        return prediction_sets.measure(self.predictions, coverage)

    def class_accuracies(self) -> pd.DataFrame:
        """Return the test accuracy of each class with its 95 % interval (Wilson 1927).

        Returns
        -------
        DataFrame
            One row per class: `share`, `low` and `high`, from 0 to 1, and the number of `images`.

        Raises
        ------
        RunError
            A file of the run is missing or damaged.
        """
        found = mistakes.class_accuracies(self.tested)
        return pd.DataFrame.from_dict(
            {name: vars(share) for name, share in found.items()}, orient="index"
        )

    def confused_pairs(self, most: int = 10) -> pd.DataFrame:
        """Return which classes it confuses on test, the most frequent pair first.

        Parameters
        ----------
        most
            Number of pairs.

        Returns
        -------
        DataFrame
            One row per pair: the true `class`, the `predicted` one, and their `mistakes`. `share`
            is these among the `images` of the class, with its 95 % interval from `low` to `high`
            (Wilson 1927).

        Raises
        ------
        RunError
            A file of the run is missing or damaged.
        """
        pairs = mistakes.confused_pairs(self.tested, most)
        return pd.DataFrame(
            [
                {"class": pair.label, "predicted": pair.predicted, "mistakes": len(pair.rows)}
                | vars(pair.share)
                for pair in pairs
            ],
            columns=["class", "predicted", "mistakes", "share", "low", "high", "images"],
        )

    def most_wrong(self, most: int = 12) -> pd.DataFrame:
        """Return the biggest mistakes on test: the true class had the least probability.

        Parameters
        ----------
        most
            Number of images.

        Returns
        -------
        DataFrame
            One row per image, the biggest mistake first, with the columns of `predictions`.

        Raises
        ------
        RunError
            A file of the run is missing or damaged.
        """
        return self.tested.iloc[mistakes.most_wrong(self.tested, most)]

    def suspected_labels(self) -> pd.DataFrame:
        """Return the validation and test images whose label the network disputes, the worst first.

        They are found by confident learning (Northcutt, Jiang, Chuang 2021, "Confident learning:
        estimating uncertainty in dataset labels", JAIR 70). Look at them: if the network's accuracy
        is low, most disputes are its own mistakes.

        Returns
        -------
        DataFrame
            One row per image: `path`, `split`, `label`, the `suggested` class, and `margin`: the
            probability of the label less that of the likeliest other class.

        Raises
        ------
        RunError
            A file of the run is missing or damaged.
        """
        return label_errors.suspects(self.predictions)

    def robustness(self) -> pd.DataFrame:
        """Return the accuracy on test under each corruption.

        Names and severities are those of ImageNet-C (Hendrycks, Dietterich 2019, "Benchmarking
        neural network robustness to common corruptions and perturbations", ICLR).

        Returns
        -------
        DataFrame
            One row per `corruption` and `strength`, from 0 (none) to 5: `accuracy` with its 95 %
            interval from `low` to `high`, from 0 to 1.

        Raises
        ------
        RunError
            A file of the run is missing or damaged.
        """
        return robustness_of(self).table()

    def __repr__(self) -> str:
        accuracy = self.metrics["test"]["accuracy"]
        return (
            f"<Run {self.rung}, {trial_name(self)}: test accuracy {accuracy:.4f}, in {self.folder}>"
        )

    def _repr_html_(self) -> str:
        test, validation = self.metrics["test"], self.metrics["validation"]
        rows = {
            "test accuracy": f"{test['accuracy']:.4f}",
            "validation accuracy": f"{validation['accuracy']:.4f}",
            "test log loss": f"{test['log_loss']:.4f}",
            "parameters": f"{self.metrics['price']['parameters']:,}",
            "folder": str(self.folder),
        }
        title = escaping.escape(f"{self.rung}, {trial_name(self)}")
        return f"<b>{title}</b>{pd.Series(rows).to_frame('').to_html()}"
