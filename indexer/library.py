"""The composition root: settings to a library that answers, and to a store that can be written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np
import numpy.typing as npt

from indexer import duplicates
from indexer import topics as topic_files
from indexer.authors import AuthorIndex
from indexer.catalogue import Catalogue
from indexer.citations import CitationGraph
from indexer.citer_profiles import CiterProfiles
from indexer.errors import GenerationError, ModelError
from indexer.generations import Generation, Generations
from indexer.papers import Paper, Topic
from indexer.ports import Embedder, PaperReader, PaperStore, VectorIndex
from indexer.progress import Progress, silent
from indexer.settings import Settings
from indexer.store import sqlite
from indexer.tables import Keys
from indexer.topics import TopicTree
from indexer.updating import INDEX_FILE, Builder
from indexer.vectors import load_index, scheme_of
from indexer.vectors.table import VectorTable
from indexer.word_vectors import WordSpace
from indexer.words import WordIndex

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Derived:
    """Everything derived, of one generation, loaded; never changes.

    `node_rows` int64 [nodes of the graph] gives the catalogue row of each node (-1 for works not held);
    `row_nodes` int32 [rows of the catalogue] the other way; `row_topics` int32 [rows] the deepest topic of each
    paper, as its place in `topics.topics` (-1 for none); `same_work` int64 [rows] the key of the record that stands
    for the paper's work, its own but for duplicates. `memo` keeps what a reader computed from this generation, by
    name.
    """

    generation: Generation
    catalogue: Catalogue
    vectors: VectorTable
    index: VectorIndex
    graph: CitationGraph
    words: WordIndex
    word_space: WordSpace
    profiles: CiterProfiles
    authors: AuthorIndex
    topics: TopicTree
    node_rows: npt.NDArray[np.int64]
    row_nodes: npt.NDArray[np.int32]
    row_topics: npt.NDArray[np.int32]
    same_work: Keys
    memo: dict[str, Any] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """The embedder that made the vectors."""
        return str(self.generation.facts["fingerprint"])

    def topic_at(self, row: int) -> Topic | None:
        """The deepest topic of the paper in a row of the catalogue, or None."""
        at = int(self.row_topics[row]) if row >= 0 else -1
        return self.topics.topics[at] if at >= 0 else None

    def once(self, name: str, make: Callable[[], T]) -> T:
        """The value of `make()`, made once for this generation."""
        if name not in self.memo:
            self.memo[name] = make()
        value: T = self.memo[name]
        return value


class Library:
    """The read side: a store, and the newest complete generation of what is derived from it.

    May be used from several threads. Use as a context manager, or `close` it.
    """

    def __init__(self, settings: Settings, store: PaperReader, embedder: Embedder | None = None) -> None:
        self.settings = settings
        self.store = store
        self._generations = Generations(settings.derived_path)
        self._derived: Derived | None = None
        self._embedder = embedder
        self._lock = threading.Lock()

    def derived(self) -> Derived:
        """The newest complete generation; swapped when a new one is published. Raises `GenerationError`."""
        known = self._derived
        if known is not None and not self._generations.changed_since(known.generation):
            return known
        with self._lock:
            known = self._derived
            if known is None or self._generations.changed_since(known.generation):
                self._derived = known = load_derived(self._generations.current(), self.settings.index)
            return known

    def embedder(self) -> Embedder:
        """The model that made this library, loaded at first use. Raises `ModelError` if it is another."""
        from indexer.embedding import load_embedder  # only texts need it

        made_with = self.derived().fingerprint
        with self._lock:
            embedder = self._embedder
            if embedder is None or embedder.fingerprint != made_with:  # a new generation may be of another
                embedder = load_embedder(self.settings.model, self.settings.precision, [made_with])
            if embedder.fingerprint != made_with:
                raise ModelError(
                    f"this library was made with {made_with}, not with {embedder.fingerprint}; set "
                    "PAPERKIN_MODEL (and PAPERKIN_PRECISION) back, or run `paperkin update --new-model`"
                )
            self._embedder = embedder
            return embedder

    def close(self) -> None:
        """Give back files and connections."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_library(settings: Settings, *, embedder: Embedder | None = None) -> Library:
    """Open a library for reading; raise `StoreError` where there is none, `SettingsError` for an unknown index.

    `embedder` stands in for the model that `settings` name, as long as it made this library.
    """
    scheme_of(settings.index)
    return Library(settings, sqlite.open_reader(settings.store_path), embedder)


