"""The answer first: which network to take, how sure that is, and what to watch out for."""

from convladder.results.answer.cards import Answer, Card
from convladder.results.answer.climbed import of_climb, of_run
from convladder.results.answer.compared import of_comparison
from convladder.results.answer.sentences import Explained, Sentence, plain

__all__ = [
    "Answer",
    "Card",
    "Explained",
    "Sentence",
    "of_climb",
    "of_comparison",
    "of_run",
    "plain",
]
