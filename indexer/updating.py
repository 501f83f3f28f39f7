"""Updating: everything derived brought up to what the store holds. It may be repeated and resumed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from indexer import duplicates
from indexer.authors import AuthorIndex, Bylines
from indexer.catalogue import Catalogue
from indexer.citations import build_graph
from indexer.citer_profiles import CiterProfiles
from indexer.duplicates import Marks
from indexer.errors import GenerationError, ModelError
from indexer.generations import JSON, Draft, Generation, Generations
from indexer.papers import Paper
from indexer.ports import Embedder, PaperStore, VectorIndex
from indexer.progress import Clock, Progress, silent
from indexer.tables import Keys, StoreStatus, Vectors
from indexer.vectors import load_index, new_index
from indexer.vectors.table import VectorTable
from indexer.word_vectors import WordSpace
from indexer.words import index_words

# Raised when the form of the derived files changes: older generations are then rebuilt, not misread.
DERIVED_FORMAT = 4
INDEX_FILE = "index.bin"
EMBEDDED_TOGETHER = (
    256  # texts in one transaction: what an interruption costs, about six seconds on two cores
)


@dataclass(frozen=True, slots=True)
class UpdateSummary:
    """What an update did; `generation` is the one that answers now, `published` whether it is new."""

    embedded: int
    papers: int
    topics: int
    citations: int
    generation: int
    published: bool


def source_facts(status: StoreStatus, catalogue: Catalogue) -> dict[str, JSON]:
    """What of the store a generation is made from: one with other facts is out of date.

    The catalogue has its digest here because a withdrawal or a new category changes no revision.
    """
    return {
        "revision": status.revision,
        "citation_revision": status.citation_revision,
        "catalogue": catalogue.digest(),
    }


@dataclass(frozen=True, slots=True)
class Builder:
    """Brings everything derived up to the store: missing vectors, then one new generation.

    `rebuild` makes a generation even if none is due; `new_model` agrees to embed all papers anew when the
    library was made by another model.
    """

    store: PaperStore
    generations: Generations
    embedder: Embedder
    index_url: str
    clock: Clock
    progress: Progress = silent
    rebuild: bool = False
    new_model: bool = False

    def update(self) -> UpdateSummary:
        """Embed what is missing, then publish a generation if anything changed since the last."""
        status, current = self.store.status(), self._current()
        self._check_model(status, current)
        embedded = self._embed()
        catalogue = Catalogue.of(self.store.table())
        facts = self._facts(status, catalogue)
        if current is not None and self._answers(current, facts):
            return self._summary(embedded, current, published=False)
        return self._summary(embedded, self._publish(facts, catalogue, current), published=True)

    def _current(self) -> Generation | None:
        try:
            return self.generations.current()
        except GenerationError:
            return None  # none yet, or none that is whole: a new one is due

    def _check_model(self, status: StoreStatus, current: Generation | None) -> None:
        """Refuse to mix models unless told to change."""
        mine = self.embedder.fingerprint
        if current is not None and not current.damage:
            made_with = str(current.facts.get("fingerprint"))
        else:  # the vectors tell; those of this model suffice, others may be of models gone by
            known = [name for name, count in status.vectors.items() if count]
            made_with = mine if mine in known or not known else known[-1]
        if made_with != mine and status.vectors.get(made_with) and not self.new_model:
            raise ModelError(
                f"this library was made with {made_with}, not with {mine}; set PAPERKIN_MODEL (and "
                "PAPERKIN_PRECISION) back, or run `paperkin update --new-model` to embed all "
                f"{status.papers:,} papers anew"
            )

    def _embed(self) -> int:
        """Embed papers without a current vector; what is done stays done when interrupted."""
        pending = self.store.pending(self.embedder.fingerprint)
        # Texts differ tenfold in length, and time goes with it; the 1 lets an empty text count.
        sizes = [len(text.text) + 1 for text in pending]
        whole, done = sum(sizes), 0
        if pending:
            self.progress("embed", 0, len(pending), "papers")
        for start in range(0, len(pending), EMBEDDED_TOGETHER):
            chunk = pending[start : start + EMBEDDED_TOGETHER]
            vectors = self.embedder.embed([text.text for text in chunk])
            with self.store.transaction():
                self.store.put_vectors(self.embedder.fingerprint, chunk, vectors)
            finished = start + len(chunk)
            done += sum(sizes[start:finished])
            self.progress("embed", finished, finished * whole / done, "papers")
        return len(pending)

    def _facts(self, status: StoreStatus, catalogue: Catalogue) -> dict[str, JSON]:
        """What a generation was made from; equal facts, equal generation."""
        return self._form | source_facts(status, catalogue)

    @property
    def _form(self) -> dict[str, JSON]:
        """What two generations must share for the index of one to be brought up to date for the other."""
        return {"format": DERIVED_FORMAT, "fingerprint": self.embedder.fingerprint, "index": self.index_url}

    def _answers(self, generation: Generation, facts: dict[str, JSON]) -> bool:
        """Whether a generation is whole and was made from just this."""
        return not self.rebuild and not generation.damage and facts.items() <= generation.facts.items()

    def _publish(
        self, facts: dict[str, JSON], catalogue: Catalogue, current: Generation | None
    ) -> Generation:
        from indexer import topics  # scikit-learn takes a second to import

        self._step(0)
        keys, vectors = self.store.vectors(self.embedder.fingerprint)
        if not len(keys):  # a model that made nothing yet is unknown to the store, and so is its width
            vectors = np.empty((0, self.embedder.width), np.float32)
        index = self._index(keys, vectors, current)
        self._step(1)
        edges = self.store.edges()
        graph = build_graph(edges, catalogue.keys)
        self._step(2)
        titles, abstracts, marks, authors = self._texts(catalogue.keys)
        words = index_words(titles, abstracts)
        self._step(3)
        word_space = WordSpace.of(titles, abstracts)
        self._step(4)
        table = VectorTable.of(keys, vectors)
        profiles = CiterProfiles.of(graph, catalogue.rows(graph.keys), table, word_space)
        self._step(5)
        placed = catalogue.rows(keys).tolist()
        tree = topics.find_topics(
            keys,
            vectors,
            titles=[titles[row] for row in placed],
            abstracts=[abstracts[row] for row in placed],
        )
        self._step(6)

        def write(draft: Draft) -> dict[str, JSON]:
            for part in (catalogue, table, graph, words, word_space, profiles, authors):
                part.save(draft.path)
            duplicates.save(self._same_work(catalogue.keys, marks), draft.path)
            topics.save(tree, draft.path)
            index.save(draft.path / INDEX_FILE)
            return facts | {
                "papers": len(catalogue),
                "vectors": len(keys),
                "citations": len(edges.citing),
                "topics": len(tree.topics),
            }

        generation = self.generations.publish(write, now=self.clock(), check=self._check)
        self._step(7)
        return generation

    def _step(self, done: int) -> None:
        self.progress("index", done, 7, "steps")

    def _index(self, keys: Keys, vectors: Vectors, current: Generation | None) -> VectorIndex:
        """The index of these vectors: the one before brought up to date, or a new one."""
        before = self._reusable(current)
        if before is None:
            index = new_index(self.index_url, vectors.shape[1])
            index.upsert(keys, vectors)
            return index
        table, index = before
        index.remove(np.setdiff1d(np.asarray(table.keys), keys))
        changed = ~table.holds(keys, vectors)
        index.upsert(keys[changed], vectors[changed])
        return index

    def _reusable(self, current: Generation | None) -> tuple[VectorTable, VectorIndex] | None:
        """Table and index of the generation before, if made by the same model in the same form."""
        if current is None or not self._answers(current, self._form):
            return None
        return VectorTable.load(current.path), load_index(self.index_url, current.path / INDEX_FILE)

    def _texts(self, keys: Keys) -> tuple[list[str], list[str], Marks, AuthorIndex]:
        """Titles, abstracts, marks and authors of the keys, in their (ascending) order."""
        wanted = set(keys.tolist())
        titles: list[str] = []
        abstracts: list[str] = []
        bylines = Bylines()

        def read() -> Iterator[Paper]:
            for key, paper in self.store.all_papers():
                if key in wanted:
                    titles.append(paper.title)
                    abstracts.append(paper.abstract)
                    bylines.append(paper.authors)
                    yield paper

        marks = duplicates.marks_of(read())
        return titles, abstracts, marks, bylines.index()

    def _same_work(self, keys: Keys, marks: Marks) -> Keys:
        """The record that stands for the work of each: found anew each time, for a title or a DOI may change."""
        alike = keys[duplicates.suspects(marks)].tolist()
        return duplicates.same_work(keys, marks, self.store.papers(alike))

    def _check(self, generation: Generation) -> None:
        """Search the written index for some of its own vectors: each must find itself, or an equal."""
        table = VectorTable.load(generation.path)
        index = load_index(self.index_url, generation.path / INDEX_FILE)
        if len(index) != len(table):
            raise GenerationError(
                f"the index just written holds {len(index)} vectors instead of {len(table)}"
            )
        sample = np.linspace(0, len(table) - 1, min(len(table), 20)).astype(int)
        if not len(sample):
            return
        rows = np.asarray(table.rows[sample], dtype=np.float32)
        found, similarities = index.search(rows, 1)
        lost = (found[:, 0] != table.keys[sample]) & (similarities[:, 0] < 0.99)
        if lost.any():
            raise GenerationError(
                f"the index just written does not find {int(lost.sum())} of its own vectors"
            )

    def _summary(self, embedded: int, generation: Generation, *, published: bool) -> UpdateSummary:
        def count(name: str) -> int:
            value = generation.facts.get(name)
            return value if isinstance(value, int) else 0

        return UpdateSummary(
            embedded=embedded,
            papers=count("papers"),
            topics=count("topics"),
            citations=count("citations"),
            generation=generation.number,
            published=published,
        )
