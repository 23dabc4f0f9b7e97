"""A finished trial, with its tables and plots."""

from __future__ import annotations

import html as escaping
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from convladder.api.figures import new_figure
from convladder.core.errors import ExperimentError
from convladder.core.worker_pool import call
from convladder.evaluation import calibration as calibrations
from convladder.evaluation import label_errors, mistakes
from convladder.evaluation.calibration import Calibration, Selection
from convladder.experiments.run_options import RunOptions
from convladder.results import outputs, saved_run
from convladder.results.seed_runs import robustness_of, trial_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from convladder.report.style import Grid

Metric = Literal["accuracy", "loss"]


class Run(saved_run.SavedRun):
    """A finished trial: its figures as frames, its plots and its report."""

    def report(self) -> Path:
        """Write `report.html` and `plots/` into the run's folder; return the page's path."""
        from convladder.report import pages

        outputs.check_made_here(self.folder)
        return pages.write_run(self)

    def bundle(self, out: str | Path | None = None, accuracy: float = 0.95) -> Path:
        """Write the run's bundle, one file that predicts anywhere.

        Parameters
        ----------
        out
            The file; None gives it the run's name. An earlier bundle of this run is replaced.
        accuracy
            Wanted of what is predicted surely: it sets the bundle's threshold.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        RunError
            `out` is another file, or lies among the images that the run was trained on.
        """
        from convladder.deploy import bundle_writer

        return bundle_writer.write(self, None if out is None else Path(out), accuracy)

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

        Of a source that names a test split this takes the test split, else all.

        Parameters
        ----------
        data
            A folder, a file or a name as `load` takes it.
        changes
            Settings of the data that say how to read it, such as `{"data.label_column": "kind"}`;
            what they leave open is read as the run's own images were, where it can be.
        out
            Keep `predictions.csv` and `evaluation.json` there; None keeps nothing.
        allow_rejects, quiet
            As `load` takes them.

        Returns
        -------
        dict
            The figures by split.

        Raises
        ------
        ConvladderError
            The source cannot be read or has an unknown class.
        """
        from convladder.api import other_images

        how = RunOptions(out=out, allow_rejects=allow_rejects, quiet=quiet)
        return other_images.evaluate(self, data, changes or {}, how)

    def predict(
        self, paths: str | Path | Iterable[str | Path], accuracy: float = 0.95
    ) -> pd.DataFrame:
        """Predict image files.

        Each call starts TensorFlow anew, which takes seconds: give all files at once.

        Parameters
        ----------
        paths
            Files, or one.
        accuracy
            Wanted of what is predicted surely. Where no threshold reaches it all are unsure, and a
            warning says so.

        Returns
        -------
        DataFrame
            One row per file, in the given order. The columns are `path`, `predicted`, `confidence`
            (after temperature), `unsure` (below the threshold that `selection` chooses, or with a
            warning), `error`, the reason where a file is no image, and `warning`, the reason where
            one does not fit the images that the network was trained on.

        Raises
        ------
        ExperimentError
            There are no files, or the accuracy is no share.
        """
        from convladder.api import other_images

        return other_images.predict(self, paths, self.selection(accuracy))

    def classification_report(self) -> pd.DataFrame:
        """Return precision, recall, F1 and test images: one row per class, then the averages."""
        test = self.metrics["test"]
        averages = {
            "macro average": test["macro_average"],
            "weighted average": test["weighted_average"],
        }
        return pd.DataFrame.from_dict(test["classes"] | averages, orient="index")

    def architecture(self) -> pd.DataFrame:
        """Return one row per layer: its name, its output shape and its number of parameters."""
        from convladder.experiments.inference import list_layers

        return pd.DataFrame(call(list_layers, self.folder))

    def plot_history(self, metric: Metric = "accuracy", ax: Axes | None = None) -> Axes:
        """Draw a metric, `accuracy` or `loss`, over the epochs, on train and on validation."""
        from convladder.report import plots

        return plots.draw_curves([self], metric, ax or new_figure())

    def calibration(self) -> Calibration:
        """Return how well the probabilities on test agree with the facts, before and after a
        temperature.
        """
        return calibrations.assess(self.predictions)

    def selection(self, accuracy: float = 0.95) -> Selection:
        """Choose a least confidence on validation for a wanted accuracy; judge it on test.

        Parameters
        ----------
        accuracy
            A share, above 0 and up to 1.

        Returns
        -------
        Selection
            The threshold, and what it leaves.

        Raises
        ------
        ExperimentError
            The accuracy is no share.
        """
        if not 0 < accuracy <= 1:
            raise ExperimentError(
                f"the wanted accuracy must be between 0 and 1, such as 0.95; got {accuracy:g}"
            )
        return calibrations.select(self.predictions, accuracy)

    def class_accuracies(self) -> pd.DataFrame:
        """Return the test accuracy of each class with its 95 % interval: one row per class."""
        found = mistakes.class_accuracies(self.tested)
        return pd.DataFrame.from_dict(
            {name: vars(share) for name, share in found.items()}, orient="index"
        )

    def confused_pairs(self, most: int = 10) -> pd.DataFrame:
        """Return which class was taken for which on test, the most frequent first.

        `share` is `mistakes` of the `images` of the class, with its 95 % interval from `low` to
        `high`.
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
        """Return the test predictions with the least probability of the true class, the worst
        first.
        """
        return self.tested.iloc[mistakes.most_wrong(self.tested, most)]

    def suspected_labels(self) -> pd.DataFrame:
        """Return the validation and test images whose label the network disputes, the worst first.

        Look at them: where its accuracy is low, most disputes are the network's own mistakes.
        """
        return label_errors.suspects(self.predictions)

    def plot_reliability(self, ax: Axes | None = None) -> Axes:
        """Draw accuracy against confidence on test, before and after the temperature fitted on
        validation.
        """
        from convladder.report import plots

        found = self.calibration()
        return plots.draw_reliability(found.bins, found.bins_after, ax or new_figure())

    def plot_confusion(self, ax: Axes | None = None) -> Axes:
        """Draw the confusion matrix of the test images, rows the true classes."""
        from convladder.report import plots

        test = self.metrics["test"]
        return plots.draw_confusion(
            np.array(test["confusion_matrix"]), list(test["classes"]), ax or new_figure()
        )

    def plot_samples(self) -> Grid:
        """Draw test images that were predicted correctly and wrongly; return the grid's axes."""
        from convladder.report import galleries

        return galleries.draw_gallery(galleries.samples_of(self), new_figure())

    def plot_heat(self) -> Grid:
        """Draw the images of `plot_samples` beside where the network found evidence for what it
        predicted.
        """
        from convladder.report import galleries

        return galleries.draw_gallery(galleries.heat_of(self), new_figure())

    def plot_filters(self) -> Grid:
        """Draw the filters of the first convolution; middle grey is a weight of zero."""
        from convladder.report import galleries

        return galleries.draw_gallery(galleries.filters_of(self), new_figure())

    def plot_features(self) -> Grid:
        """Draw a test image and what each layer makes of it; white is the layer's strongest
        response.
        """
        from convladder.report import galleries

        return galleries.draw_gallery(galleries.features_of(self), new_figure())

    def robustness(self) -> pd.DataFrame:
        """Return the accuracy under each corruption: a row for each of its strengths, 0 being none
        at all.
        """
        return robustness_of(self).table()

    def plot_robustness(self) -> Grid:
        """Draw the accuracy over the strength of each corruption."""
        from convladder.report import plots

        return plots.draw_robustness(robustness_of(self), into=new_figure())

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
