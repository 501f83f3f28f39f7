"""Bibliographies in the styles that occur: BibTeX, biblatex, `.bbl`, by hand, plain text; and anything at all."""

from __future__ import annotations

import time
from datetime import date
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.papers import PaperId
from indexer.sources.references import biblatex, bibtex, latex, plain
from indexer.sources.references.archives import File
from indexer.sources.references.folder import Sources
from indexer.sources.references.matching import Reference, resolve
from indexer.sources.references.reading import references_of
from indexer.sources.references.titles import Titles, Work

NOW = date(2026, 8, 20)
ATTENTION = PaperId("1706.03762")
TITLES = Titles.build(
    [
        Work(ATTENTION, "Attention Is All You Need", ("Vaswani", "Shazeer"), 2017),
        *(
            Work(PaperId(f"2001.{i:05}"), f"All the attention of network {i}, as you need", ("Doe",), 2020)
            for i in range(1, 300)
        ),
    ]
)


def of_bibtex(text: str) -> list[Reference]:
    return [bibtex.reference(entry, NOW) for entry in bibtex.entries(text)]


def meant(reference: Reference) -> list[str]:
    resolved = resolve(reference, TITLES)
    return [paper.value for paper in resolved.papers] if resolved else []


class TestBibtex:
    @pytest.mark.parametrize(
        "fields",
        [
            "journal = {arXiv preprint arXiv:1706.03762}",
            "eprint = {1706.03762}, archivePrefix = {arXiv}, primaryClass = {cs.CL}",
            'eprint = "1706.03762"',
            "eprinttype = {arxiv}, eprint = {1706.03762v5}",
            "eprint = {https://arxiv.org/pdf/1706.03762}",
            "url = {https://arxiv.org/abs/1706.03762}, journal = {CoRR}",
            "journal = {CoRR}, volume = {abs/1706.03762}",
            "doi = {10.48550/ARXIV.1706.03762}",
            "note = {arXiv:1706.03762 [cs]}",
            "number = {arXiv:1706.03762}, publisher = {arXiv}",
            "arxivId = {1706.03762}",
            "howpublished = {\\url{https://arxiv.org/abs/1706.03762}}",
            "journal = arxiv # { preprint arXiv:1706.03762}",
        ],
    )
    def test_ids_in_any_field(self, fields: str) -> None:
        (reference,) = of_bibtex(
            f'@string{{arxiv = "arXiv"}}\n@article{{vaswani2017, title={{X}}, {fields}}}'
        )
        assert reference.ids == (ATTENTION,)

    def test_an_old_id_with_its_archive_beside_it(self) -> None:
        (reference,) = of_bibtex(
            '@article{a, eprint = "9803131", archivePrefix = "arXiv", primaryClass = "hep-th"}'
        )
        assert reference.ids == (PaperId("hep-th/9803131"),)

    def test_ids_of_other_works_do_not_count(self) -> None:
        text = (
            "@article{a, title={Comment on arXiv:1706.03762}, abstract={As arXiv:1706.03762 says}, "
            "eprinttype={jstor}, eprint={1706.03762}}"
        )
        assert of_bibtex(text)[0].ids == ()

    def test_the_key_of_dblp(self) -> None:
        assert of_bibtex("@inproceedings{DBLP:journals/corr/abs-1706-03762, title={X}}")[0].ids == (
            ATTENTION,
        )

    def test_all_parts(self) -> None:
        text = """
        % a comment, and @nothing
        @Comment{jabref-meta: databaseType:bibtex;}
        @preamble{"\\newcommand{\\x}{}"}
        @inproceedings ( vaswani,
          AUTHOR = "Vaswani, Ashish and Shazeer, {No}am",
          title = {{Attention} is All you {N}eed},
          date = {2017-06-12},
          doi = {https://doi.org/10.1000/ABC\\_1},
        )
        """
        (reference,) = of_bibtex(text)
        assert reference.titles == ("{Attention} is All you {N}eed",)
        assert reference.authors == "Vaswani, Ashish and Shazeer, {No}am"
        assert (reference.year, reference.dois) == (2017, ("10.1000/abc_1",))
        assert meant(reference) == ["1706.03762"]

    def test_a_missing_brace_costs_one_field(self) -> None:
        text = """
        @article{one, title = {A {broken title},
          year = {2017},
          eprint = {1706.03762}
        }
        @article{two,
          title = "no end,
          note = {hep-th/9803131}
        @article{three, title={x} eprint={2001.00001}}
        """
        found = of_bibtex(text)
        assert [reference.ids for reference in found] == [
            (ATTENTION,),
            (PaperId("hep-th/9803131"),),
            (PaperId("2001.00001"),),
        ]

    def test_braces_inside_quotes(self) -> None:
        (entry,) = bibtex.entries('@misc{a, title = "The {"}quoted{"} one", year = 2017}')
        assert entry.fields == {"title": 'The {"}quoted{"} one', "year": "2017"}


