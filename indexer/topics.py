"""A tree of topics from the vectors of papers: spherical k-means on two levels, new papers placed without a refit.

Pure but for `save` and `load`. Importing this module loads numpy alone, so that a server that only reads trees
starts fast; scikit-learn and scipy are loaded by `find_topics`.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from indexer.errors import GenerationError, UnknownTopic
from indexer.papers import Placement, Topic
from indexer.tables import Keys, Similarities, Vectors
from indexer.topic_labels import Group, Name, name_topics

Positions = npt.NDArray[np.int32]
_Points = npt.NDArray[np.float64]

COMPONENTS = 100  # of 384: clusters agree best with human taxonomies there, and fit in a quarter of the time
WHITENING = (
    0.25  # exponent of the eigenvalues: 0 keeps the few widest directions dominant, .5 whitens them away
)
TEMPERATURE = (
    0.07  # of cosines; confidence is then how often trees of two halves of a library agree on a paper
)
FITTED = 50_000  # papers that centroids are fitted on; all are placed
SPLIT_FROM = 120  # papers; a smaller topic gets no subtopics
LEVELS = 2
FORMAT = 1


class Places(NamedTuple):
    """Where papers stand: deepest topic (position in `topics`, -1 for none), confidence, cosine at each level."""

    topics: Positions
    confidence: Similarities
    similarity: Similarities


@dataclass(frozen=True, eq=False)
class TopicTree:
    """A taxonomy and the place of each paper in it.

    `topics` has each parent before its children, and each topic next to those below it; siblings are numbered by
    falling size. `places` is aligned with `keys` (int64 [n], ascending). A vector is compared as
    `(vector - mean) @ basis`, scaled to length 1, with the rows of `centroids` (float32 [topics, components]).
    """

    topics: tuple[Topic, ...]
    keys: Keys
    places: Places
    centroids: Vectors
    mean: Vectors
    basis: Vectors

    @cached_property
    def _position(self) -> Mapping[str, int]:
        return {topic.id: position for position, topic in enumerate(self.topics)}

    @cached_property
    def _children(self) -> Mapping[str, tuple[Topic, ...]]:
        below: dict[str, list[Topic]] = {}
        for topic in self.topics:
            below.setdefault(topic.parent, []).append(topic)
        return {parent: tuple(topics) for parent, topics in below.items()}

    def topic(self, topic_id: str) -> Topic:
        """The topic of this id; raise `UnknownTopic` if there is none."""
        return self.topics[self._at(topic_id)]

    def children(self, topic_id: str = "") -> tuple[Topic, ...]:
        """The topics right below one, or those at the top for ""; raise `UnknownTopic`."""
        if topic_id:
            self._at(topic_id)
        return self._children.get(topic_id, ())

    def inside(self, topic_id: str) -> npt.NDArray[np.bool_]:
        """For the place of each topic whether it is this one or below it, and False for the place -1 of none."""
        self._at(topic_id)
        below = f"{topic_id}."
        return np.array([one.id == topic_id or one.id.startswith(below) for one in self.topics] + [False])

    def placement(self, key: int) -> Placement | None:
        """Where a paper stands, or None if it was not there when the tree was made."""
        row = int(np.searchsorted(self.keys, key))
        if row == len(self.keys) or self.keys[row] != key:
            return None
        return Placement(self.topics[self.places.topics[row]].id, float(self.places.confidence[row]))

    def members(self, topic_id: str, limit: int | None = None) -> Keys:
        """Keys of the papers in a topic and below it, those nearest to its centroid first, ties by key."""
        first = self._at(topic_id)
        inside = (first, *(i for i, topic in enumerate(self.topics) if topic.id.startswith(topic_id + ".")))
        rows = np.flatnonzero((self.places.topics >= first) & (self.places.topics <= max(inside)))
        nearness = self.places.similarity[rows, self.topics[first].level - 1]
        return self.keys[rows[np.argsort(-nearness, kind="stable")][:limit]]

    def _at(self, topic_id: str) -> int:
        if topic_id not in self._position:
            raise UnknownTopic(topic_id)
        return self._position[topic_id]


def find_topics(
    keys: Keys, vectors: Vectors, *, titles: Sequence[str], abstracts: Sequence[str], seed: int = 0
) -> TopicTree:
    """Sort papers into topics and subtopics, and name them; rows of all four arguments belong together.

    The same papers in any order and the same seed give the same tree. About 8 n^.092 topics (13 of 200 papers, 20
    of 20,000), each of m >= 120 papers split into about m^.27. Keys must be unique, vectors float32 [n, width].
    """
    order = np.argsort(keys)
    keys, vectors = np.asarray(keys, np.int64)[order], np.asarray(vectors, np.float32)[order]
    mean, basis = _fit_space(vectors)
    points = _project(vectors, mean, basis)
    parents, centroids = _fit_centroids(points, seed)
    places = _descend(points, parents, centroids)
    groups = [
        Group(rows, parent) for rows, parent in zip(_rows_below(places.topics, parents), parents, strict=True)
    ]
    names = name_topics(groups, [titles[i] for i in order], [abstracts[i] for i in order])
    return TopicTree(_topics(groups, names), keys, places, centroids, mean, basis)


def place(tree: TopicTree, vectors: Vectors) -> Places:
    """Place papers by the rule that placed those of the tree.

    At each level a paper goes to the nearest centroid below its topic. Confidence (0 to 1) is the product, over the
    levels, of that centroid's share in exp(cosine / TEMPERATURE) over all siblings.
    """
    parents = [tree.topics.index(tree.topic(t.parent)) if t.parent else -1 for t in tree.topics]
    return _descend(_project(vectors, tree.mean, tree.basis), parents, tree.centroids)


def _fit_space(vectors: Vectors) -> tuple[Vectors, Vectors]:
    """Mean and basis of the space of comparison: principal components, gently whitened."""
    width = vectors.shape[1]
    if len(vectors) < 2:
        return np.zeros(width, np.float32), np.zeros((width, 0), np.float32)
    mean = vectors.mean(axis=0, dtype=np.float64)
    covariance = np.zeros((width, width))
    for start in range(0, len(vectors), 10_000):  # by pieces: a float64 copy of a large library is 600 MB
        centred = vectors[start : start + 10_000] - mean
        covariance += centred.T @ centred / len(vectors)
    eigenvalues, directions = np.linalg.eigh(covariance)
    most = min(
        COMPONENTS, max(2, len(vectors) // 15)
    )  # whitened noise drowns a small library's few directions
    kept = np.argsort(-eigenvalues, kind="stable")[:most]
    kept = kept[eigenvalues[kept] > 1e-9]
    basis = directions[:, kept] * eigenvalues[kept] ** -WHITENING
    return mean.astype(np.float32), basis.astype(np.float32)


def _project(vectors: Vectors, mean: Vectors, basis: Vectors) -> _Points:
    """Unit rows in float64, so that the last bits of another machine's arithmetic move no paper."""
    points = np.empty((len(vectors), basis.shape[1]))
    for start in range(0, len(vectors), 10_000):
        piece = vectors[start : start + 10_000].astype(np.float64) - mean
        points[start : start + 10_000] = piece @ basis.astype(np.float64)
    return _unit(points)


