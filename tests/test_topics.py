from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import GenerationError, UnknownTopic
from indexer.lexicon import fold
from indexer.phrases import find_acronyms, plain, segments
from indexer.tables import Vectors
from indexer.topic_labels import Group, Name, join, name_topics, sentence
from indexer.topics import Places, TopicTree, find_topics, load, place, save
from tests.builders import unit_vectors

SUBJECTS = {
    "Graph neural networks": "node classification and message passing",
    "Diffusion models": "image generation and score matching",
    "Neutrino oscillations": "atmospheric neutrinos and mass hierarchy",
    "Machine translation": "parallel corpora and low-resource languages",
}


def a_library(
    per_subject: int = 40, *, width: int = 32, seed: int = 0
) -> tuple[Vectors, list[str], list[str]]:
    """Vectors, titles and abstracts of papers on four subjects that lie apart."""
    random = np.random.default_rng(seed)
    centres = unit_vectors(len(SUBJECTS), width, seed=9)
    vectors, titles, abstracts = [], [], []
    for centre, (subject, detail) in zip(centres, SUBJECTS.items(), strict=True):
        for number in range(per_subject):
            vectors.append(centre + 0.05 * random.standard_normal(width))
            titles.append(f"{subject} for the study of sample {number}")
            abstracts.append(f"We propose a novel approach to {subject.lower()}. It concerns {detail}.")
    rows = np.array(vectors)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), titles, abstracts


@lru_cache  # a tree is a value: tests may share it
def a_tree(per_subject: int = 40, *, seed: int = 0) -> TopicTree:
    vectors, titles, abstracts = a_library(per_subject)
    keys = np.arange(len(titles), dtype=np.int64) * 3 + 5
    return find_topics(keys, vectors, titles=titles, abstracts=abstracts, seed=seed)


def tree_of(vectors: Vectors, titles: Sequence[str], abstracts: Sequence[str]) -> TopicTree:
    keys = np.arange(1, len(titles) + 1, dtype=np.int64)
    return find_topics(keys, vectors, titles=titles, abstracts=abstracts)


def assert_same(one: TopicTree, other: TopicTree) -> None:
    assert one.topics == other.topics
    for name in ("keys", "centroids", "mean", "basis"):
        first, second = getattr(one, name), getattr(other, name)
        assert first.dtype == second.dtype
        assert np.array_equal(first, second), name
    for a, b in zip(one.places, other.places, strict=True):
        assert a.dtype == b.dtype
        assert np.array_equal(a, b)


def assert_sound(tree: TopicTree, papers: int) -> None:
    """What holds of every tree."""
    assert sum(topic.size for topic in tree.children()) == papers
    assert len(tree.keys) == papers == len(tree.places.topics)
    assert np.all((tree.places.confidence >= 0) & (tree.places.confidence <= 1))
    for topic in tree.topics:
        below = tree.children(topic.id)
        assert topic.label
        assert not below or sum(child.size for child in below) == topic.size
        assert all(child.parent == topic.id and child.id.startswith(topic.id + ".") for child in below)
        labels = [child.label for child in below]
        assert len(set(labels)) == len(labels)
        assert topic.label not in labels
        assert len(topic.terms) <= 5
        assert len(tree.members(topic.id)) == topic.size > 0