NATBIB = r"""
\begin{thebibliography}{2}
\providecommand{\natexlab}[1]{#1}
\bibitem[{Vaswani et~al.(2017)Vaswani, Shazeer}]{vaswani}% a comment
Ashish Vaswani, Noam Shazeer, et~al.
\newblock Attention is all you need.
\newblock \emph{Advances in neural information processing systems}, 30, 2017.

\bibitem[Maldacena(1998)]{malda}
J.~M. Maldacena. Int. J. Theor. Phys. 38 (1999) 1113 [hep-th/9711200].
\end{thebibliography}
and what follows, arXiv:2001.00002
"""
REVTEX = r"""
\bibitem [{\citenamefont {Vaswani}(2017)}]{vaswani}%
  \BibitemOpen
  \bibfield  {author} {\bibinfo {author} {\bibfnamefont {A.}~\bibnamefont {Vaswani}} \ and\
  \bibinfo {author} {\bibnamefont {Shazeer}}, }\
  \bibfield  {title} {\bibinfo {title} {Attention is all you need}, }\href@noop {}
  {\bibfield {journal} {\bibinfo {journal} {Adv. X}}
  \bibinfo {year} {2017}}\BibitemShut {NoStop}%
\bibitem [{\citenamefont {Maldacena}(1998)}]{malda}%
  \BibitemOpen \Eprint {http://arxiv.org/abs/hep-th/9711200} {arXiv:hep-th/9711200} \BibitemShut {NoStop}%
"""
IEEE = r"""
\bibitem{vaswani}
A.~Vaswani and N.~Shazeer, ``Attention is all you need,'' in \emph{Adv. Neural Inf.
  Process. Syst.}, vol.~30, 2017.
\bibitem{malda} J.~Maldacena, ``Large N,'' [arXiv:hep-th/%
  9711200].
"""
ACM = r"""
\bibitem[Vaswani et~al\mbox{.}(2017)]%
        {vaswani}
\bibfield{author}{\bibinfo{person}{Ashish Vaswani} {and} \bibinfo{person}{Noam Shazeer}.}
  \bibinfo{year}{2017}\natexlab{}.
\newblock \showarticletitle{Attention is all you need}. \newblock \bibinfo{journal}{\emph{NIPS}}.
\bibitem{malda} \showeprint{hep-th/9711200}
"""
BY_HAND = r"""
\bibitem{vaswani} A. Vaswani, N. Shazeer, {\it Attention is all you need}, NIPS 30 (2017).
\bibitem{malda} J. Maldacena, Adv. Theor. Math. Phys. 2 (1998) 231, {\tt hep-th/9711200}.
"""
ELSEVIER = r"""
\bibitem{vaswani}
A.~Vaswani, N.~Shazeer, Attention is all you need, Advances in X 30 (2017).
\bibitem{malda} J.~Maldacena, \href{http://arxiv.org/abs/hep-th/9711200}{The large N limit}, JHEP (1998).
"""


class TestLatex:
    @pytest.mark.parametrize("text", [NATBIB, REVTEX, IEEE, ACM, BY_HAND, ELSEVIER])
    def test_styles(self, text: str) -> None:
        found = list(latex.bib_items(latex.without_comments(text), NOW))
        assert [meant(reference) for reference in found] == [["1706.03762"], ["hep-th/9711200"]]
        assert found[0].year == 2017

    def test_amsrefs(self) -> None:
        text = r"""\bib{a}{article}{ author={Vaswani, A.}, title={Attention is all you need}, date={2017} }
            \bib{b}{misc}{eprint={hep-th/9711200}}"""
        assert [meant(bibtex.reference(entry, NOW)) for entry in latex.amsrefs(text)] == [
            ["1706.03762"],
            ["hep-th/9711200"],
        ]

    def test_comments_are_no_text(self) -> None:
        assert latex.without_comments("50\\% of % \\cite{a}\n   it\\\\% gone\nb") == "50\\% of it\\\\b"

    def test_cited_keys(self) -> None:
        text = r"""\cite{a, b} \citep[see][p.~3]{c} \citealp*{d} \textcite{e} \parencites[1]{f}[2]{g}
            \nocite{*} \mycite {h} \label{no}"""
        assert latex.cited_keys(text) == {"a", "b", "c", "d", "e", "f", "g", "h", "*"}

    def test_without_a_command_that_cites_any_word_in_braces_may(self) -> None:
        assert latex.cited_keys(r"\refto{a,b} \label{sec}") == {"a", "b", "sec"}


