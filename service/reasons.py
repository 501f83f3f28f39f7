"""Why a paper is related: the evidence behind each signal, named and said in words."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from indexer.library import Derived
from indexer.papers import Paper
from indexer.plain_text import readable
from indexer.ports import Keys, PaperReader
from service.answers import Named, Reason, Signal
from service.candidates import Candidates
from service.evidence import Evidence, find_evidence
from service.ranking import COLUMN, SIGNALS, Features

NAMED = 3  # papers and terms named for one reason
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
        evidence = find_evidence(self.derived.graph, found.nodes[chosen], found.neighbours, found.seeds)
        names = self._names(evidence)
        finder = _finder(found.words)
        explained = []
        for at in chosen.tolist():
            node, paper = int(found.nodes[at]), papers[int(found.keys[at])]
            works = {signal: by_node.get(node, []) for signal, by_node in evidence.items()}
            facts = _Facts(works, names, _shared_terms(found.words, finder, paper), self._topic(at))
            explained.append(self._of(at, facts))
        return explained

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
        values = self.candidates.features[at].tolist()
        reasons = []
        for signal, contribution, value in zip(SIGNALS, contributions, values, strict=True):
            if not contribution:
                continue
            works = facts.works.get(signal, [])
            told = float(len(works)) if works else value
            named = tuple(facts.names[node] for node in works[:NAMED] if node in facts.names)
            terms = facts.terms if signal is Signal.WORDS else ()
            text = _say(signal, told, terms, named, facts.topic)
            reasons.append(Reason(signal, contribution, told, text, terms, named))
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
    """What is known of one result: works by signal, their names by node, shared terms, its topic's label."""

    works: dict[Signal, list[int]]
    names: dict[int, Named]
    terms: tuple[str, ...]
    topic: str


def _finder(words: tuple[str, ...]) -> re.Pattern[str]:
    """Finds the words, in any ending that differs by a plural s, in a text of lower case."""
    stems = sorted({re.escape(word.rstrip("s")) for word in words}, key=len, reverse=True)
    return re.compile(rf"\b({'|'.join(stems)})s*\b")


def _shared_terms(words: tuple[str, ...], finder: re.Pattern[str], paper: Paper) -> tuple[str, ...]:
    """The telling words that are in the paper too, the most telling first."""
    there = set(finder.findall(paper.text.lower())) if words else set()
    return tuple(word for word in words if word.rstrip("s") in there)[: 2 * NAMED]


def because(reasons: tuple[Reason, ...]) -> str:
    """The strongest reasons in one sentence."""
    said = [
        reason.text
        for reason in reasons
        if reason.contribution >= _WORTH_SAYING and reason.signal not in (Signal.INFLUENCE, Signal.AGE)
    ][:_SAID]
    sentence = "; ".join(said) or "a distant match"
    return sentence[0].upper() + sentence[1:] + "."


def _say(signal: Signal, value: float, terms: tuple[str, ...], named: tuple[Named, ...], topic: str) -> str:
    """One reason in words."""
    count = round(value)
    names = _listed([work.title or f"arXiv:{work.id}" for work in named], count)
    papers = "paper" if count == 1 else "papers"
    references = "reference" if count == 1 else "references"
    return {
        Signal.TEXT: f"its text is {_closeness(value)} (cosine {value:.2f})",
        Signal.WORDS: f"shares the terms {', '.join(terms)}" if terms else "shares rare terms",
        Signal.CITES: "cites it" if count == 1 else f"cites {count} of the seeds",
        Signal.CITED_BY: "is cited by it" if count == 1 else f"is cited by {count} of the seeds",
        Signal.SHARED_REFERENCES: f"shares {count} {references}{names}",
        Signal.CITED_TOGETHER: f"is cited together with it by {count} {papers}{names}",
        Signal.CITED_BY_NEIGHBOURS: f"is cited by {count} of the nearest papers{names}",
        Signal.CITES_NEIGHBOURS: f"cites {count} of the nearest papers{names}",
        Signal.CITED_WITH_NEIGHBOURS: "is cited together with the nearest papers",
        Signal.SAME_TOPIC: f"same topic ({topic})",
        Signal.SAME_CATEGORY: "same category",
        Signal.INFLUENCE: f"cited {round(float(np.expm1(value)))} times in this library",
        Signal.AGE: f"{value:.1f} years apart",
        Signal.DISLIKED: "is near a paper that you dislike",
    }[signal]


def _closeness(cosine: float) -> str:
    return "very close" if cosine >= 0.7 else "close" if cosine >= 0.5 else "somewhat close"


def _listed(names: list[str], count: int) -> str:
    if not names:
        return ""
    more = f" and {count - len(names)} more" if count > len(names) else ""
    return f" ({'; '.join(names)}{more})"
