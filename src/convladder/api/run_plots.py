"""The plots of a finished trial."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from convladder.api.figures import new_figure
from convladder.evaluation import calibration as calibrations
from convladder.results.saved_run import SavedRun
from convladder.results.seed_runs import SeedRun, measure_curves, robustness_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from convladder.report.style import Grid


class PlottedRun(SavedRun):
    """A finished trial, with its plots."""

    def plot_history(self, metric: str = "accuracy", ax: Axes | None = None) -> Axes:
        """Draw a metric over the epochs, on train and on validation.

        Parameters
        ----------
        metric
            `accuracy` or `loss`, or what the run is judged by, such as `macro-f1`.
        ax
            Matplotlib axes to draw into; None makes a new figure.

        Returns
        -------
        Axes
            What was drawn on, for changes of your own.

        Raises
        ------
        ExperimentError
            There is no such metric.
        """
        from convladder.report import plots

        return plots.draw_curves([self], metric, ax or new_figure())

    def plot_reliability(self, ax: Axes | None = None) -> Axes:
        """Draw accuracy against confidence on test, before and after temperature scaling.

        The temperature is fitted on validation (Guo et al. 2017, "On calibration of modern neural
        networks", ICML).

        Parameters
        ----------
        ax
            Matplotlib axes to draw into; None makes a new figure.

        Returns
        -------
        Axes
            What was drawn on, for changes of your own.

        Raises
        ------
        RunError
            A file of the run is missing or damaged.
        """
        from convladder.report import plots

        found = calibrations.assess(self.predictions)
        return plots.draw_reliability(found.bins, found.bins_after, ax or new_figure())

    def plot_confusion(self, ax: Axes | None = None) -> Axes:
        """Draw the confusion matrix of the test images; rows are the true classes.

        Parameters
        ----------
        ax
            Matplotlib axes to draw into; None makes a new figure.

        Returns
        -------
        Axes
            What was drawn on, for changes of your own.

        Raises
        ------
        RunError
            A file of the run is missing or damaged.
        """
        from convladder.report import plots

        test = self.metrics["test"]
        return plots.draw_confusion(
            np.array(test["confusion_matrix"]), list(test["classes"]), ax or new_figure()
        )

    def plot_roc(self, ax: Axes | None = None, classes: Sequence[str] | None = None) -> Axes:
        """Draw the ROC curve of each class: recall over the false positive rate, on test.

        Each curve is for one class against all others, with the area under it. At
        each point, its band holds the network's true curve in 95 of 100 cases. It covers the
        choice of test images.

        Parameters
        ----------
        ax
            Matplotlib axes to draw into; None makes a new figure.
        classes
            Names of the classes to draw. None takes the second of two. Of more it takes the three
            with the smallest area under the ROC curve, and the average of all.

        Returns
        -------
        Axes
            What was drawn on, for changes of your own.

        Raises
        ------
        ExperimentError
            There is no such class, or it has fewer than two test images.
        RunError
            A file of the run is missing or damaged.
        """
        from convladder.report import curve_plots

        found = measure_curves([SeedRun((self,))])
        return curve_plots.draw_roc(found, classes, ax or new_figure())

    def plot_precision_recall(
        self, ax: Axes | None = None, classes: Sequence[str] | None = None
    ) -> Axes:
        """Draw the precision-recall curve of each class, on test.

        Each curve is for one class against all others, with its average precision. At
        each point, its band holds the network's true curve in 95 of 100 cases. It covers the
        choice of test images.

        Parameters
        ----------
        ax
            Matplotlib axes to draw into; None makes a new figure.
        classes
            Names of the classes to draw. None takes the second of two. Of more it takes the three
            with the smallest area under the ROC curve, and the average of all.

        Returns
        -------
        Axes
            What was drawn on, for changes of your own.

        Raises
        ------
        ExperimentError
            There is no such class, or it has fewer than two test images.
        RunError
            A file of the run is missing or damaged.
        """
        from convladder.report import curve_plots

        found = measure_curves([SeedRun((self,))])
        return curve_plots.draw_precision_recall(found, classes, ax or new_figure())

    def plot_samples(self) -> Grid:
        """Draw test images that were predicted correctly and wrongly.

        Returns
        -------
        ndarray
            The axes, one per image, `(rows, columns)`.

        Raises
        ------
        RunError
            A file of the run is missing or damaged.
        """
        from convladder.report import galleries

        return galleries.draw_gallery(galleries.samples_of(self), new_figure())

    def plot_heat(self) -> Grid:
        """Draw the images of `plot_samples` next to where the network found its evidence.

        That is evidence for the predicted class, by Grad-CAM (Selvaraju et al. 2017, "Grad-CAM:
        visual explanations from deep networks via gradient-based localization", ICCV).

        Returns
        -------
        ndarray
            The axes, each image next to its heat map, `(rows, columns)`.

        Raises
        ------
        RunError
            A file of the run is missing or damaged.
        """
        from convladder.report import galleries

        return galleries.draw_gallery(galleries.heat_of(self), new_figure())

    def plot_filters(self) -> Grid:
        """Draw the filters of the first convolution; middle grey is a weight of zero.

        Returns
        -------
        ndarray
            The axes, one per filter, `(rows, columns)`.

        Raises
        ------
        RunError
            A file of the run is missing or damaged.
        """
        from convladder.report import galleries

        return galleries.draw_gallery(galleries.filters_of(self), new_figure())

    def plot_features(self) -> Grid:
        """Draw a test image and what each layer makes of it.

        White is the layer's strongest response.

        Returns
        -------
        ndarray
            The axes, one per map; each layer starts a row, `(rows, columns)`.

        Raises
        ------
        RunError
            A file of the run is missing or damaged.
        """
        from convladder.report import galleries

        return galleries.draw_gallery(galleries.features_of(self), new_figure())

    def plot_robustness(self) -> Grid:
        """Draw the accuracy on test over the strength of each corruption.

        Returns
        -------
        ndarray
            The axes, one per corruption, `(rows, columns)`.

        Raises
        ------
        RunError
            A file of the run is missing or damaged.
        """
        from convladder.report import robustness_plots

        return robustness_plots.draw_robustness(robustness_of(self), into=new_figure())
