"""Small libraries built by the real pipeline, with the toy embedder in place of the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from indexer.generations import Files, Generation, Generations
from indexer.library import open_builder, open_store
from indexer.papers import Citation, Paper, PaperId
from indexer.settings import Settings
from indexer.updating import UpdateSummary
from tests.builders import NOW, a_paper
from tests.toy_embedder import ToyEmbedder

TOPICS = {
    "diffusion": "denoising diffusion models generate images by score matching on noise",
    "neutrino": "neutrino oscillations measured by a water detector with solar flux",
    "parsing": "dependency parsing of sentences with treebank grammar and syntax",
}


def settings_in(folder: Path, **fields: Any) -> Settings:
    """Settings of a library in a folder of the test."""
    return Settings(library=f"sqlite:///{folder / 'library.db'}", **fields)


def three_topics(each: int = 12) -> list[Paper]:
    """Papers on three plain topics, by turns, a month apart: numbers 1.. in `each * 3`."""
    papers = []
    for number in range(1, 3 * each + 1):
        name, words = list(TOPICS.items())[number % 3]
        month = 2301 + (number // 3) % 12
        papers.append(
            a_paper(
                number,
                month=month,
                title=f"{name.capitalize()} study number {number}",
                abstract=f"We ask about {words}. We do experiment {number}. We find that {name} works.",
                categories=({"diffusion": "cs.CV", "neutrino": "hep-ex", "parsing": "cs.CL"}[name],),
            )
        )
    return papers


def chain(papers: Sequence[Paper], step: int = 3) -> list[Citation]:
    """Each paper cites those `step` and `2 * step` before it: the earlier ones of its own topic."""
    return [
        Citation(papers[at].id, papers[at - back].id)
        for at in range(len(papers))
        for back in (step, 2 * step)
        if at - back >= 0
    ]


def put(settings: Settings, papers: Sequence[Paper] = (), citations: Sequence[Citation] = ()) -> None:
    """Store papers and citations; nothing is derived yet."""
    store = open_store(settings)
    with store.transaction():
        store.put_papers(papers, "test:", NOW)
        store.put_citations(citations, "test:", NOW)
    store.close()


def update(
    settings: Settings,
    embedder: ToyEmbedder | None = None,
    *,
    rebuild: bool = False,
    new_model: bool = False,
    files: Files | None = None,
) -> UpdateSummary:
    """Update with the toy embedder; `files` is what publishing does to the disk."""
    used = embedder or ToyEmbedder()
    with open_builder(settings, embedder=used, rebuild=rebuild, new_model=new_model) as builder:
        return replace(builder, generations=Generations(settings.derived_path, files)).update()


def build(
    settings: Settings,
    papers: Sequence[Paper],
    citations: Sequence[Citation] = (),
    embedder: ToyEmbedder | None = None,
) -> ToyEmbedder:
    """Store papers and citations and update; return the embedder that was used."""
    used = embedder or ToyEmbedder()
    put(settings, papers, citations)
    update(settings, used)
    return used


def published(settings: Settings) -> Generation:
    """The generation that answers, which must be the one published last."""
    generation = Generations(settings.derived_path).current()
    assert generation.damage is None
    return generation


def content(settings: Settings) -> tuple[object, object]:
    """What the published generation says, to the byte: names and SHA-256 of its files, and its facts."""
    generation = published(settings)
    return generation.files, generation.facts


def linked_topics(folder: Path, each: int = 12) -> Settings:
    """A library of `three_topics` with the citations of `chain`, up to date."""
    settings = settings_in(folder)
    papers = three_topics(each)
    build(settings, papers, chain(papers))
    return settings


def ids_of(papers: Sequence[Paper]) -> list[PaperId]:
    """Their ids."""
    return [paper.id for paper in papers]
