"""Seeds as people have them: a BibTeX file, a list of titles, ids; to papers that the library holds.

Nothing reads the whole library: each title is looked up by its rarest words in the index of words, or as a phrase
where many papers have them, and `matching` decides among the few papers found. How much a title tells, a sample of
the library's titles says, read once for a generation. A paper newer than the generation is found by its id alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from pathlib import Path

import numpy as np

from indexer.errors import InvalidPaperId, SettingsError, SourceError
from indexer.library import Derived, Library
from indexer.papers import Paper, PaperId
from indexer.plain_text import one_line
from indexer.sources.references import Titles, Work, bibtex, plain
from indexer.sources.references.identifiers import arxiv_ids, dois, today
from indexer.sources.references.matching import Reference, Resolved, resolve
from indexer.sources.references.normal import LONGEST, folded, normal_title, words_of
from indexer.sources.references.reading import NotText, decoded
from indexer.tables import Filters
from indexer.words import Rows, Telling, WordIndex
from service.answers import RelatedAnswer, RelatedRequest
from service.related import related

LARGEST_BIB = 2_000_000  # bytes
LONGEST_TITLE = 4_000  # characters, as much as is read of a reference
MOST_SEEDS = 2_000  # entries, titles and ids of one request, each kind
_SHOWN = 200  # characters of an entry in a message
_SAMPLE = 20_000  # titles; as many again changed the weight of no word that decides
# Of 1,498 titles that the whole list of a library of 21,646 papers finds, the papers with the five rarest words, or
# with the two rarest, and a search for the phrase where these are many, led to 1,494 in 2 ms each. Full text search
# for those words found 2 fewer and took 11 ms among 187,437 papers, growing with their number.
_WORDS = (5, 2)
_LOOKED_AT = 20  # papers for one choice of words
_TITLES = 3  # texts of one reference that may be its title


@dataclass(frozen=True, slots=True)
class SeedList:
    """Papers held, each once, in the order asked for, and what was not found.

    `unknown` has keys, titles and ids as they were written; `absent` are the ids among them that are well formed:
    works that exist, but not in this library.
    """

    found: tuple[PaperId, ...] = ()
    unknown: tuple[str, ...] = ()
    absent: tuple[PaperId, ...] = ()


@dataclass(frozen=True, slots=True)
class _Asked:
    """One seed: as it was written, and what it may mean; the readings are tried in order."""

    written: str
    readings: tuple[Reference, ...]


def resolve_seeds(
    library: Library,
    *,
    bib: str | None = None,
    titles: Sequence[str] = (),
    ids: Sequence[str] = (),
    now: date | None = None,
) -> SeedList:
    """Find the papers that ids, the entries of a BibTeX text and titles mean, in this order.

    Raises `SettingsError` for a text or a list that is too long, and for one without any entry.
    """
    day = now or today()
    asked = [*_of_ids(ids), *(_of_bib(bib, day) if bib is not None else ()), *_of_titles(titles, day)]
    named = dict.fromkeys(paper for one in asked for reading in one.readings for paper in reading.ids)
    held = library.store.keys(named)
    search = _Search(library)
    found: dict[PaperId, None] = {}
    unknown: dict[str, None] = {}
    absent: dict[PaperId, None] = {}
    for one in asked:
        mentioned = [paper for reading in one.readings for paper in reading.ids]
        known = [paper for paper in mentioned if paper in held] or search.papers(one.readings)
        found.update(dict.fromkeys(known))
        if not known:
            unknown.setdefault(one.written)
            absent.update(dict.fromkeys(mentioned))
    return SeedList(tuple(found), tuple(unknown), tuple(absent))


def related_to_seeds(
    library: Library, request: RelatedRequest, *, bib: str | None = None, titles: Sequence[str] = ()
) -> RelatedAnswer:
    """`related`, with the papers of a BibTeX text and of titles among those liked.

    Raises `SettingsError` where these are all the seeds and the library holds none of them.
    """
    if bib is None and not titles:
        return related(library, request)
    seeds = resolve_seeds(library, bib=bib, titles=titles)
    if not (seeds.found or request.liked or request.text.strip()):
        raise none_held(seeds)
    liked = dict.fromkeys((*request.liked, *(str(paper) for paper in seeds.found)))
    answer = related(library, replace(request, liked=tuple(liked)))
    return replace(answer, unknown=(*answer.unknown, *seeds.unknown))


def none_held(seeds: SeedList) -> SettingsError:
    """The error that says that no seed is left, and names the first of those asked for."""
    shown = "; ".join(seeds.unknown[:3])
    more = "" if len(seeds.unknown) <= 3 else f" and {len(seeds.unknown) - 3:,} more"
    return SettingsError(f"the library holds none of the works asked for: {shown}{more}; give others")


def read_bib(path: Path) -> str:
    """The text of a BibTeX file; `SourceError` where it cannot be read, `SettingsError` where it is too large."""
    return _text_of(path, "BibTeX file")


def read_titles(path: Path) -> tuple[str, ...]:
    """The titles, ids or references in a file, one a line; errors as `read_bib`, and where there is none."""
    lines = tuple(line.strip() for line in _text_of(path, "list of titles").splitlines() if line.strip())
    if not lines:
        raise SettingsError(f"there is no title in {path}; write one a line")
    return lines


def _text_of(path: Path, what: str) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_BIB + 1)
        text = decoded(data)
    except OSError as error:
        raise SourceError(f"the {what} {path} cannot be read ({error.strerror})") from error
    except NotText as error:
        raise SourceError(f"{path} is no {what}: it is not text") from error
    if len(data) > LARGEST_BIB:
        raise SettingsError(f"the {what} {path} has more than {LARGEST_BIB:,} bytes; split it")
    return text


def _of_ids(ids: Sequence[str]) -> Iterator[_Asked]:
    _refuse_many(len(ids), "ids")
    for text in ids:
        try:
            yield _Asked(text, (Reference(ids=(PaperId.parse(text),)),))
        except InvalidPaperId:
            yield _Asked(_cut(text), ())


def _of_bib(text: str, now: date) -> Iterator[_Asked]:
    size = len(text.encode("utf-8", "replace"))
    if size > LARGEST_BIB:
        raise SettingsError(f"the BibTeX has {size:,} bytes, more than {LARGEST_BIB:,}; send it in parts")
    entries = list(bibtex.entries(text))
    if not entries:
        raise SettingsError("there is no entry in the BibTeX; one begins with @article{key, or the like")
    _refuse_many(len(entries), "entries of BibTeX")
    for entry in entries:
        reference = bibtex.reference(entry, now)
        titled = one_line(next(iter(reference.titles), "")) or " ".join(map(str, reference.ids))
        parts = (part for part in (entry.key, titled) if part)
        yield _Asked(_cut(": ".join(parts) or f"an @{entry.kind} without key and title"), (reference,))


def _of_titles(titles: Sequence[str], now: date) -> Iterator[_Asked]:
    """A line is an id, a bare title or a reference as it is printed."""
    _refuse_many(len(titles), "titles")
    for written in titles:
        line = one_line(written)
        if not line:
            continue
        try:
            yield _Asked(_cut(line), (Reference(ids=(PaperId.parse(line),)),))
        except InvalidPaperId:
            bare = Reference(ids=arxiv_ids(line, now), dois=dois(line), titles=(line,))
            printed = replace(plain.reference(line, now), ids=())
            yield _Asked(_cut(line), (bare, printed))


def _refuse_many(count: int, what: str) -> None:
    if count > MOST_SEEDS:
        raise SettingsError(f"{count:,} {what} are more than {MOST_SEEDS:,}; ask for them in parts")


def _cut(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= _SHOWN else line[: _SHOWN - 3] + "..."


@dataclass(frozen=True, slots=True)
class _Few(Titles):
    """The titles of a few papers, with words as rare as `library` has them: among ten papers no word is rare."""

    library: Titles

    @classmethod
    def among(cls, papers: Iterable[Paper], library: Titles) -> _Few:
        """Take the titles of papers."""
        few = Titles.of(papers)
        return cls(**{field.name: getattr(few, field.name) for field in fields(Titles)}, library=library)

    def has(self, word: str) -> bool:
        """Whether a title of the library has this word."""
        return self.library.has(word) or Titles.has(self, word)

    def weights(self, words: Iterable[str]) -> dict[str, float]:
        """How telling each word is in the library."""
        return self.library.weights(words)


class _Search:
    """Looks references up by their titles."""

    def __init__(self, library: Library) -> None:
        self._store = library.store
        self._derived = library.derived()
        self._library = library

    def papers(self, readings: Iterable[Reference]) -> tuple[PaperId, ...]:
        """The papers that the first reading which can be told means, ids aside; none where that is not sure."""
        for reading in readings:
            reference = replace(reading, ids=())
            for title in (*reference.titles, *reference.guesses)[:_TITLES]:
                for keys in self._candidates(title):
                    if found := self._among(reference, keys):
                        return found.papers
        return ()

    def _among(self, reference: Reference, keys: list[int]) -> Resolved | None:
        if not keys:
            return None
        titles = self._derived.once("sample of titles", lambda: _sample(self._library, self._derived))
        return resolve(reference, _Few.among(self._store.papers(keys).values(), titles))

    def _candidates(self, title: str) -> Iterator[list[int]]:
        """Keys of a few papers at a time, the likeliest first."""
        words = self._derived.words
        terms = words.telling([folded(title[:LONGEST])], most=max(_WORDS)).terms
        crowded = not len(terms)
        for chosen in dict.fromkeys(tuple(terms[:most].tolist()) for most in _WORDS if len(terms)):
            rows = _having_all(words, chosen)
            if len(rows) > _LOOKED_AT:
                crowded = True
                scored, scores = words.search(Telling((), np.array(chosen)))
                rows = scored[np.argsort(-scores, kind="stable")[:_LOOKED_AT]]
            yield np.asarray(self._derived.catalogue.keys[rows]).tolist()
        if crowded:  # "Attention is all you need": only the order of its words tells
            phrase = " ".join(words_of(normal_title(title)))
            hits = self._store.search([phrase], Filters(withdrawn=True), limit=_LOOKED_AT, every_word=True)
            yield hits.keys.tolist()


def _having_all(words: WordIndex, terms: Sequence[int]) -> Rows:
    """The rows of the papers that have all of these terms, ascending."""
    spans = sorted((words.rows[words.ends[term] : words.ends[term + 1]] for term in terms), key=len)
    rows = np.asarray(spans[0])
    for span in spans[1:]:
        places = np.minimum(np.searchsorted(span, rows), len(span) - 1)
        rows = rows[span[places] == rows]
    return rows


def _sample(library: Library, derived: Derived) -> Titles:
    """Titles of papers all over the library: what tells how rare a word is."""
    keys = np.asarray(derived.catalogue.keys)
    places = np.unique(np.linspace(0, len(keys) - 1, min(_SAMPLE, len(keys))).astype(np.int64))
    held = library.store.titles(keys[places].tolist())
    return Titles.build(Work(paper_id, title) for paper_id, title in held.values())
