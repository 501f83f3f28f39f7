"""Phrases of titles and abstracts as a person would name a subject: counted, filtered, written as people do (pure).

A phrase is a run of one to three words between words of grammar and prose; no part-of-speech model is
needed, because a corpus itself tells heads from modifiers: `neural` hardly ever ends a run, `network` does.
Spellings, plurals, and an acronym with what it stands for are one phrase.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from indexer.lexicon import breaks, fold, hollow, participle, weak

if TYPE_CHECKING:
    from scipy import sparse

LONGEST = 3  # words of a phrase; what an acronym stands for may have one more
MOST_PHRASES = 60_000
WRITTEN_OUT = 0.15  # share of authors: `automated program repair`, but `GPU`
TITLES_ENOUGH = 5_000  # to know phrases by titles alone, which are nearly all noun phrases
USAGE_ABSTRACTS = 2_000  # read where titles are too few; more only costs memory

_MATHS = re.compile(r"\$+([^$]{0,200}?)\$+")
_PLAIN_MATHS = re.compile(r"\w{1,4}")
_ACCENT = re.compile(r"""\\['"`^~=.]\s*\{?\\?([A-Za-z])\}?""")
_COMMAND = re.compile(r"\\[A-Za-z]+\*?")
_ADDRESS = re.compile(r"https?://\S+|www\.\S+|\S+@\S+|\b\w+\.(?:com|org|io|net)\b\S*")
_TOKEN = re.compile(r"[^\W_]+(?:[-‐‑’'][^\W_]+)*|[^\w\s{}]")
_BRACKETED = re.compile(r"\(([A-Z][A-Za-z-]{1,7})\)")


def plain(text: str) -> str:
    """The text without TeX, web and mail addresses, good enough for counting words."""
    if "$" in text:
        text = _MATHS.sub(lambda found: found[1] if _PLAIN_MATHS.fullmatch(found[1]) else " ; ", text)
    if "\\" in text:
        text = _COMMAND.sub(" ", _ACCENT.sub(r"\1", text))
    return _ADDRESS.sub(" ; ", text) if "/" in text or "@" in text or "www." in text else text


def segments(text: str) -> Iterator[list[str]]:
    """Runs of content words as they stand in the text; an `of` between two of them is kept (`mixture of experts`)."""
    run: list[str] = []
    for word in _TOKEN.findall(plain(text)):
        if not breaks(word) or (word == "of" and run and run[-1] != "of"):
            run.append(word)
        elif run:
            yield run[:-1] if run[-1] == "of" else run
            run = []
    if run:
        yield run[:-1] if run[-1] == "of" else run


def find_acronyms(texts: Iterable[str], least: int = 3) -> dict[str, tuple[str, ...]]:
    """Acronyms (folded) and the words that they stand for, from `graph neural networks (GNNs)`.

    Kept where a text so explains the acronym at least `least` times, and otherwise in at most four of ten cases.
    """
    explained: defaultdict[str, Counter[str]] = defaultdict(Counter)
    words_of: dict[str, tuple[str, ...]] = {}
    for text in texts:
        for found in _BRACKETED.finditer(text):
            before = text[max(0, found.start() - 90) : found.start()].lower().split()[-LONGEST - 1 :]
            if words := _expansion(found[1], before):
                key = "".join(map(fold, words))
                explained[fold(found[1])][key] += 1
                words_of.setdefault(key, tuple(words))
    acronyms: dict[str, tuple[str, ...]] = {}
    for acronym, expansions in explained.items():
        key = _most_common(expansions)
        if expansions[key] >= max(least, 0.6 * expansions.total()):
            acronyms[acronym] = words_of[key]
    return acronyms


def _expansion(acronym: str, before: Sequence[str]) -> Sequence[str]:
    """The last of the words before a bracket whose initials are the letters of an acronym, or none."""
    letters = acronym.removesuffix("s")
    wanted = {letters.lower(), "".join(letter for letter in letters if letter.isupper()).lower()}
    for first in range(len(before) - 1, -1, -1):
        words = before[first:]
        parts = [part for word in words for part in word.split("-") if part]
        initials = {"".join(part[0] for part in parts), "".join(word[0] for word in words)}
        if len(parts) > 1 and initials & wanted and len(acronym) > 1:
            return words
    return ()


def _spans(folded: Sequence[str], acronyms: Mapping[str, str]) -> Iterator[tuple[str, int, int]]:
    """Key, begin and end of every phrase of a run of folded words, the nested ones too."""
    for begin, word in enumerate(folded):
        if word == "of":
            continue
        key = ""
        for end in range(begin + 1, min(len(folded), begin + LONGEST + 1) + 1):
            key += folded[end - 1]
            if key in acronyms:
                yield acronyms[key], begin, end
            elif end - begin <= LONGEST and folded[end - 1] != "of":
                yield key, begin, end


class Usage:
    """How a corpus uses its phrases: in how many texts, how often they begin and end a run, what they are part of."""

    def __init__(self, texts: Iterable[str], acronyms: Mapping[str, str]) -> None:
        self._acronyms = acronyms
        self._explained = frozenset(acronyms.values())
        self.words: dict[str, tuple[str, ...]] = {}
        self.texts: Counter[str] = Counter()
        self._all: Counter[str] = Counter()
        self._begins: Counter[str] = Counter()
        self._ends: Counter[str] = Counter()
        for text in texts:
            self._read(text)
        self._longer = self._longest_part_of()

    def _read(self, text: str) -> None:
        seen = set()
        for run in segments(text):
            folded = [fold(word) for word in run]
            for key, begin, end in _spans(folded, self._acronyms):
                self._all[key] += 1
                self.words.setdefault(key, tuple(folded[begin:end]))
                if begin == 0 or folded[begin - 1] == "of":
                    self._begins[key] += 1
                if end == len(folded) or folded[end] == "of":
                    self._ends[key] += 1
                seen.add(key)
        self.texts.update(seen)

    def _longest_part_of(self) -> dict[str, int]:
        """For each phrase how often its most frequent extension by a word occurs."""
        longer: dict[str, int] = {}
        for key, words in self.words.items():
            for part in () if "of" in words else (words[:-1], words[1:]):
                inner = "".join(part)
                longer[inner] = max(longer.get(inner, 0), self._all[key])
        return longer

    def _share(self, counts: Counter[str], key: str, word: str) -> float:
        """Share of a phrase's occurrences that begin or end a run, smoothed by that of its outer word."""
        expected = (counts[word] + 1) / (self._all[word] + 2)
        return (counts[key] + 2 * expected) / (self._all[key] + 2)

    def is_subject(self, key: str) -> bool:
        """Whether a phrase can name a subject: not empty, complete at both ends, headed by a noun."""
        words, explained = self.words[key], key in self._explained
        if participle(words[-1]) or len(words[-1]) < 2 or not (explained or self._says_something(words)):
            return False
        return self._is_complete(key) and not self._begins_with_a_verb(words)

    def _says_something(self, words: Sequence[str]) -> bool:
        if len(words) == 1:
            return len(words[0]) > 2 and not weak(words[0])
        return not (all(map(hollow, words)) or (hollow(words[0]) and all(map(weak, words))))

    def _is_complete(self, key: str) -> bool:
        words, explained = self.words[key], key in self._explained
        if self._longer.get(key, 0) > 0.6 * self._all[key]:
            return False
        if self._share(self._ends, key, words[-1]) < (0.1 if explained else 0.35):  # `graph neural`
            return False
        if (
            not explained and self._share(self._begins, key, words[0]) < 0.12
        ):  # `entity recognition`, `attacks`
            return False
        rarer = min(self._all[words[0]], self._all[words[-1]])
        return "of" not in words or self._all[key] >= 0.2 * rarer  # `mixture of experts`, not `era of GANs`

    def _begins_with_a_verb(self, words: Sequence[str]) -> bool:
        """Whether the first word looks like `aligning`: it begins runs and hardly ends one."""
        all_, begins, ends = (counts[words[0]] for counts in (self._all, self._begins, self._ends))
        return words[0].endswith("ing") and begins >= 0.85 * all_ and ends <= 0.35 * all_


@dataclass(frozen=True)
class PhraseTable:
    """Which papers speak of which subjects.

    `titles` is a binary matrix papers x phrases; `texts` one of the papers `read` (title and abstract) x phrases.
    """

    keys: tuple[str, ...]
    titles: sparse.csr_matrix
    texts: sparse.csr_matrix
    read: npt.NDArray[np.int64]
    acronyms: Mapping[str, tuple[str, ...]]
    lengths: npt.NDArray[np.int64]
    spellings: Mapping[str, Counter[str]] = field(repr=False)

    def written(self, column: int) -> str:
        """The phrase as most authors write it inside a sentence, rather in the plural, and rather in lower case.

        An acronym is written out where enough authors do so.
        """
        key = self.keys[column]
        spellings: Counter[str] = Counter()
        for spelling, count in self.spellings[key].items():
            spellings[spelling.lower()] += count
        if key in self.acronyms:
            full = Counter(
                {spelling: n for spelling, n in spellings.items() if " " in spelling or "-" in spelling}
            )
            spellings = full if full.total() >= WRITTEN_OUT * spellings.total() else spellings - full
        apart = Counter(
            {spelling: n for spelling, n in spellings.items() if " " in spelling and "-" not in spelling}
        )
        if apart.total() >= 0.3 * spellings.total():  # `gravitational-wave` is how it stands before a noun
            spellings = apart
        best = _most_common(spellings)
        uncounted = best.endswith(
            ("tion", "sion", "ment", "ness", "ity", "ing")
        )  # `computation` names the field
        if spellings[best + "s"] >= (1 if uncounted else 0.4 if " " in best else 0.25) * spellings[best]:
            best += "s"
        cases = Counter({s: n for s, n in self.spellings[key].items() if s.lower() == best})
        small = (
            0.1 if key in self.acronyms else 0.3
        )  # where an acronym is explained, capitals show its letters
        return best if cases[best] >= small * cases.total() else _most_common(cases)


def _most_common(counts: Counter[str]) -> str:
    return min(counts, key=lambda word: (-counts[word], word))


def read_phrases(titles: Sequence[str], abstracts: Sequence[str], read: npt.NDArray[np.int64]) -> PhraseTable:
    """Find the subjects that titles (all) and abstracts (those of the rows `read`) speak of."""
    acronyms = find_acronyms((abstracts[i] for i in read), least=3 if len(titles) > 1000 else 2)
    some = read[:: max(1, len(read) // USAGE_ABSTRACTS)] if len(titles) < TITLES_ENOUGH else ()
    short = {"".join(map(fold, words)): acronym for acronym, words in acronyms.items()}
    usage = Usage([*titles, *(abstracts[i] for i in some)], short)
    least = max(2, len(titles) // 20_000) if len(titles) >= 20 else 1
    common = [key for key, count in usage.texts.most_common() if count >= least and usage.is_subject(key)]
    keys = sorted(common[:MOST_PHRASES])
    in_titles, title_spellings = _find(keys, short, titles)
    in_abstracts, spellings = _find(keys, short, (abstracts[i] for i in read))
    for key, written in title_spellings.items():
        if key not in spellings:
            spellings[key] = Counter({_uncapitalised(spelling): count for spelling, count in written.items()})
    in_texts = in_abstracts + in_titles[read]
    in_texts.data[:] = 1
    return PhraseTable(
        keys=tuple(keys),
        titles=in_titles,
        texts=in_texts,
        read=read,
        acronyms=acronyms,
        lengths=np.array([len(usage.words[key]) for key in keys]),
        spellings=spellings,
    )


def _find(
    keys: Sequence[str], acronyms: Mapping[str, str], texts: Iterable[str]
) -> tuple[sparse.csr_matrix, dict[str, Counter[str]]]:
    """Binary matrix texts x phrases, and how each phrase is written."""
    from scipy import sparse

    column_of = {key: column for column, key in enumerate(keys)}
    spellings: defaultdict[str, Counter[str]] = defaultdict(Counter)
    columns: list[int] = []
    ends = [0]
    for text in texts:
        found = set()
        for run in segments(text):
            for key, begin, end in _spans([fold(word) for word in run], acronyms):
                if (column := column_of.get(key)) is not None:
                    found.add(column)
                    spellings[key][" ".join(run[begin:end])] += 1
        columns.extend(sorted(found))
        ends.append(len(columns))
    ones = np.ones(len(columns), np.float32)
    return sparse.csr_matrix((ones, columns, ends), shape=(len(ends) - 1, len(keys))), spellings


def _uncapitalised(phrase: str) -> str:
    """A phrase of a title as it would stand inside a sentence, as far as its words alone tell."""
    return " ".join(
        word.lower() if all(part[1:] == part[1:].lower() for part in word.split("-")) else word
        for word in phrase.split()
    )
