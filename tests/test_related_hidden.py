"""Related papers: what is newer than the generation, and what a query must not see."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.library import Library, open_store
from indexer.papers import Citation, Paper, PaperId
from service.answers import RelatedAnswer, Signal
from tests.asking import ask, ids, library_of, parts, topic_of
from tests.builders import NOW, a_paper, an_id
from tests.libraries import build, chain, ids_of, three_topics
from tests.toy_embedder import ToyEmbedder

PAPERS = three_topics()


# --- Papers newer than the generation


@pytest.fixture
def grown(tmp_path: Path) -> Iterator[tuple[Library, Paper]]:
    """A library to which a paper came after its last update; another paper cited it long before."""
    new = a_paper(90, month=2601, title="Neutrino flux measured anew", abstract="Solar neutrino detector.")
    with library_of(tmp_path, PAPERS[:36], [*chain(PAPERS[:36]), Citation(PAPERS[9].id, new.id)]) as library:
        store = open_store(library.settings)
        with store.transaction():
            store.put_papers([new], "test:", NOW)
        store.close()
        yield library, new


@pytest.mark.parametrize(
    "wishes",
    [
        {},
        {"not_newer": True},
        {"as_of_seed": True},
        {"text_only": True},
        {"as_of_seed": True, "text_only": True},
    ],
)
def test_a_paper_that_is_not_embedded_yet_is_answered_by_its_words(
    grown: tuple[Library, Paper], wishes: dict[str, object]
) -> None:
    library, new = grown
    answer = ask(library, new.id, k=10, **wishes)
    assert [seed.id for seed in answer.seeds] == [new.id]
    assert [topic_of(one) for one in answer.results] == ["neutrino"] * 10
    assert all(Signal.TEXT not in parts(one) for one in answer.results)


def test_a_paper_that_is_embedded_but_not_indexed_is_answered_by_its_vector(
    grown: tuple[Library, Paper],
) -> None:
    library, new = grown
    store, embedder = open_store(library.settings), ToyEmbedder()
    pending = store.pending(embedder.fingerprint)
    with store.transaction():
        store.put_vectors(embedder.fingerprint, pending, embedder.embed([text.text for text in pending]))
    store.close()
    answer = ask(library, new.id, k=10)
    assert [topic_of(one) for one in answer.results] == ["neutrino"] * 10
    assert all(parts(one)[Signal.TEXT] > 1 for one in answer.results)


def test_a_paper_that_is_not_indexed_yet_is_no_result(grown: tuple[Library, Paper]) -> None:
    library, new = grown
    assert new.id not in ids(ask(library, PAPERS[0].id, k=100))
    assert new.id not in ids(ask(library, text="Neutrino flux measured anew", k=100))
    assert ids(ask(library, PAPERS[0].id, disliked=(str(new.id),)))


def test_an_update_brings_it_in(grown: tuple[Library, Paper]) -> None:
    library, new = grown
    before = ask(library, PAPERS[0].id, k=100)
    build(library.settings, [])
    after = ask(library, PAPERS[0].id, k=100)
    assert after.generation == before.generation + 1
    assert set(ids(after)) - set(ids(before)) == {new.id}


# --- What a query must not see


def told(answer: RelatedAnswer, *untold: Signal) -> dict[tuple[PaperId, Signal], float]:
    """What each signal adds for each result, but for some signals."""
    return {
        (one.paper.id, signal): part
        for one in answer.results
        for signal, part in parts(one).items()
        if signal not in untold
    }


def random_papers(draw: random.Random, numbers: range, first: int, last: int) -> list[Paper]:
    """Papers of a few words each, of random months (YYMM, all in one year)."""
    words = "quark gluon lattice knot braid treebank syntax flux spin glass".split()
    return [
        a_paper(
            number,
            month=draw.randint(first, last),
            title=" ".join(draw.sample(words, 3)),
            abstract=" ".join(draw.choices(words, k=8)),
            categories=(draw.choice(["cs.CL", "math.GT", ""]),),
        )
        for number in numbers
    ]


def random_citations(
    draw: random.Random, citing: Sequence[Paper], cited: Sequence[PaperId]
) -> list[Citation]:
    """Each cites up to five, but not itself."""
    return [
        Citation(paper.id, other)
        for paper in citing
        for other in draw.sample(cited, min(len(cited), draw.randint(0, 5)))
        if other != paper.id
    ]


@settings(max_examples=8, deadline=None)
@given(number=st.integers(0, 2**32), text_only=st.booleans())
def test_as_of_seed_nothing_that_came_later_changes_the_answer(*, number: int, text_only: bool) -> None:
    draw = random.Random(number)
    old = random_papers(draw, range(1, 16), 2301, 2306)
    new = random_papers(draw, range(21, 36), 2307, 2312)
    works = [*ids_of(old), an_id(900), an_id(901)]
    cites_old = random_citations(draw, old, works)
    cites_new = random_citations(draw, new, [*works, *ids_of(new)])
    seed = max(old, key=lambda paper: paper.id.month)
    with TemporaryDirectory() as folder, library_of(Path(folder), old, cites_old) as library:
        before = ask(library, seed.id, k=50, as_of_seed=True, text_only=text_only)
    with (
        TemporaryDirectory() as folder,
        library_of(Path(folder), old + new, cites_old + cites_new) as library,
    ):
        after = ask(library, seed.id, k=50, as_of_seed=True, text_only=text_only)
    # How rare a word is, full text knows of the whole library only.
    assert told(after, Signal.WORDS) == pytest.approx(told(before, Signal.WORDS), abs=1e-4)
    named = {work.id for one in after.results for reason in one.reasons for work in reason.papers}
    assert {*ids(after), *named} <= set(works)


@settings(max_examples=8, deadline=None)
@given(number=st.integers(0, 2**32), as_of_seed=st.booleans())
def test_text_only_no_citation_from_or_to_a_seed_changes_the_answer(*, number: int, as_of_seed: bool) -> None:
    draw = random.Random(number)
    papers = random_papers(draw, range(1, 21), 2301, 2306)
    seeds, others = papers[:2], papers[2:]
    works = [*ids_of(others), an_id(900)]
    among_others = random_citations(draw, others, works)
    of_seeds = random_citations(draw, seeds, [*works, *ids_of(seeds)])
    to_seeds = random_citations(draw, others, ids_of(seeds))
    answers = []
    for citations in (among_others, among_others + of_seeds + to_seeds):
        with TemporaryDirectory() as folder, library_of(Path(folder), papers, citations) as library:
            answers.append(ask(library, *ids_of(seeds), k=50, text_only=True, as_of_seed=as_of_seed))
    assert told(answers[1]) == pytest.approx(told(answers[0]), abs=1e-4)
    assert ids(answers[1]) == ids(answers[0])


def test_as_of_seed_full_text_is_not_spent_on_newer_papers(tmp_path: Path) -> None:
    words = ("quark", "gluon", "meson", "boson")  # each in 42 papers: rare enough to be searched for
    old = [a_paper(1, month=2201, title="", abstract=" ".join(words))]
    old += [
        a_paper(at, month=2201, title="", abstract=f"{word} {'and so on ' * 9}")
        for at, word in enumerate(words, 2)
    ]
    new = [
        a_paper(100 + number, month=2301, title=f"{words[number % 4]} " * 9, abstract="")
        for number in range(160)
    ]
    with library_of(tmp_path, old + new) as library:
        answer = ask(library, old[0].id, as_of_seed=True)
    assert {one.paper.id for one in answer.results if Signal.WORDS in parts(one)} == set(ids_of(old[1:]))