def test_papers_of_one_subject_share_a_topic_with_its_name() -> None:
    tree = a_tree()
    assert_sound(tree, 160)
    for number, subject in enumerate(SUBJECTS):
        homes = {
            tree.topic(p.topic.split(".")[0]).id
            for k in range(40)
            if (p := tree.placement(5 + 3 * (number * 40 + k)))
        }
        labels = {tree.topic(home).label for home in homes}
        terms = {term for home in homes for term in tree.topic(home).terms}
        assert any(subject in label for label in labels) or subject in terms
        others = {i for i, k in enumerate(tree.keys) if (int(k) - 5) // 3 // 40 != number}
        assert not homes & {tree.topics[tree.places.topics[i]].id.split(".")[0] for i in others}


def test_order_of_the_papers_does_not_matter() -> None:
    vectors, titles, abstracts = a_library()
    keys = np.arange(1, 161, dtype=np.int64)
    mixed = np.random.default_rng(3).permutation(160)
    shuffled = find_topics(
        keys[mixed],
        vectors[mixed],
        titles=[titles[i] for i in mixed],
        abstracts=[abstracts[i] for i in mixed],
    )
    assert_same(tree_of(vectors, titles, abstracts), shuffled)


def test_seed_decides() -> None:
    vectors, titles, abstracts = a_library()
    again = find_topics(a_tree().keys, vectors, titles=titles, abstracts=abstracts, seed=0)
    assert_same(a_tree(), again)
    assert not np.array_equal(a_tree().centroids, a_tree(seed=5).centroids)


def test_new_papers_go_where_the_fit_put_the_same_vectors() -> None:
    tree, (vectors, _, _) = a_tree(450), a_library(450)
    placed = place(tree, vectors)
    assert any(topic.level == 2 for topic in tree.topics)
    assert np.array_equal(placed.topics, tree.places.topics)
    assert np.allclose(placed.confidence, tree.places.confidence, atol=1e-5)


def test_confidence_falls_between_two_topics() -> None:
    vectors, titles, abstracts = a_library()
    tree = tree_of(vectors, titles, abstracts)
    between = vectors[:1] + vectors[-1:]
    middle = place(tree, (between / np.linalg.norm(between)).astype(np.float32))
    assert middle.confidence[0] < np.quantile(tree.places.confidence, 0.1)


def test_members_are_ordered_by_nearness_and_limited() -> None:
    tree = a_tree(450)
    parent = next(topic for topic in tree.children() if tree.children(topic.id))
    members = tree.members(parent.id)
    nearness = [float(tree.places.similarity[np.searchsorted(tree.keys, key), 0]) for key in members]
    assert nearness == sorted(nearness, reverse=True)
    assert tree.members(parent.id, 3).tolist() == members[:3].tolist()
    below = [key for child in tree.children(parent.id) for key in tree.members(child.id).tolist()]
    assert sorted(below) == sorted(members.tolist())


def test_unknown_topics_and_papers() -> None:
    tree = a_tree()
    assert tree.placement(4) is None
    assert tree.placement(10**9) is None
    for ask in (tree.topic, tree.children, tree.members):
        with pytest.raises(UnknownTopic, match=r"99\.9"):
            ask("99.9")
    with pytest.raises(UnknownTopic):
        tree.topic("")


@pytest.mark.parametrize("papers", [0, 1, 2, 5, 11])
def test_a_handful_of_papers(papers: int) -> None:
    titles = ["Graph neural networks", "Diffusion models", "Neutrino mass", "", "Prime gaps"] * 3
    tree = tree_of(unit_vectors(papers), titles[:papers], titles[:papers])
    assert_sound(tree, papers)
    assert len(tree.topics) == min(papers, 1)
    assert (place(tree, unit_vectors(3)).topics == (0 if papers else -1)).all()


def test_no_text_at_all() -> None:
    assert [topic.label for topic in tree_of(unit_vectors(5), [""] * 5, [""] * 5).topics] == ["All papers"]
    tree = tree_of(unit_vectors(300), [""] * 300, [""] * 300)
    assert_sound(tree, 300)
    assert tree.topics[0].label == "Topic 1"


def test_ten_thousand_identical_papers_are_one_topic() -> None:
    vectors = np.repeat(unit_vectors(1), 10_000, axis=0)
    tree = tree_of(vectors, ["Dark matter halos"] * 10_000, ["We study dark matter halos."] * 10_000)
    assert [(topic.label, topic.size) for topic in tree.topics] == [("Dark matter halos", 10_000)]
    assert tree.places.confidence.min() == 1


def test_two_texts_in_many_copies_are_two_topics() -> None:
    vectors = np.repeat(unit_vectors(2), 300, axis=0)
    titles = ["Dark matter halos"] * 300 + ["Prime gaps"] * 300
    tree = tree_of(vectors, titles, [""] * 600)
    assert {topic.label for topic in tree.topics} == {"Dark matter halos", "Prime gaps"}


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 90), st.lists(st.text(max_size=60), min_size=1, max_size=5))
def test_any_vectors_and_any_text(seed: int, papers: int, texts: list[str]) -> None:
    random = np.random.default_rng(seed)
    vectors = unit_vectors(papers, 8, seed)[random.integers(0, papers, papers)]  # with copies
    chosen = [texts[i % len(texts)] for i in range(papers)]
    tree = tree_of(vectors, chosen, chosen[::-1])
    assert_sound(tree, papers)
    assert np.array_equal(place(tree, vectors).topics, tree.places.topics)