def open_store(settings: Settings) -> PaperStore:
    """Open a library for writing, making it where there is none; raise `StoreError` if another process writes."""
    return sqlite.open_store(settings.store_path)


def held_papers(settings: Settings) -> Iterator[Paper]:
    """Every paper that the library holds, memory flat; `StoreError` where there is none."""
    reader = sqlite.open_reader(settings.store_path)
    try:
        for _, paper in reader.all_papers():
            yield paper
    finally:
        reader.close()


@contextmanager
def open_builder(
    settings: Settings,
    *,
    store: PaperStore | None = None,
    progress: Progress = silent,
    rebuild: bool = False,
    new_model: bool = False,
    embedder: Embedder | None = None,
) -> Iterator[Builder]:
    """The one writer of derived files, with everything it needs.

    `store` is one that the caller has open (and closes); `embedder` stands in for the model in tests.
    """
    from indexer.embedding import load_embedder  # hashes the weights

    scheme_of(settings.index)  # said now, not after hours of embedding
    opened = store or open_store(settings)
    try:
        known = [] if new_model else opened.status().vectors
        yield Builder(
            store=opened,
            generations=Generations(settings.derived_path),
            embedder=embedder or load_embedder(settings.model, settings.precision, known),
            index_url=settings.index,
            clock=lambda: datetime.now(UTC),
            progress=progress,
            rebuild=rebuild,
            new_model=new_model,
        )
    finally:
        if store is None:
            opened.close()


def load_derived(generation: Generation, index_url: str) -> Derived:
    """Load the parts of a generation; raise `GenerationError` where one does not fit the others."""
    folder: Path = generation.path
    try:
        catalogue = Catalogue.load(folder)
        vectors = VectorTable.load(folder)
        graph = CitationGraph.load(folder)
        words = WordIndex.load(folder)
        word_space = WordSpace.load(folder)
        profiles = CiterProfiles.load(folder)
        authors = AuthorIndex.load(folder)
        same_work = duplicates.load(folder)
        topics = topic_files.load(folder)
        index = load_index(index_url, folder / INDEX_FILE)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GenerationError(
            f"the derived files in {folder} cannot be read ({error}); run `paperkin update --rebuild`"
        ) from error
    if len(index) != len(vectors):
        raise GenerationError(
            f"the index in {folder} holds {len(index)} vectors instead of {len(vectors)}; "
            "run `paperkin update --rebuild`"
        )
    text = vectors.rows.shape[1] + word_space.width + 1
    if len(word_space.rows) != len(catalogue) or profiles.weights.shape != (len(catalogue), text):
        raise GenerationError(
            f"the space of words and the profiles of citers in {folder} do not fit its papers; "
            "run `paperkin update --rebuild`"
        )
    if len(authors) != len(catalogue):
        raise GenerationError(
            f"the authors in {folder} are those of {len(authors)} papers instead of {len(catalogue)}; "
            "run `paperkin update --rebuild`"
        )
    return Derived(
        generation=generation,
        catalogue=catalogue,
        vectors=vectors,
        index=index,
        graph=graph,
        words=words,
        word_space=word_space,
        profiles=profiles,
        authors=authors,
        topics=topics,
        node_rows=catalogue.rows(graph.keys),
        row_nodes=graph.positions(np.asarray(catalogue.keys)),
        row_topics=_row_topics(topics, np.asarray(catalogue.keys)),
        same_work=same_work,
    )


def _row_topics(topics: TopicTree, keys: Keys) -> npt.NDArray[np.int32]:
    """The deepest topic of each key, -1 for papers that have none."""
    if not len(topics.keys):
        return np.full(len(keys), -1, dtype=np.int32)
    at = np.minimum(np.searchsorted(topics.keys, keys), len(topics.keys) - 1)
    return np.where(topics.keys[at] == keys, topics.places.topics[at], -1).astype(np.int32)
