"""The answer of a search: what it found, whether that is better, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from convladder.core.formatting import plural
from convladder.results import next_steps, verdicts
from convladder.results.answer import Answer, Card, Explained, Sentence
from convladder.results.answer.certainty import missed

if TYPE_CHECKING:
    from convladder.results.group_summary import Claim
    from convladder.results.saved_climb import SavedClimb
    from convladder.tuning.results import SearchResults

NOT_TESTED = "Settings that are better on validation were found, but"


def of_search(results: SearchResults) -> Answer:
    """Return the answer of a search. Raises RunError where a file of it is damaged."""
    found, next_card = in_short(results), _next(results)
    return found.and_card(next_card) if next_card else found


def in_short(results: SearchResults) -> Answer:
    """Return the answer of a search but for what to do next."""
    return Answer(title_of(results), (_found(results), _better(results)))


def title_of(results: SearchResults) -> str:
    """Return what a search has found, in a sentence."""
    if results.winner is None:
        return "No candidate is fully trained yet, so the search has found nothing."
    if results.tuned is None:
        if len(results.candidates) == 1:
            return "Only the default was tried: there is nothing to compare it with."
        return "None of the settings tried is better than the default on validation."
    test = _finished_test(results)
    if test is None:
        why = "their test failed" if results.test_failure else "their test is not finished"
        return f"{NOT_TESTED} {why}."
    return f"The settings found {_verdict(test)}."


def _verdict(test: SavedClimb) -> str:
    claim, tested = test.against_parent[0], next(iter(test.standings.values())).tested
    found, metric = claim.difference, claim.metric
    if found.is_called:
        keep = ": keep the default" if found.verdict == "worse" else ""
        size = metric.write_size(found.difference)
        return f"are {found.verdict} than the default by {size} on {tested}{keep}"
    if found.verdict == "equal":
        return f"are {verdicts.in_words(found, metric, to='the default')} on {tested}"
    if found.verdict == "undecided":
        return f"are not shown to be better than the default on {tested}"
    return "cannot be judged yet: one seed is not enough"


def _finished_test(results: SearchResults) -> SavedClimb | None:
    """Return the test of the winner; None where it is not finished."""
    test = results.climb
    return None if test is None or test.failures or test.missing else test


def _found(results: SearchResults) -> Card:
    tried = plural(len(results.candidates), "candidate")
    if results.winner is None:
        return Card(
            "Found: nothing yet", ((f"{tried}, none of them fully trained.",), *_late(results))
        )
    best = _on_validation(results, results.winner)
    if results.tuned is None:
        if len(results.candidates) == 1:
            return Card("Found: nothing", (("The default gets ", best, " on validation."),))
        said: tuple[Sentence, ...] = (
            (f"Of {tried}, the default is best on validation: ", best, "."),
            ("So there is nothing to test, and the test images were not opened.",),
        )
        return Card("Found: nothing better", said)
    sentences: tuple[Sentence, ...] = (
        (
            f"Of {tried}, number {results.winner} is best on validation: ",
            best,
            *_beside_default(results),
            ".",
        ),
        ("That looks too good: the best of many is partly the luckiest.",),
        (f"It differs from the default in {plural(len(results.changes), 'setting')}.",),
    )
    return Card(f"Found: candidate {results.winner}", sentences)


def _late(results: SearchResults) -> Iterator[Sentence]:
    """Say what to do where the time was up before a candidate was fully trained."""
    seconds = results.about["budget"]["seconds"]
    if seconds and results.about["seconds"] >= seconds and results.count("unfinished"):
        yield ("The time was up before. Give a longer --time to resume.",)


def _beside_default(results: SearchResults) -> Sentence:
    if results.default_on_validation is None:
        return ()
    return (", and the default ", _on_validation(results, 0))


def _on_validation(results: SearchResults, candidate: int) -> Explained:
    metric = results.metric
    images = sum(results.about["data"]["counts"]["validation"].values())
    return Explained(
        metric.write(results.on_validation(candidate) or 0.0),
        f"The {metric.title} of candidate {candidate} on {images:,} validation images, which "
        "choose the winner.",
    )


def _better(results: SearchResults) -> Card:
    heading = "Is it better?"
    if results.tuned is None:
        return Card(heading, (("There is nothing to compare with the default.",),))
    test = _finished_test(results)
    if test is None:
        failed = results.test_failure
        why = f"Its test failed: {failed}" if failed else "Its test is not finished"
        return Card(heading, ((f"{why}. Run the same command to resume.",),))
    return Card(heading, (_difference(test.against_parent[0]), *_setup(test), *_others(results)))


def _difference(claim: Claim) -> Sentence:
    found, metric = claim.difference, claim.metric
    size = Explained(
        f"{metric.write_difference(found.difference)}{metric.unit}",
        f"The {metric.title} of the settings found less that of the default, on test.",
    )
    if found.family_low is None or found.family_high is None:
        return ("On test: ", size, ", but one seed is not enough to claim a difference.")
    bounds = Explained(
        metric.write_bounds(found.family_low, found.family_high, called=found.is_called),
        "The 95 % interval. It covers the choice of seeds and test images.",
    )
    return ("On test: ", size, " (", bounds, f"), {verdicts.in_words(found, metric)}.")


def _setup(test: SavedClimb) -> Iterator[Sentence]:
    (claim,) = test.against_parent
    default, tuned = (test.standings[name] for name in (claim.reference, claim.name))
    seeds = "1 seed" if test.seeds == "1" else f"{test.seeds} seeds"
    yield (f"Both were trained again with {seeds} that the search did not use.",)
    yield from missed([claim], f"{seeds} and {tuned.tested}")
    parameters = _times(tuned.price.parameters, default.price.parameters, "parameters")
    flops = _times(tuned.price.flops, default.price.flops, "operations per image")
    yield ("It has ", parameters, " parameters and ", flops, " FLOPs as the default.")


def _times(own: int, default: int, what: str) -> Explained:
    meaning = f"{own:,} {what}; the default has {default:,}."
    times = own / default
    told = f"{times:,.0f}" if times >= 100 else f"{times:.2g}"
    return Explained("as many" if own == default else f"{told} times the", meaning)


def _others(results: SearchResults) -> Iterator[Sentence]:
    others = results.about["tested_before"]
    if others:
        yield (
            f"{plural(others, 'other search')} already used these test images: the more often, "
            "the likelier a false finding.",
        )


def _next(results: SearchResults) -> Card | None:
    steps = next_steps.of_search(results)
    if not steps:
        return None
    why = f"{steps[0].why[0].upper()}{steps[0].why[1:]}."
    return Card("What next", ((why,),), steps[0].command)
