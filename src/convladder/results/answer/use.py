"""Which network to take, why this one, and the command that ships it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from convladder.core.metrics import ACCURACY, of_class
from convladder.results import next_steps
from convladder.results.answer.cards import Card
from convladder.results.answer.sentences import Explained, Sentence, interval, value
from convladder.results.seed_runs import estimate_of

if TYPE_CHECKING:
    from convladder.core.metrics import Metric
    from convladder.evaluation.statistics import Estimate
    from convladder.results.comparison import RunComparison
    from convladder.results.group_summary import GroupSummary
    from convladder.results.saved_climb import SavedClimb
    from convladder.results.saved_run import SavedRun

AS_FILE = "As one file that predicts anywhere:"
BEST_AS_FILE = "The best of its networks, as one file that predicts anywhere:"
LEAST_LUCK = 0.0005  # less would be written as no points
ALIKE = 1.25  # times as many parameters: less is not worth a word
ON_VALIDATION = "The mean over its networks, on images that are neither trained nor tested on."


def of_climb(climb: SavedClimb) -> Card:
    """Say which rung of a climb to take."""
    name = climb.best or (climb.ladder.rungs[0].name if len(climb.ladder.rungs) == 1 else None)
    if name is None:
        return Card(
            "Use no rung yet",
            (("With one training of each rung, no rung can be called the best.",),),
        )
    standing = climb.standings[name]
    sentences = (
        _how_good_group(standing),
        *_bought_with(climb, name),
        *(_why(climb, standing) if len(climb.standings) > 1 else ()),
    )
    return _card(f"Use {name}", sentences, climb.shown, of=standing)


def of_run(run: SavedRun) -> Card:
    """Say what a single network is good for."""
    found, metric = estimate_of(run), run.experiment.judged_by
    told = _value_and_interval(found, metric, f"{found.images:,} test images")
    return Card(f"Use {run.rung}", ((*told, "."),), next_steps.bundle(run).command, AS_FILE)


def of_comparison(compared: RunComparison) -> Card:
    """Say which group of a comparison to take."""
    best = compared.standings[compared.best]
    sentences = (
        _how_good_group(best),
        *_why_of_groups(compared, best),
        *_higher_on_test(compared.standings, best),
    )
    return _card(f"Use: {best.name}", sentences, compared.best_run, of=best)


def _card(heading: str, sentences: tuple[Sentence, ...], run: SavedRun, of: GroupSummary) -> Card:
    """Return a card whose command ships a network of a group."""
    brings = AS_FILE if len(of.runs) == 1 else BEST_AS_FILE
    return Card(heading, sentences, next_steps.bundle(run).command, brings)


def _why_of_groups(compared: RunComparison, best: GroupSummary) -> Iterator[Sentence]:
    """Say why it is this group: best on validation, of those that are not shown to be worse."""
    metric = best.metric
    top = max(compared.standings.values(), key=lambda each: metric.as_score(each.validation))
    figure = Explained(metric.write(top.validation), ON_VALIDATION)
    if top is best:
        yield ("Chosen because it is best on validation (", figure, ").")
    else:
        yield (f"{top.name} is best on validation (", figure, "), but shown to be worse on test.")


def _how_good_group(group: GroupSummary) -> Sentence:
    told = _value_and_interval(
        group.estimate, group.metric, group.tested, in_folds=bool(group.folds)
    )
    networks = len(group.runs)
    return (*told, f", the mean of {networks} networks." if networks > 1 else ".")


def _value_and_interval(
    found: Estimate, metric: Metric, tested: str, *, in_folds: bool = False
) -> Sentence:
    if metric == ACCURACY:
        told: Sentence = (value(found, metric, tested), f" of {tested} right")
    else:
        told = (f"{metric.title[0].upper()}{metric.title[1:]} ", value(found, metric, tested))
    return (*told, " (", interval(found, metric, in_folds=in_folds), ")")


def _why(climb: SavedClimb, best: GroupSummary) -> Iterator[Sentence]:
    """Say why it is this rung and no other."""
    metric = best.metric
    chosen = Explained(metric.write(best.validation), ON_VALIDATION)
    single = any(len(each.runs) == 1 for each in climb.standings.values())
    of_these = ", of the rungs with two networks or more" if single else ""
    yield ("Chosen because it is best on validation (", chosen, f"){of_these}.")
    yield from _luck(climb)
    yield from _higher_on_test(climb.standings, best)
    yield from _smaller(climb, best)


def _bought_with(climb: SavedClimb, name: str) -> Iterator[Sentence]:
    """Say what recall (or precision) was bought with: a network may call every image a class."""
    metric = climb.lineup.metric
    other = {"recall": "precision", "precision": "recall"}.get(metric.kind)
    if other is None or metric.of_class is None:
        return
    bought = of_class(other, metric.of_class)
    meaning = "On test, averaged over the networks that were trained."
    value_of_other = Explained(bought.write(climb.lineup.mean_of(name, bought)), meaning)
    accuracy = Explained(ACCURACY.write(climb.standings[name].accuracy), meaning)
    yield (f"Its {bought.title} is ", value_of_other, ", and its accuracy ", accuracy, ".")


def _luck(climb: SavedClimb) -> Iterator[Sentence]:
    """Say how much too good the best looks, since its own seeds have chosen it."""
    luck = None if climb.folds else climb.lineup.luck_of_choice()
    if luck is None or luck < LEAST_LUCK:
        return
    metric = climb.lineup.metric
    too = "low" if metric.lower_is_better else "high"
    told = Explained(
        f"too {too}",
        f"By about {metric.write_size(luck)}: estimated by choosing with all seeds but one, for "
        "each in turn.",
    )
    yield ("Its test figure may be ", told, ": the same seeds have chosen it.")


def _higher_on_test(
    standings: Mapping[str, GroupSummary], best: GroupSummary
) -> Iterator[Sentence]:
    """Name the rung or group that looks better on test, and why it is not taken."""
    metric = best.metric
    top = max(standings.values(), key=lambda each: metric.as_score(each.estimate.mean))
    if metric.write(top.estimate.mean) != metric.write(best.estimate.mean):
        figure = value(top.estimate, metric, top.tested)
        yield (
            f"{top.name} did better on test (",
            figure,
            "), but choosing by test images makes a figure look too good.",
        )


def _smaller(climb: SavedClimb, best: GroupSummary) -> Iterator[Sentence]:
    """Name the start, where the best is larger and not shown to be better."""
    start = climb.ladder.rungs[0].name
    verdicts = {claim.name: claim.difference.verdict for claim in climb.against_start}
    verdict = verdicts.get(best.name, "better")
    if verdict == "worse":
        yield (f"It is shown to be worse than {start} on test.",)
    if start not in climb.standings or verdict in ("better", "worse"):
        return
    times = best.price.parameters / climb.standings[start].price.parameters
    if times > ALIKE:
        figure = Explained(
            f"{times:.3g} times", "As many parameters as the start of the ladder has."
        )
        yield (f"It is not shown to be better than {start}, and has ", figure, " its parameters.")
