"""What a library gives to learn from: its citations cut by time, texts, neighbours, and a sample kept aside."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from indexer.errors import InvalidPaperId, SettingsError, SourceError
from indexer.library import Library
from indexer.papers import Paper, PaperId
from indexer.tables import Vectors
from service.evaluation.measures import ndcg
from service.training.pairs import (
    Flags,
    Links,
    Nodes,
    default_cut,
    links_of,
    seeds_of,
)

_NEAREST = 60  # texts among which the hard negatives by text are drawn
_LEAST_SEEDS = 20  # papers to begin with; fewer teach nothing
_QUERIES = 100
_POOL = 1_500


def read_excluded(paths: Sequence[Path]) -> frozenset[PaperId]:
    """The ids in the first column of each file (of judgements: the queries), a header allowed.

    Raises `SettingsError` naming the line that begins with no id.
    """
    found: set[PaperId] = set()
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"--exclude {path} cannot be read as text ({error})") from error
        for number, line in enumerate(lines, 1):
            first = line.split("\t")[0].strip()
            if not first or (number == 1 and not any(letter.isdigit() for letter in first)):
                continue
            try:
                found.add(PaperId.parse(first))
            except InvalidPaperId as error:
                raise SettingsError(f"line {number} of --exclude {path}: {error}") from error
    return frozenset(found)


class Corpus:
    """A library's papers as nodes of its citation graph, without those excluded and the withdrawn.

    `learned` are the citations by papers up to the month `cut`, `seeds` where their batches begin; `known` all
    citations, `newest` where batches of newer papers begin, which nothing is learned from. `until` None leaves the
    newest fifth of the papers with references aside. Raises `SourceError` for too few citations, `SettingsError` for
    a month that leaves none aside.
    """

    def __init__(self, library: Library, excluded: AbstractSet[PaperId], until: int | None = None) -> None:
        self._store = library.store
        self._derived = derived = library.derived()
        self._graph = derived.graph
        rows, catalogue = derived.node_rows, derived.catalogue
        held = rows >= 0
        keys = np.asarray(self._graph.keys)
        works = np.where(held, derived.same_work[rows] if len(catalogue) else 0, -keys)
        self.banned = _banned(works, keys, np.fromiter(library.store.keys(excluded).values(), np.int64))
        usable = held & ~self.banned
        usable[held] &= ~np.asarray(catalogue.withdrawn)[rows[held]]
        self.months = np.zeros(len(keys), np.int32)
        self.months[held] = np.asarray(catalogue.months)[rows[held]]
        self.known = self._links(usable, works)
        seeds = seeds_of(self.known)
        if len(seeds) < _LEAST_SEEDS:
            raise SourceError(
                f"this library has {len(seeds)} papers with three references held, at least {_LEAST_SEEDS} are"
                " needed to learn from; crawl more papers and `paperkin link` their citations"
            )
        self.cut = default_cut(self.months[seeds]) if until is None else until
        self.older: Flags = usable & (self.months <= self.cut)
        self.learned = self._links(self.older, works)
        self.seeds = seeds_of(self.learned)
        self.newest: Nodes = seeds[self.months[seeds] > self.cut]
        if not len(self.newest) or not len(self.seeds):
            side = "newer" if len(self.seeds) else "older"
            raise SettingsError(f"no paper {side} than {self.cut} has three references held; change --until")

    def _links(self, usable: Flags, works: Nodes) -> Links:
        return links_of(
            self._graph.reference_ends,
            self._graph.references,
            usable=usable,
            banned=self.banned,
            works=works,
        )

    def papers(self, nodes: Nodes) -> list[Paper]:
        """The papers of these nodes, in order."""
        keys = np.asarray(self._graph.keys)[nodes].tolist()
        found = self._store.papers(keys)
        return [found[key] for key in keys]

    def nearest(self, nodes: Nodes) -> Nodes:
        """Nodes of the nearest texts by the library's own vectors, int64 [m, 60], -1 for none."""
        keys = np.asarray(self._graph.keys)[nodes]
        found = [self._derived.vectors.vector(int(key)) for key in keys]
        near = np.full((len(nodes), _NEAREST), -1, np.int64)
        at = [place for place, vector in enumerate(found) if vector is not None]
        if at:
            queries: Vectors = np.stack([vector for vector in found if vector is not None])
            hits, _ = self._derived.index.search(queries, _NEAREST)
            near[at] = np.where(hits >= 0, self._graph.positions(hits.ravel()).reshape(hits.shape), -1)
        return near


def _banned(works: Nodes, keys: Nodes, excluded: Nodes) -> Flags:
    """The excluded papers, and other records of the same works."""
    named = np.isin(keys, excluded)
    banned: Flags = named | np.isin(works, works[named])
    return banned


@dataclass(frozen=True, slots=True)
class Foresight:
    """Newest papers and older ones that they might cite: how well texts alone foresee what they do cite.

    `relevant` bool [queries, pool].
    """

    queries: Nodes
    pool: Nodes
    relevant: Flags

    def gains(self, queries: Vectors, pool: Vectors) -> list[float]:
        """NDCG@20 of each query among the pool, by the inner product of vectors in their orders."""
        order = np.argsort(-(queries @ pool.T), axis=1, kind="stable")[:, :20]
        return [
            ndcg(row, set(np.flatnonzero(wanted).tolist()), 20)
            for row, wanted in zip(order.tolist(), self.relevant, strict=True)
        ]


def foresight(corpus: Corpus, *, seed: int, queries: int = _QUERIES, pool: int = _POOL) -> Foresight:
    """Draw newest papers, and with what they cite the references of that, then any older papers, up to `pool`.

    The distractors come from the graph and by chance, never by similarity: those nearest to the old vectors would
    flatter the new.
    """
    random = np.random.default_rng(seed)
    links, older = corpus.known, corpus.older
    wanted = {
        int(node): cited[older[cited]]
        for node in random.permutation(corpus.newest)
        if older[cited := links.references_of(int(node))].any()
    }
    chosen = np.array(list(wanted)[:queries], np.int64)
    if not len(chosen):
        raise SettingsError(f"no paper newer than {corpus.cut} cites one that is not; change --until")
    cited = np.unique(np.concatenate([wanted[int(node)] for node in chosen]))
    further = np.unique(np.concatenate([links.references_of(int(node)) for node in cited]))
    further = np.setdiff1d(further[older[further]], cited)
    rest = np.setdiff1d(np.flatnonzero(older), np.union1d(cited, further))
    drawn = np.concatenate([cited, random.permutation(further), random.permutation(rest)])
    drawn = np.sort(drawn[: max(pool, len(cited))])
    relevant = np.stack([np.isin(drawn, wanted[int(node)]) for node in chosen])
    return Foresight(chosen, drawn, relevant)
