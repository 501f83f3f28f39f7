"""Why a paper is related: the evidence behind each signal, named and said in words."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from indexer.authors import common_names
from indexer.library import Derived
from indexer.papers import Paper
from indexer.plain_text import readable
from indexer.ports import PaperReader
from indexer.tables import Keys
from indexer.words import stem
from service.answers import Named, Reason, Signal
from service.candidates import Candidates
from service.named_evidence import Evidence, find_evidence
from service.ranking import AT, COLUMN, MEASURED, SIGNALS, Features

NAMED = 3  # papers and terms named for one reason
_LONGEST_TITLE = 70  # characters of a title in a sentence
_CLOSE = 0.3  # cosine under which texts are strangers
_SAID = 3  # reasons in the sentence
_WORTH_SAYING = 0.1  # log-odds under which a reason is data, but not part of the sentence


@dataclass(frozen=True, slots=True)
class Explainer:
    """Explains candidates of one query, told with their log-odds by signal."""

    store: PaperReader
    derived: Derived
    candidates: Candidates
    parts: Features

    def reasons(self, chosen: Keys, papers: dict[int, Paper]) -> list[tuple[Reason, ...]]:
        """The reasons of each chosen candidate (positions), strongest first: all that make up its relevance."""
        found = self.candidates
        evidence = find_evidence(
            self.derived.graph,
            found.nodes[chosen],
            neighbours=found.neighbours,
            seeds=found.seeds,
            seed_references=found.references,
            coupled=found.coupled,
        )
        names = self._names(evidence)
        stems = {word: stem(word) for word in found.words}
        seeds = self._seeds(chosen)
        explained = []
        for at in chosen.tolist():
            node, paper = int(found.nodes[at]), papers[int(found.keys[at])]
            works = {signal: by_node.get(node, []) for signal, by_node in evidence.items()}
            terms = _shared_terms(stems, paper)
            authors = tuple(dict.fromkeys(name for seed in seeds for name in common_names(paper, seed)))
            facts = _Facts(works, names, terms, authors[:NAMED], self._topic(at))
            explained.append(self._of(at, facts))
        return explained

    def _seeds(self, chosen: Keys) -> list[Paper]:
        """The seeds, where a result has an author of theirs."""
        if not self.parts[chosen, COLUMN[Signal.SAME_AUTHORS]].any():
            return []
        return list(self.store.papers(self.candidates.liked.tolist()).values())

    def _names(self, evidence: Evidence) -> dict[int, Named]:
        """Ids and titles of all works that will be named, by node, in two round trips."""
        nodes = {
            node for by_node in evidence.values() for works in by_node.values() for node in works[:NAMED]
        }
        keys = {int(self.derived.graph.keys[node]): node for node in nodes}
        titles = self.store.titles(keys)
        ids = self.store.ids([key for key in keys if key not in titles])
        named = {keys[key]: Named(paper_id, readable(title)) for key, (paper_id, title) in titles.items()}
        return named | {keys[key]: Named(paper_id, "") for key, paper_id in ids.items()}

    def _of(self, at: int, facts: _Facts) -> tuple[Reason, ...]:
        contributions = self.parts[at].tolist()
        reasons = []
        for signal, contribution in zip(SIGNALS, contributions, strict=True):
            if not contribution:
                continue
            value = float(self.candidates.features[at, AT[MEASURED[signal]]])
            works = facts.works.get(signal, [])
            strength = float(len(works)) if works else value
            named = tuple(facts.names[node] for node in works[:NAMED] if node in facts.names)
            terms = {Signal.WORDS: facts.terms, Signal.SAME_AUTHORS: facts.authors}.get(signal, ())
            told = _Told(strength, terms, named, facts.topic, len(self.candidates.seeds))
            reasons.append(Reason(signal, contribution, strength, _SENTENCES[signal](told), terms, named))
        reasons.sort(key=lambda reason: -reason.contribution)
        return tuple(reasons)

    def _topic(self, at: int) -> str:
        if not self.parts[at, COLUMN[Signal.SAME_TOPIC]]:
            return ""
        row = int(self.derived.catalogue.rows(self.candidates.keys[at : at + 1])[0])
        topic = self.derived.topic_at(row)
        return topic.label if topic else ""


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of one result: works by signal, their names by node, shared terms, authors, topic's label."""

    works: dict[Signal, list[int]]
    names: dict[int, Named]
    terms: tuple[str, ...]
    authors: tuple[str, ...]
    topic: str


def _shared_terms(stems: dict[str, str], paper: Paper) -> tuple[str, ...]:
    """The telling words that are in the paper too, singular or plural, the most telling first."""
    text = paper.text.lower()
    return tuple(word for word, root in stems.items() if _occurs(root, text))[: 2 * NAMED]


def _occurs(root: str, text: str) -> bool:
    """Whether the root, or it with an s, is a word of a text of lower case.

    By plain search: compiling an expression for each query took half a millisecond.
    """
    start = text.find(root)
    while start >= 0:
        end = start + len(root)
        end += text.startswith("s", end)
        if not (text[start - 1 : start].isalnum() or text[end : end + 1].isalnum()):
            return True
        start = text.find(root, start + 1)
    return False