def test_round_trip(tmp_path: Path) -> None:
    for tree in (a_tree(450), tree_of(unit_vectors(0), [], []), tree_of(unit_vectors(1), ["é"], [""])):
        save(tree, tmp_path)
        assert_same(load(tmp_path), tree)


def test_saving_twice_writes_the_same_bytes(tmp_path: Path) -> None:
    tree = a_tree()
    save(tree, tmp_path)
    before = [(tmp_path / name).read_bytes() for name in ("topics.json", "topics.npz")]
    save(load(tmp_path), tmp_path)
    assert before == [(tmp_path / name).read_bytes() for name in ("topics.json", "topics.npz")]


def _truncate(folder: Path) -> None:
    data = (folder / "topics.npz").read_bytes()
    (folder / "topics.npz").write_bytes(data[: len(data) // 2])


def _empty(folder: Path) -> None:
    (folder / "topics.npz").write_bytes(b"")


def _remove(folder: Path) -> None:
    (folder / "topics.json").unlink()


def _not_an_object(folder: Path) -> None:
    (folder / "topics.json").write_text("[]")


def _newer(folder: Path) -> None:
    document = json.loads((folder / "topics.json").read_text())
    (folder / "topics.json").write_text(json.dumps(document | {"format": 99}))


def _of_another_tree(folder: Path) -> None:
    document = json.loads((folder / "topics.json").read_text())
    (folder / "topics.json").write_text(json.dumps(document | {"topics": document["topics"][:1]}))


@pytest.mark.parametrize("damage", [_truncate, _empty, _remove, _not_an_object, _newer, _of_another_tree])
def test_damaged_files_are_one_clear_error(damage: Callable[[Path], None], tmp_path: Path) -> None:
    save(a_tree(), tmp_path)
    damage(tmp_path)
    with pytest.raises(GenerationError, match="paperkin update"):
        load(tmp_path)


def test_reading_a_tree_loads_no_fitting_library() -> None:
    code = "import sys, indexer.topics; print([m for m in ('sklearn', 'scipy', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603  # our own code
    assert done.stdout.strip() == "[]"


def names_of(*topics: Sequence[str]) -> list[Name]:
    """Names of topics at the top, each given by the titles of its papers, each title eight times."""
    titles: list[str] = []
    groups: list[Group] = []
    for subjects in topics:
        first = len(titles)
        titles += [title for title in subjects for _ in range(8)]
        groups.append(Group(np.arange(first, len(titles)), -1))
    return name_topics(groups, titles, [""] * len(titles))


def test_labels_are_phrases_without_the_prose_of_titles() -> None:
    first, second = names_of(
        ["A Novel Approach to Prime Gaps", "On the Study of Prime Gaps"],
        ["Towards Efficient Dark Matter Halos"],
    )
    assert (first.label, second.label) == ("Prime gaps", "Dark matter halos")


def test_an_acronym_and_what_it_stands_for_are_one() -> None:
    acronyms = find_acronyms(
        ["We use graph neural networks (GNNs)."] * 3 + ["chain-of-thought (CoT) prompts"] * 3
    )
    assert acronyms == {"GNN": ("graph", "neural", "networks"), "CoT": ("chain-of-thought",)}


def test_an_acronym_with_two_meanings_is_left_alone() -> None:
    assert find_acronyms(["mutual information (MI)"] * 3 + ["myocardial infarction (MI)"] * 3) == {}


def test_acronyms_keep_their_case() -> None:
    names = names_of(["Alignment of MLLM agents", "Safety of MLLM agents"], ["Dark matter halos"])
    assert names[0].label == "MLLM agents"


def test_siblings_and_children_differ_in_label() -> None:
    titles = ["Machine translation of speech", "Machine translation of patents", "Dark matter halos"]
    rows = [np.arange(i * 10, i * 10 + 10) for i in range(3)]
    groups = [Group(np.concatenate(rows[:2]), -1), Group(rows[0], 0), Group(rows[1], 0), Group(rows[2], -1)]
    names = name_topics(groups, [title for title in titles for _ in range(10)], [""] * 30)
    labels = [name.label for name in names]
    assert labels[0] == "Machine translation"
    assert len(set(labels)) == 4


def test_two_phrases_where_one_covers_too_little() -> None:
    names = names_of(["Prime gaps", "Dark matter halos", "Wage inequality"], ["Protein folding"])
    assert names[0].label.count(",") + names[0].label.count(" and ") >= 1
    assert join(["prime gaps", "dark matter"]) == "Prime gaps and dark matter"
    assert join(["prime gaps", "dark matter", "wages"]) == "Prime gaps, dark matter and wages"


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("Networks", "network"),
        ("multi-modal", "multimodal"),
        ("GANs", "GAN"),
        ("studies", "study"),
        ("bias", "bias"),
        ("biases", "bias"),
        ("classes", "class"),
        ("analysis", "analysis"),
        ("Alzheimer's", "alzheimer"),
    ],
)
def test_spellings_of_a_word_meet(written: str, folded: str) -> None:
    assert fold(written) == folded


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        (
            r"We show that $k$-means \emph{beats} spectral clustering.",
            [["k-means", "beats", "spectral", "clustering"]],
        ),
        (r"The $\sqrt{s}=13$ TeV era: Poincar\'e maps", [["TeV", "era"], ["Poincare", "maps"]]),
        ("Code: https://example.org/a_b", [["Code"]]),
        ("A mixture of experts of", [["mixture", "of", "experts"]]),
    ],
)
def test_runs_of_content_words(text: str, runs: list[list[str]]) -> None:
    assert list(segments(text)) == runs


