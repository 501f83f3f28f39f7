"""Names for the topics of a tree, as people would write them: class-TF-IDF over phrases (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from indexer.lexicon import fold, hollow, stem
from indexer.phrases import PhraseTable, read_phrases

ABSTRACTS_READ = 20_000  # over all topics; more changes no label that we looked at
CANDIDATES = 40
MOST_TERMS = 5

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_JOINED = (" and ", ", ")
_JOINTS = frozenset(["of", "to", "and", "in", "the"])


@dataclass(frozen=True, slots=True)
class Group:
    """The papers of a topic, as rows; `parent` is the position of the topic above, -1 at the top."""

    rows: Rows
    parent: int


@dataclass(frozen=True, slots=True)
class Name:
    """A label, and the terms that tell a topic from its siblings, best first."""

    label: str
    terms: tuple[str, ...]


def name_topics(groups: Sequence[Group], titles: Sequence[str], abstracts: Sequence[str]) -> list[Name]:
    """Name each topic; parents stand before their children. A topic without words gets an empty name."""
    table = read_phrases(titles, abstracts, _rows_to_read(groups, len(titles)))
    if not table.keys:
        return [Name("", ())] * len(groups)
    namer = _Namer(table, groups)
    names: dict[int, Name] = {}
    for parent in sorted({group.parent for group in groups}):
        siblings = [i for i, group in enumerate(groups) if group.parent == parent]
        names |= namer.name_siblings(siblings, names[parent].label if parent >= 0 else "")
    return [names[i] for i in range(len(groups))]


def _rows_to_read(groups: Sequence[Group], papers: int) -> Rows:
    """Rows whose abstracts are read: evenly spread over each topic at the bottom, equally many of each."""
    parents = {group.parent for group in groups}
    leaves = [group.rows for i, group in enumerate(groups) if i not in parents]
    if papers <= ABSTRACTS_READ or not leaves:
        return np.arange(papers)
    most = max(1, ABSTRACTS_READ // len(leaves))
    spread = [rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(np.int64)] for rows in leaves]
    return np.unique(np.concatenate(spread))


class _Namer:
    """Scores phrases by topic, chooses among them, and keeps labels apart."""

    def __init__(self, table: PhraseTable, groups: Sequence[Group]) -> None:
        self._table = table
        self._groups = groups
        self._readable = np.full(table.titles.shape[0], -1)
        self._readable[table.read] = np.arange(len(table.read))
        in_titles, self._in_texts = self._shares_of_papers()
        self._shares = (2 * in_titles + self._in_texts) / 3  # what stands in a title is what a paper is about
        self._usual = np.asarray(table.texts.mean(axis=0), np.float32).ravel()
        self._named = np.array([self._is_phrase(column) for column in range(len(table.keys))])
        self._used: set[int] = set()
        self._abouts: dict[int, _About] = {}
        rarity = np.log(1 / np.maximum(self._usual, 1e-9)) / np.log(50)
        self._weights = (np.where(self._named, 1.0, 0.6) * np.clip(rarity, 0.05, 1)).astype(np.float32)

    def _is_phrase(self, column: int) -> bool:
        if self._table.keys[column] in self._table.acronyms:
            return " " in self._table.written(column)
        return bool(self._table.lengths[column] > 1)

    def _read_rows(self, rows: Rows) -> Rows:
        read = self._readable[rows]
        return read[read >= 0]

    def _shares_of_papers(self) -> tuple[Floats, Floats]:
        """Topics x phrases: share of papers with the phrase in the title, and anywhere."""
        from scipy import sparse

        read = [self._read_rows(group.rows) for group in self._groups]
        shares = []
        for matrix, rows in ((self._table.titles, [g.rows for g in self._groups]), (self._table.texts, read)):
            ends = np.cumsum([0, *map(len, rows)])
            inside = np.concatenate([np.full(len(r), 1 / max(1, len(r)), np.float32) for r in rows])
            shape = (len(rows), matrix.shape[0])
            shares.append(
                (sparse.csr_matrix((inside, np.concatenate(rows), ends), shape=shape) @ matrix).toarray()
            )
        return shares[0], shares[1]

    def _elsewhere(self, topic: int, column: int) -> float:
        """Share of the papers outside a topic that speak of a phrase."""
        part = len(self._groups[topic].rows) / len(self._readable)
        outside = float(self._usual[column]) - part * float(self._in_texts[topic, column])
        return outside / (1 - part) if part < 1 else 0.0

    def _scores(self, siblings: Sequence[int]) -> Floats:
        """Class-TF-IDF: share in the topic times the logarithm of how many times more that is than usual.

        Usual is the mean over the siblings, and with half the weight over all topics of the level. A phrase
        that more than one paper in fifty uses weighs less.
        """
        shares = self._shares[siblings]
        scores: Floats = shares * self._weights
        if len(siblings) > 1:
            top = self._groups[siblings[0]].parent < 0
            level = [i for i, group in enumerate(self._groups) if (group.parent < 0) == top]
            near, far = shares.mean(axis=0) + 2e-3, self._shares[level].mean(axis=0) + 1e-3
            scores *= np.log(np.maximum(shares / near, 1)) + 0.5 * np.log(np.maximum(shares / far, 1))
        return scores

    def name_siblings(self, siblings: Sequence[int], above: str) -> dict[int, Name]:
        """Name the topics under one parent (labelled `above`), those with the clearest phrase first."""
        scores = self._scores(siblings)
        names: dict[int, Name] = {}
        parent = self._about(above) if above else None
        taken = [parent] if parent else []
        for i in sorted(range(len(siblings)), key=lambda i: -scores[i].max()):
            ranked = self._distinct_phrases(scores[i], parent)
            worth = self._worth(scores[i], ranked, siblings[i], taken)
            chosen = self._label(scores[i], worth, siblings[i])
            taken.extend(map(self._phrase, chosen))
            self._used.update(chosen)
            terms = tuple(sentence(self._table.written(column)) for column in ranked[:MOST_TERMS])
            names[siblings[i]] = Name(join([self._table.written(column) for column in chosen]), terms)
        return names

    def _distinct_phrases(self, scores: Floats, above: _About | None) -> list[int]:
        """The best phrases, without those that say what a better one or the parent's label says.

        A word gives way to a phrase that contains it and is at least half as good.
        """
        kept: list[int] = []
        for column in np.argsort(-scores, kind="stable")[:CANDIDATES].tolist():
            about = self._phrase(column)
            if scores[column] <= 0 or (above and about.core <= above.stems and not above.joined):
                continue
            near = [k for k in kept if about.resembles(self._phrase(k))]
            if not near:
                kept.append(column)
            elif (
                len(near) == 1 and self._contains(column, near[0]) and scores[column] >= 0.5 * scores[near[0]]
            ):
                kept[kept.index(near[0])] = column
        return kept

    def _contains(self, column: int, word: int) -> bool:
        return bool(self._table.lengths[word] == 1) and self._phrase(column).stems > self._phrase(word).stems

    def _worth(
        self, scores: Floats, ranked: Sequence[int], topic: int, taken: Sequence[_About]
    ) -> dict[int, float]:
        """How well each phrase that is not taken would do as a label, best first.

        Worth less are words that few papers of the topic use, phrases in the label of another topic, and,
        below the top, phrases in use all over the library (`large language models`).
        """
        worth: dict[int, float] = {}
        below = self._groups[topic].parent >= 0
        for column in ranked:
            if any(self._phrase(column).core == other.core for other in taken):
                continue
            share = float(self._shares[topic, column])
            worth[column] = float(scores[column]) * (
                1.0 if self._named[column] else min(0.8, 0.1 + 1.5 * share)
            )
            worth[column] *= 0.5 if column in self._used else 1.0
            worth[column] *= 0.25 if below and self._elsewhere(topic, column) > 0.05 else 1.0
        return dict(sorted(worth.items(), key=lambda item: (-item[1], item[0])))

    def _label(self, scores: Floats, worth: Mapping[int, float], topic: int) -> list[int]:
        """The phrase worth most; a second where that covers less than half of the papers, a third below a quarter.

        Further phrases must be new, share no word with the label, and cover papers that it does not.
        """
        spoken = self._table.texts[self._read_rows(self._groups[topic].rows)].tocsc()
        chosen: list[int] = []
        covered = np.zeros(spoken.shape[0], bool)
        for column in worth:
            speaking = spoken[:, [column]].toarray().ravel() > 0
            if chosen:
                least, enough = ((0.5, 0.5), (0.7, 0.25))[len(chosen) - 1]
                least = least if self._named[column] else 0.7
                if covered.mean() >= enough or scores[column] < least * scores[chosen[0]]:
                    break
                gain = int((speaking & ~covered).sum())
                if gain < max(2 if len(covered) < 20 else 3, 0.05 * len(covered)) or not self._adds(
                    column, chosen, topic
                ):
                    continue
            chosen.append(column)
            covered |= speaking
            if len(chosen) == 3:
                break
        return chosen

    def _adds(self, column: int, chosen: Sequence[int], topic: int) -> bool:
        if column in self._used or self._elsewhere(topic, column) > 0.06:
            return False
        return not any(self._phrase(column).stems & self._phrase(other).stems for other in chosen)

    def _phrase(self, column: int) -> _About:
        if column not in self._abouts:
            self._abouts[column] = self._about(self._table.written(column))
        return self._abouts[column]

    def _about(self, phrase: str) -> _About:
        """What a phrase speaks of, acronyms written out."""
        words: list[str] = []
        for word in _WORD.findall(phrase):
            parts = self._table.acronyms.get(fold(word), ())
            words.extend(fold(part).lower() for whole in parts or (word,) for part in whole.split("-"))
        joined = any(mark in phrase for mark in _JOINED)
        words = [word for word in words if word not in _JOINTS]
        return _About(
            joined,
            frozenset(map(stem, words)),
            frozenset(stem(word) for word in words if not hollow(word)) or frozenset(map(stem, words)),
        )


@dataclass(frozen=True, slots=True)
class _About:
    """Stems of the words of a phrase, for comparing; `core` without those that add nothing, if any are left."""

    joined: bool
    stems: frozenset[str]
    core: frozenset[str]

    def resembles(self, other: _About) -> bool:
        """Whether one says no more than the other."""
        return self.stems <= other.stems or self.stems >= other.stems or self.core == other.core


def sentence(phrase: str) -> str:
    """With a capital, but for `mRNA`."""
    return phrase if phrase[1:2].isupper() else phrase[:1].upper() + phrase[1:]


def join(phrases: Sequence[str]) -> str:
    """One label of up to three phrases."""
    if not phrases:
        return ""
    *first, last = phrases
    return sentence(f"{', '.join(first)} and {last}" if first else last)
