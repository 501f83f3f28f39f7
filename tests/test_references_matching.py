"""Which paper of the library a reference means; a wrong one is worse than none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.papers import PaperId
from indexer.sources.references.matching import Means, Reference, resolve, within_distance
from indexer.sources.references.normal import normal_title, running, squeezed, surname
from indexer.sources.references.titles import Titles, Work
from tests.builders import a_paper

ATTENTION = PaperId("1706.03762")
FEDERATED = PaperId("2101.00001")
FILLER = [
    Work(
        PaperId(f"2001.{number:05}"),
        f"Deep learning of network number {number} for graph model",
        ("Doe",),
        2020,
    )
    for number in range(1, 400)
]


def library(*works: Work) -> Titles:
    return Titles.build(
        [Work(ATTENTION, "Attention Is All You Need", ("Vaswani", "Shazeer"), 2017), *works, *FILLER]
    )


def found(titles: Titles, title: str = "", authors: str = "", year: int = 0, **more: object) -> list[str]:
    reference = Reference(titles=(title,) if title else (), authors=authors, year=year, **more)  # type: ignore[arg-type]  # fields of it
    resolved = resolve(reference, titles)
    return [paper.value for paper in resolved.papers] if resolved else []


class TestNormal:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("{GP-VTON:} Towards {T}ry-On", "GP-VTON: Towards try on"),
            (r"Schr\"odinger's {\em cat}", "Schrödinger’s Cat"),
            (r"$\alpha$-decay", "Alpha decay"),
            (r"Prompt \& predict", "Prompt and Predict"),
            ("A data set", "A dataset"),
            (r"H$_2$O", "H2O"),
            ("Über straße", "UBER STRASSE"),
        ],
    )
    def test_the_same_title(self, one: str, other: str) -> None:
        assert squeezed(normal_title(one)) == squeezed(normal_title(other))

    def test_a_successor_is_not_its_predecessor(self) -> None:
        assert squeezed(normal_title("BusterX++: Video")) != squeezed(normal_title("BusterX: Video"))

    @pytest.mark.parametrize(
        ("keyname", "word"),
        [
            ("van der Berg", "berg"),
            ("Garcia Lopez", "garcia"),
            ("LIGO Collaboration", "ligo"),
            ("Müller", "muller"),
            ("", ""),
        ],
    )
    def test_surnames(self, keyname: str, word: str) -> None:
        assert surname(keyname) == word

    @given(st.text(max_size=200))
    def test_any_text(self, text: str) -> None:
        assert (
            normal_title(normal_title(text)).replace("\x1f", " ") == normal_title(text).replace("\x1f", " ")
            or text
        )
        assert len(running(text).words) == len(running(text).closes)


class TestIdsAndDois:
    def test_an_id_needs_no_library(self) -> None:
        assert resolve(Reference(ids=(ATTENTION,)), Titles.build([])) is not None

    def test_a_doi_of_the_library(self) -> None:
        titles = library(Work(FEDERATED, "Federated kinship", ("Curie",), 2021, "10.1000/ABC"))
        assert found(titles, "Federated kinship", dois=("10.1000/abc",)) == ["2101.00001"]
        assert found(titles, "", dois=("10.1000/abc",)) == ["2101.00001"]

    def test_a_doi_that_the_title_contradicts_is_a_slip(self) -> None:
        titles = library(Work(FEDERATED, "Federated kinship", ("Curie",), 2021, "10.1000/abc"))
        assert found(titles, "Something else", dois=("10.1000/abc",)) == []

    def test_a_doi_of_two_papers_means_neither(self) -> None:
        titles = library(
            *(Work(PaperId(f"2101.0000{i}"), f"Kin {i}", (), 2021, "10.1000/abc") for i in (1, 2))
        )
        assert found(titles, "", dois=("10.1000/abc",)) == []


class TestTitles:
    @pytest.mark.parametrize(
        "title", ["{Attention} is All you Need", "Attention is all you need.", "Attention is all\n  you need"]
    )
    def test_the_title_with_its_authors(self, title: str) -> None:
        assert found(library(), title, "Ashish Vaswani and others", 2017) == ["1706.03762"]

    def test_other_authors_mean_another_work(self) -> None:
        assert found(library(), "Attention is all you need", "Doe, Jane", 2017) == []

    def test_a_short_title_needs_names(self) -> None:
        titles = library(Work(FEDERATED, "Deep learning", ("Curie",), 2021))
        assert found(titles, "Deep learning", "", 2021) == []
        assert found(titles, "Deep learning", "Curie, Marie", 2021) == ["2101.00001"]

    def test_a_short_title_of_a_company(self) -> None:
        titles = library(Work(FEDERATED, "GPT-4 Technical Report", ("OpenAI", "Achiam"), 2023))
        assert found(titles, "{GPT-4} technical report", "OpenAI", 2024) == ["2101.00001"]

    def test_of_two_with_one_title_the_names_tell(self) -> None:
        titles = library(
            Work(FEDERATED, "Natural Language Generation", ("Reiter",), 2021),
            Work(PaperId("2101.00002"), "Natural Language Generation", ("Lin",), 2021),
        )
        assert found(titles, "Natural language generation", "Ehud Reiter") == ["2101.00001"]
        assert found(titles, "Natural language generation") == []

    def test_a_long_title_without_names_is_enough_if_the_year_fits(self) -> None:
        long = "Zebrafish locomotion under stroboscopic anaesthesia reveals cortical metronomes"
        titles = library(Work(FEDERATED, long, (), 2021))
        assert found(titles, long, "Doe, Jane", 2022) == ["2101.00001"]
        assert found(titles, long, "Doe, Jane", 1960) == []


class TestLikeness:
    TITLE = "Zebrafish Metronomes: Learning to Summarize Locomotion from Human Feedback"

    @pytest.mark.parametrize(
        "title",
        [
            "Zebrafish metronomes: learning to summarise locomotion from human feedback",
            "Zebrafish metronome: Learning to summarize locomotions with human feedback",
            "Zebrafish metronomes",
            "Learning to summarize locomotion from human feedback",
            "Zebrafish metronomes: Learning to summarize locomotion from",
            "Zebrafish Metronomes: Summarizing Locomotion from Feedback",
        ],
    )
    def test_a_title_that_is_nearly_the_same(self, title: str) -> None:
        titles = library(Work(FEDERATED, self.TITLE, ("Curie", "Noether"), 2021))
        assert found(titles, title, "Curie, M. and Noether, E.", 2022) == ["2101.00001"]
        assert found(titles, title, "Doe, Jane and Roe, R.", 2022) == []

    @pytest.mark.parametrize(
        ("held", "asked"),
        [
            (
                "Belief Filtering for Epistemic Control in Linguistic State Space",
                "Belief Injection for Epistemic Control in Linguistic State Space",
            ),
            ("Kimi-VL Technical Report", "MiMo-VL Technical Report"),
            (
                "Findings of the BabyLM Challenge on Plausible Corpora",
                "Findings of the Second BabyLM Challenge on Plausible Corpora",
            ),
            ("DEPTHOR++: Robust Depth Enhancement", "DEPTHOR: Robust Depth Enhancement"),
            (
                "SemEval-2016 Task 4: Sentiment Analysis in Twitter",
                "SemEval-2017 Task 4: Sentiment Analysis in Twitter",
            ),
            (
                "Phase Transitions of Stochastic Block Models II",
                "Phase Transitions of Stochastic Block Models I",
            ),
            ("Llama 2: Open Foundation and Chat Models", "Llama: Open Foundation and Chat Models"),
            (
                "Learning with Supervision of Zebrafish Locomotion",
                "Learning without Supervision of Zebrafish Locomotion",
            ),
        ],
    )
    def test_a_series_has_several_works(self, held: str, asked: str) -> None:
        titles = library(Work(FEDERATED, held, ("Curie", "Noether"), 2021))
        assert found(titles, asked, "Curie, M. and Noether, E.", 2021) == []

    def test_a_title_changed_long_after_is_of_another_work(self) -> None:
        titles = library(Work(FEDERATED, self.TITLE, ("Curie", "Noether"), 2021))
        assert (
            found(
                titles, "Zebrafish Metronomes: Summarizing Locomotion from Feedback", "Curie, Noether", 2018
            )
            == []
        )

    @given(st.text(alphabet="abc", max_size=12), st.text(alphabet="abc", max_size=12), st.integers(0, 4))
    def test_distance(self, one: str, other: str, most: int) -> None:
        row = list(range(len(other) + 1))
        for place, char in enumerate(one, 1):
            fresh = [place]
            for column, against in enumerate(other, 1):
                fresh.append(min(fresh[-1] + 1, row[column] + 1, row[column - 1] + (char != against)))
            row = fresh
        assert within_distance(one, other, most) == (row[-1] <= most)


class TestInText:
    @pytest.mark.parametrize(
        "text",
        [
            "A. Vaswani, N. Shazeer, Attention is all you need, Adv. Neural Inf. Process. Syst. 30 (2017).",
            "VASWANI, A. et al. (2017). Attention is all you need. NeurIPS.",
            "Vaswani A 2017 Attention is all you need, Adv. NIPS",
            "Vaswani, A., et al.: Attention is all you need. In: NIPS, pp. 1-11 (2017)",
            "A. Vaswani, “Attention is all you need,” in NIPS, 2017",
            "A. Vaswani. Atten-\ntion is all you need. NIPS",
        ],
    )
    def test_a_title_in_running_text(self, text: str) -> None:
        resolved = resolve(Reference(text=text, year=2017), library())
        assert resolved is not None
        assert (resolved.papers, resolved.by) == ((ATTENTION,), Means.TEXT)

    @pytest.mark.parametrize(
        "text",
        [
            "J. Doe, Attention is all you need in speech separation, ICASSP 2021.",
            "J. Doe, Attention is all you need: a survey, 2019.",
            "A. Vaswani, Why attention is all you need, 2019.",
            'A. Vaswani, A note on "Attention is all you need", 2019.',
            "A. Vaswani, Attention is all you need (II), 2019.",
        ],
    )
    def test_part_of_another_title(self, text: str) -> None:
        assert resolve(Reference(text=text), library()) is None


class TestTable:
    def test_papers_of_the_store(self) -> None:
        titles = Titles.of([a_paper(1, doi="10.1000/abc"), a_paper(2, title="")])
        assert len(titles) == 2
        assert found(titles, "On the kinship of papers, part 1", "Marie Curie", 2024) == ["2401.00001"]
        assert titles.fingerprint != Titles.of([a_paper(1)]).fingerprint

    def test_an_empty_library(self) -> None:
        assert (
            found(Titles.build([]), "Attention is all you need", "Vaswani", text="Attention is all you need")
            == []
        )

    @given(st.lists(st.text(max_size=60), max_size=8))
    def test_any_titles_are_found_again(self, names: list[str]) -> None:
        titles = Titles.build(Work(PaperId(f"2401.{i:05}"), name) for i, name in enumerate(names, 1))
        for row, name in enumerate(names):
            assert row in titles.exact(normal_title(name)) or not squeezed(normal_title(name))