def _unit(rows: _Points) -> _Points:
    lengths: _Points = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(lengths, 1e-12)


def _fit_centroids(points: _Points, seed: int) -> tuple[list[int], Vectors]:
    """Parent position and centroid of each topic, depth first."""
    parents: list[int] = []
    centroids: list[_Points] = []
    if len(points):
        wanted = max(1, min(round(8 * len(points) ** 0.092), len(points) // 12))
        tops = _cluster(points, wanted, seed, starts=max(4, min(10, 20_000 // len(points))))
        nearest = np.argmax(points @ tops.T, axis=1)
        for number, centroid in enumerate(tops):
            parents.append(-1)
            centroids.append(centroid)
            inside = points[nearest == number]
            if len(inside) >= SPLIT_FROM:
                below = _cluster(inside, round(len(inside) ** 0.27), seed, starts=2)
                parents += [len(parents) - 1] * (len(below) if len(below) > 1 else 0)
                centroids += list(below) if len(below) > 1 else []
    stacked = np.array(centroids, np.float32).reshape(len(centroids), points.shape[1])
    return parents, stacked


def _cluster(points: _Points, wanted: int, seed: int, *, starts: int) -> _Points:
    """Unit centroids of at most `wanted` clusters, largest first; clusters far smaller than the rest are dissolved."""
    if points.shape[1] == 0:
        return np.zeros((1, 0))
    wanted = min(
        wanted, len(np.unique(points[:, 0].round(6)))
    )  # a lower bound of how many points are distinct
    centroids = points.mean(axis=0, keepdims=True)
    if wanted > 1:
        from sklearn.cluster import KMeans
        from threadpoolctl import threadpool_limits

        random = np.random.default_rng(seed)
        chosen = np.sort(random.permutation(len(points))[:FITTED])
        fit = KMeans(wanted, n_init=starts, max_iter=100, random_state=seed)
        # Threads add up centroids in the order in which they end; and on busy cores they wait for each other.
        with threadpool_limits(1, user_api="openmp"):
            centroids = fit.fit(points[chosen]).cluster_centers_
    centroids = _unit(centroids).astype(np.float32).astype(np.float64)  # as they are kept
    sizes = np.bincount(np.argmax(points @ centroids.T, axis=1), minlength=len(centroids))
    order = np.argsort(-sizes, kind="stable")
    return np.array([centroids[i] for i in order if sizes[i] >= 0.2 * len(points) / len(centroids)])


def _descend(points: _Points, parents: Sequence[int], centroids: Vectors) -> Places:
    topics = np.full(len(points), -1, np.int32)
    confidence = np.ones(len(points)) if parents else np.zeros(len(points))
    similarity = np.zeros((len(points), LEVELS))
    for parent in sorted(set(parents)):
        below = np.flatnonzero(np.array(parents) == parent)
        rows = np.flatnonzero(topics == parent)
        cosines = points[rows] @ centroids[below].astype(np.float64).T
        best = np.argmax(cosines, axis=1)
        top = cosines[np.arange(len(rows)), best]
        level = 0 if parent < 0 else 1
        similarity[rows, level:] = top[
            :, None
        ]  # a paper that goes no deeper keeps the cosine of its last level
        confidence[rows] /= np.exp((cosines - top[:, None]) / TEMPERATURE).sum(axis=1)
        topics[rows] = below[best]
    return Places(topics, confidence.astype(np.float32), similarity.astype(np.float32))


def _rows_below(placed: Positions, parents: Sequence[int]) -> list[npt.NDArray[np.int64]]:
    """The rows of each topic, those of its subtopics included."""
    above = np.array(
        [position if parent < 0 else parent for position, parent in enumerate(parents)], np.int32
    )
    tops = above[placed] if len(parents) else placed
    return [
        np.flatnonzero((tops if parent < 0 else placed) == position)
        for position, parent in enumerate(parents)
    ]


def _topics(groups: Sequence[Group], names: Sequence[Name]) -> tuple[Topic, ...]:
    ids: list[str] = []
    topics: list[Topic] = []
    for group, name in zip(groups, names, strict=True):
        above = ids[group.parent] if group.parent >= 0 else ""
        number = 1 + sum(topic.parent == above for topic in topics)
        ids.append(f"{above}.{number}" if above else str(number))
        alone = len(groups) == 1
        label = name.label or ("All papers" if alone else f"Topic {ids[-1]}")
        topics.append(Topic(ids[-1], above, label, name.terms, len(group.rows)))
    return tuple(topics)


def save(tree: TopicTree, folder: Path) -> None:
    """Write `topics.json` and `topics.npz` into an existing folder; the caller fsyncs and publishes."""
    document = {"format": FORMAT, "topics": [asdict(topic) for topic in tree.topics]}
    text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    (folder / "topics.json").write_text(text, encoding="utf-8")
    with (folder / "topics.npz").open("wb") as file:
        np.savez(
            file,
            keys=tree.keys,
            **tree.places._asdict(),
            centroids=tree.centroids,
            mean=tree.mean,
            basis=tree.basis,
        )


def load(folder: Path) -> TopicTree:
    """Read what `save` wrote; raise `GenerationError` if it is missing or damaged."""
    try:
        tree = _read(folder)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise GenerationError(
            f"the topics in {folder} cannot be read ({error}); run `paperkin update` to rebuild them"
        ) from error
    if not _fits_together(tree):
        raise GenerationError(
            f"the files of topics in {folder} do not belong together; run `paperkin update` to rebuild them"
        )
    return tree


def _read(folder: Path) -> TopicTree:
    document = json.loads((folder / "topics.json").read_text(encoding="utf-8"))
    if document["format"] != FORMAT:
        raise ValueError(f"format {document['format']}, not {FORMAT}")
    topics = tuple(Topic(**(fields | {"terms": tuple(fields["terms"])})) for fields in document["topics"])
    with (folder / "topics.npz").open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        places = Places(*(arrays[name] for name in Places._fields))
        return TopicTree(topics, arrays["keys"], places, arrays["centroids"], arrays["mean"], arrays["basis"])


def _fits_together(tree: TopicTree) -> bool:
    papers, topics, places = len(tree.keys), len(tree.topics), tree.places
    return (
        len(places.topics) == len(places.confidence) == len(places.similarity) == papers
        and tree.centroids.shape == (topics, tree.basis.shape[1])
        and tree.mean.shape == (tree.basis.shape[0],)
        and (papers == 0 or bool(places.topics.min() >= 0 and places.topics.max() < topics))
        and sum(topic.size for topic in tree.topics if not topic.parent) == papers
    )