def test_plain_text_and_sentences() -> None:
    assert plain("no markup at all") == "no markup at all"
    assert sentence("text-to-3D generation") == "Text-to-3D generation"
    assert sentence("mRNA vaccines") == "mRNA vaccines"


def _shared() -> Path:
    return Path(os.environ.get("PAPERKIN_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.mark.skipif(
    not (_shared() / "data" / "small").is_dir(), reason="no shared data beside the repository"
)
def test_real_titles_and_abstracts_give_readable_labels() -> None:
    import lzma

    with lzma.open(_shared() / "data" / "small" / "papers.jsonl.xz", "rt", encoding="utf-8") as lines:
        papers = [json.loads(line) for line, _ in zip(lines, range(1500), strict=False)]
    words = {"vision": "image", "robot": "robot", "graph": "graph", "language": "language"}
    homes = [next((i for i, w in enumerate(words.values()) if w in p["title"].lower()), -1) for p in papers]
    groups = [Group(np.flatnonzero(np.array(homes) == i), -1) for i in range(len(words))]
    names = name_topics(groups, [p["title"] for p in papers], [p["abstract"] for p in papers])
    for name, word in zip(names, words.values(), strict=True):
        assert word[:4] in " ".join([name.label, *name.terms]).lower()
        assert 3 <= len(name.terms) <= 5


def test_places_name_their_arrays() -> None:
    assert Places._fields == ("topics", "confidence", "similarity")


def test_inside_tells_a_topic_and_those_below_it() -> None:
    tree = a_tree(450)
    for topic in tree.topics:
        inside = tree.inside(topic.id)
        assert inside.dtype == np.bool_
        members = set(tree.members(topic.id).tolist())
        assert set(tree.keys[inside[tree.places.topics]].tolist()) == members
        assert not inside[-1]  # the place of papers without a topic
    assert any(tree.inside(topic.id).sum() > 1 for topic in tree.topics)
    with pytest.raises(UnknownTopic):
        tree.inside("77")
