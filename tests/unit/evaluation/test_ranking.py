"""How networks rank images by a class: figures that scikit-learn has, and the scores of images."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from convladder.evaluation.components import components, image_variance
from convladder.evaluation.ranking import Ranking

FIGURES = {"areas": roc_auc_score, "precisions": average_precision_score}


def draw_ranking(digits: int = 9, seeds: int = 3, members: int = 40, others: int = 160) -> Ranking:
    """Draw scores with so many digits: with one, many images tie."""
    draw, own = np.random.default_rng(5), np.arange(members + others) < members
    scores = 1.5 * own + draw.normal(size=own.shape) + 0.5 * draw.normal(size=(seeds, len(own)))
    return Ranking(np.round(scores, digits), own)


@pytest.mark.parametrize("digits", [9, 1])
@pytest.mark.parametrize("figure", FIGURES)
def test_the_rows_mean_what_scikit_learn_says(figure: str, digits: int) -> None:
    ranking = draw_ranking(digits)
    told = [FIGURES[figure](ranking.members, each) for each in ranking.certainties]
    assert getattr(ranking, figure)().mean(axis=1) == pytest.approx(told)


@pytest.mark.parametrize("figure", FIGURES)
def test_the_images_part_of_the_variance_is_that_of_the_bootstrap(figure: str) -> None:
    ranking, draw, again = draw_ranking(), np.random.default_rng(0), []
    members, others = ranking.images
    for _ in range(300):
        rows = np.concatenate(
            [draw.integers(0, members, members), members + draw.integers(0, others, others)]
        )
        told = [FIGURES[figure](ranking.members, each[rows]) for each in ranking.certainties]
        again.append(np.mean(told))
    found = image_variance(components(getattr(ranking, figure)()).by_image)
    assert found == pytest.approx(np.var(again), rel=0.25)


def test_the_variance_of_an_area_is_that_of_delong() -> None:
    ranking = draw_ranking(seeds=1)
    own, other = ranking.certainties[0, ranking.members], ranking.certainties[0, ~ranking.members]
    higher = own[:, np.newaxis] > other
    published = higher.mean(axis=1).var(ddof=1) / len(own)
    published += higher.mean(axis=0).var(ddof=1) / len(other)
    found = image_variance(components(ranking.areas()).by_image)
    assert found == pytest.approx(published, rel=0.03)


@pytest.mark.parametrize("digits", [9, 1])
def test_a_mirrored_ranking_is_the_one_of_the_other_images(digits: int) -> None:
    ranking, rates = draw_ranking(digits), np.linspace(0, 1, 30)
    plain = Ranking(-ranking.certainties, ~ranking.members)
    assert ranking.mirrored.true_rates(rates) == pytest.approx(plain.true_rates(rates))
    assert ranking.mirrored.found(0.3) == pytest.approx(plain.found(0.3))
    assert ranking.mirrored.areas().mean() == pytest.approx(ranking.areas().mean())


def test_what_is_found_lets_in_as_many_others_as_it_should() -> None:
    ranking = draw_ranking(members=40, others=99)
    found = ranking.found(0.25)  # the threshold of the 25th of 99, above which are 24
    assert found[:, ~ranking.members].sum(axis=1) == pytest.approx(24)
    assert found[:, ranking.members].mean() == pytest.approx(ranking.expected_rate(0.25))


def test_a_rate_on_few_images_is_what_others_would_have() -> None:
    """The ROC curve of few images is too good by half an image to an image, on average."""
    draw, own = np.random.default_rng(1), np.arange(60) < 30
    drawn = [Ranking(own + draw.normal(size=(1, 60)), own) for _ in range(400)]
    truth = 0.389  # that a normal of mean 1 exceeds what 10 % of standard normals exceed
    expected = np.mean([each.expected_rate(0.1) for each in drawn])
    plain = np.mean([each.true_rates(np.array([0.1])) for each in drawn])
    assert expected == pytest.approx(truth, abs=0.02)
    assert plain > truth + 0.03