BIBLATEX = r"""
% $ biblatex auxiliary file $
\refsection{0}
  \datalist[entry]{nty/global//global/global}
    \entry{vaswani}{article}{}{}
      \name{author}{2}{}{%
        {{un=0,hash=1}{%
           family={Vaswani},
           familyi={V\bibinitperiod},
           given={Ashish}}}%
        {{hash=2}{family={Shazeer}, given={Noam}}}%
      }
      \list{publisher}{1}{%
        {X}%
      }
      \field{title}{Attention is all you need}
      \field{year}{2017}
      \verb{doi}
      \verb 10.1000/abc
      \endverb
    \endentry
    \entry{other}{online}{}{}
      \field{eprintclass}{hep-th}
      \field{eprinttype}{arxiv}
      \field{title}{The {large} N limit}
      \verb{eprint}
      \verb hep-th/9711200
      \endverb
    \endentry
  \enddatalist
"""


def test_biblatex() -> None:
    assert biblatex.is_biblatex(BIBLATEX)
    found = [bibtex.reference(entry, NOW) for entry in biblatex.entries(latex.without_comments(BIBLATEX))]
    assert [meant(reference) for reference in found] == [["1706.03762"], ["hep-th/9711200"]]
    assert found[0].dois == ("10.1000/abc",)
    assert found[0].authors == "Vaswani and Shazeer"


class TestPlain:
    @pytest.mark.parametrize(
        "raw",
        [
            "[12] A. Vaswani, Attention is all you need, arXiv:1706.03762 (2017).",
            "[12] A. Vaswani, Attention is all you need, NIPS (2017).",
            "Vaswani, A., Shazeer, N. (2017). Attention is all you need. NeurIPS.",
            "A. Vaswani, N. Shazeer. “Attention is all you need”. In: NeurIPS. 2017.",
            'Vaswani, Ashish et al. "Attention is all you need." Advances 30 (2017).',
        ],
    )
    def test_references(self, raw: str) -> None:
        assert meant(plain.reference(raw, NOW)) == ["1706.03762"]

    @pytest.mark.parametrize(
        "text",
        [
            "7. References\n[1] A. One, A title of some length,\n Nature.\n[2] B. Two, Another title, Science.\n",
            "REFERENCES\n1. A. One, A title of some length, Nature.\n2. B. Two, Another title, Science.",
            "A. One, A title of some length,\nNature.\n\nB. Two, Another title, Science.\n",
            "A. One, A title of some length, Nature.\nB. Two, Another title, Science.\n",
        ],
    )
    def test_lists_are_cut(self, text: str) -> None:
        assert list(plain.split(text)) == [
            "A. One, A title of some length, Nature.",
            "B. Two, Another title, Science.",
        ]

    @pytest.mark.parametrize(
        ("text", "year"),
        [
            ("A, B (2017), pp. 1999-2001.", 2017),
            ("In 2017. arXiv:1903.01234", 2017),
            ("12, 2019a", 2019),
            ("none", 0),
        ],
    )
    def test_years(self, text: str, year: int) -> None:
        assert plain.year_of(text) == year


def read(name: str, data: bytes) -> list[Reference]:
    paper = Sources(PaperId("2401.00001"))
    paper.add(File(PurePosixPath(name), data))
    return references_of(paper, NOW)[0]


PIECES = st.sampled_from(
    [
        *r"{ } \bibitem \bibitem[ @a{b, a={ a=\" % \ \cite{ arXiv: 1706.03762 `` '' \newblock \field{title}{".split(),
        *r"a . é \bib{a}{b}{ “ $ [1] References \name{author}{1}{}{family={ 10.1000/ hep-th/".split(),
        *(
            "\\entry{a}{b}",
            "&amp;",
            "<b>",
            "https://",
            "\n",
            " ",
            "\x00",
            "\ud800",
            "\\verb{doi}\\verb ",
            "\nx={",
            '\nx="',
        ),
    ]
)
LONG = r"{ } \bibitem{ @a{b, x={ abs/ \name{author}{1}{}{ \field{title}{ `` \cite[".split()


@settings(max_examples=60)
@given(
    st.lists(PIECES | st.text(max_size=5), max_size=60).map("".join),
    st.sampled_from([".bib", ".bbl", ".tex", ".txt"]),
)
def test_anything_can_be_read(text: str, ending: str) -> None:
    for reference in read("x" + ending, text.encode("utf-8", "surrogatepass")):
        found = resolve(reference, TITLES)
        assert found is None or found.papers


@pytest.mark.parametrize("ending", [".bib", ".bbl", ".tex", ".txt"])
@pytest.mark.parametrize("piece", [*LONG, "@article{a,\nx={", "\nx={", '\nx="{', "\n \n"])
def test_time_is_linear(piece: str, ending: str) -> None:
    text = (("@article{a," if ending == ".bib" else "\\bibitem{a}") + piece * 100_000)[:200_000]
    started = time.perf_counter()
    for reference in read("x" + ending, text.encode())[:50]:
        resolve(reference, TITLES)
    assert time.perf_counter() - started < 10  # 0.5 s alone on one core; quadratic time would be hours