def because(reasons: tuple[Reason, ...]) -> str:
    """The strongest reasons in one sentence."""
    said = [reason.text for reason in reasons if reason.contribution >= _WORTH_SAYING and _speaks(reason)][
        :_SAID
    ]
    sentence = "; ".join(said) or "a distant match"
    return sentence[0].upper() + sentence[1:] + "."


def _speaks(reason: Reason) -> bool:
    """Whether the reason tells a reader why: not how well known or old the paper is, nor that its text is far."""
    if reason.signal is Signal.TEXT:
        return reason.value >= _CLOSE
    return reason.signal not in _SILENT


@dataclass(frozen=True, slots=True)
class _Told:
    """What the words of one reason are made of: `value` in the signal's unit, works, terms, topic's label."""

    value: float
    terms: tuple[str, ...]
    named: tuple[Named, ...]
    topic: str
    seeds: int

    @property
    def count(self) -> int:
        return round(self.value)

    def of_seeds(self) -> str:
        return "it" if self.seeds <= 1 else f"{self.count} of the {self.seeds} seeds"

    def listed(self) -> str:
        """The strongest of the works by title, in brackets; `Reason.papers` has the others."""
        if not self.named:
            return ""
        first = self.named[0]
        title = _shortened(first.title) or f"arXiv:{first.id}"
        return f" ({title})" if self.count == 1 else f" (such as {title})"

    def some(self) -> str:
        """How many, in words that read well before "of the nearest papers"; they may be near in one way only."""
        return {0: "some", 1: "one"}.get(self.count, str(self.count))

    def counted(self, noun: str) -> str:
        return f"{self.count} {noun}{'' if self.count == 1 else 's'}"


# What tells a reader nothing of why: how well known or old the paper is, how far its place in the graph.
_SILENT = frozenset({Signal.INFLUENCE, Signal.AGE, Signal.NEAR_BEST, Signal.WALK, Signal.NEAR_REFERENCES})

_SENTENCES: dict[Signal, Callable[[_Told], str]] = {
    Signal.TEXT: lambda told: f"its text is {_closeness(told.value)} (cosine {told.value:.2f})",
    Signal.WORDS: lambda told: (
        f"shares the terms {', '.join(told.terms)}" if told.terms else "shares rare terms"
    ),
    Signal.CITES: lambda told: f"cites {told.of_seeds()}",
    Signal.CITED_BY: lambda told: f"is cited by {told.of_seeds()}",
    Signal.SHARED_REFERENCES: lambda told: f"shares {told.counted('reference')}{told.listed()}",
    Signal.CITED_TOGETHER: lambda told: (
        f"is cited together with it by {told.counted('paper')}{told.listed()}"
    ),
    Signal.CITED_BY_NEIGHBOURS: lambda told: (
        f"is cited by {told.some()} of the nearest papers{told.listed()}"
    ),
    Signal.CITES_NEIGHBOURS: lambda told: f"cites {told.some()} of the nearest papers{told.listed()}",
    Signal.CITED_WITH_NEIGHBOURS: lambda _: "is cited together with the nearest papers",
    Signal.CITING_TEXTS: lambda _: "papers that read like it cite this",
    Signal.CITED_BY_COUPLED: lambda told: (
        f"is cited by {told.counted('paper')} with references in common{told.listed()}"
    ),
    Signal.NEAR_REFERENCES: lambda _: "its text is close to what it cites",
    Signal.NEAR_BEST: lambda _: "is close to the other results",
    Signal.FACET: lambda told: f"what was asked for is {_closeness(told.value)} (cosine {told.value:.2f})",
    Signal.WALK: lambda _: "few steps away in the graph of citations",
    Signal.SAME_AUTHORS: lambda told: (
        f"shares the author{'' if len(told.terms) == 1 else 's'} {', '.join(told.terms)}"
        if told.terms
        else "shares authors"
    ),
    Signal.SAME_TOPIC: lambda told: f"same topic ({told.topic})",
    Signal.SAME_CATEGORY: lambda _: "same category",
    Signal.INFLUENCE: lambda told: f"cited {_times(round(math.expm1(told.value)))} in this library",
    Signal.AGE: lambda told: f"{abs(told.value):.1f} years {'older' if told.value >= 0 else 'newer'}",
    Signal.DISLIKED: lambda _: "is near a paper that you dislike",
}


def _shortened(title: str) -> str:
    """A title cut between words where it is too long for a sentence."""
    if len(title) <= _LONGEST_TITLE:
        return title
    return title[: _LONGEST_TITLE - 1].rpartition(" ")[0] + " …"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _closeness(cosine: float) -> str:
    for least, words in ((0.7, "very close"), (0.5, "close"), (_CLOSE, "somewhat close")):
        if cosine >= least:
            return words
    return "far"
