import time
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from indexer.plain_text import one_line, readable, sentences, unaccent_tex

TEXISH = st.text(alphabet="\\{}$^_~&%'`\"abxyz 12.,-()[]<>\n", max_size=60)
FRAGMENTS = st.lists(
    st.sampled_from(
        ["\\frac", "{", "}", "$", "$$", "\\alpha", "\\'", "^", "_", "\\(", "\\)", "\\begin{equation}", "\\sqrt[", "x",
         " ", "~", "\\mathbb{R}", "--", "``", "''", "&amp;", "<n>", "%",
         "\\href{a}", "\\unicode{x", "\\SI", "\\\\", "5"]
    ),
    max_size=25,
).map("".join)  # fmt: skip


@pytest.mark.parametrize(
    ("tex", "shown"),
    [
        ("Attention is all you need", "Attention is all you need"),
        (r"$\alpha$-decay", "α-decay"),
        (r"\emph{x} and \textit{y} and {\bf z}", "x and y and z"),
        (r"\"{o} \'e {\o} \v{s} \c{c} \H{o} \~n \'{\i} \aa \ss", "ö é ø š ç ő ñ í å ß"),
        (r"Schr\"odinger, Poincar\'e, K\o benhavn, \L{}ukasz", "Schrödinger, Poincaré, København, Łukasz"),
        (
            r"Schr{\"o}dinger's ans{\"a}tze, {\'C}wik, {\'\i}, {\"uber}",
            "Schrödinger's ansätze, Ćwik, í, \"uber",
        ),
        (r"$10^{-3}$ and $10^3$", "10⁻³ and 10³"),
        (r"$\mathbb{R}^n$ over $\mathbb{F}_2$", "ℝⁿ over 𝔽₂"),
        (r"$\mathcal{N}=4$", "N=4"),
        (r"$L^p$, $x_i$, $x_{i,j}$, $p_T$, $e^{-x^2}$", "L^p, x_i, x_(i,j), p_T, e^(-x²)"),
        (r"$SU(2)_L \times U(1)_Y$", "SU(2)_L × U(1)_Y"),
        (r"$A^{\dagger}$ $f^{\prime}$ $f''$ $20^\circ$C $5^{th}$ $Q^*$", "A† f′ f′′ 20°C 5th Q*"),
        (r"$\frac{a+b}{2}$ $\sqrt{s}$ $\sqrt[3]{x+1}$ $\binom{n}{k}$", "(a+b)/2 √s ∛(x+1) (n choose k)"),
        (r"$B^0_s \to \mu^+\mu^-$", "B⁰_s → μ⁺μ⁻"),
        (r"$O(n\log n)$, $\Delta t$, $x\le y$, $\sim 5$", "O(n log n), Δt, x≤y, ~5"),
        (r"$\hat{x}$ $\not\in$ $\widehat{AB}$", "x̂ ∉ AB"),
        (r"\(\ell_1\) \[x^2\] $$y$$ $N$$=$$3$", "ℓ₁ x² y N=3"),
        (r"\begin{equation}E=mc^2\end{equation}", "E=mc²"),
        (r"5\,\textmu m, 10\%, S\&P, a\_b, \$5, \#1", "5 µm, 10%, S&P, a_b, $5, #1"),
        (r"$5\ \mathrm{km\,s^{-1}}$ and $\text{max of } x_1$", "5 km s⁻¹ and max of x₁"),
        (r"\href{https://a.b}{our page}, \url{https://a.b/~c_d}", "our page, https://a.b/~c_d"),
        (r"as shown~\cite{a,b}. Here\footnote{There}", "as shown. Here (There)"),
        (r"\textcolor{red}{x} \texorpdfstring{$\alpha$}{alpha}", "x α"),
        (r"\textbf{S}parse and \method{} and \ours", "Sparse and method and ours"),
        (r"H$_2$O, CH$_{4}$, $^{13}$C, Co$^{2+}$", "H₂O, CH₄, ¹³C, Co²⁺"),
        (r"$\unicode{x2013}$", "–"),
        ("pages 1--5, a --- b, run --flag, so -- it is", "pages 1–5, a — b, run --flag, so – it is"),
        ("``quoted'' text", "“quoted” text"),
        ("see~Fig.~1 at ~10 m, http://a.b/~c", "see Fig. 1 at ~10 m, http://a.b/~c"),
        ("one.<n>Two &amp; x &lt; y &#8211; z", "one. Two & x < y – z"),
        ("CO<sub>2</sub> and <i>in vivo</i>", "CO₂ and in vivo"),
        ("{B}ayesian {A, B}", "Bayesian {A, B}"),
        ("O(N^2) and 2x10^-4 and a^b", "O(N²) and 2x10⁻⁴ and a^b"),
        ("  two\n lines\t ", "two lines"),
        ("", ""),
    ],
)
def test_readable(tex: str, shown: str) -> None:
    assert readable(tex) == unicodedata.normalize("NFC", shown)


@pytest.mark.parametrize(
    "text",
    [
        "95% of the 5% level",
        "it costs $5 per hour",
        "between $5 and $10 per hour",
        "$5-$10 or ($3M to $300M+ in 5 years)",
        "from $90 to $190 a month",
        "snake_case_names and R&D, a < b > c",
        "file_{name",
        "cost$",
        "#1 & more",
        "C++ and C# {x: 1, y: 2}",
        "don't, 'so', it's",
        "<think> tags and <SEG> tokens",
        "AT&T; then",
    ],
)
def test_what_is_no_tex_stays(text: str) -> None:
    assert readable(text).replace("{", "").replace("}", "") == text.replace("{", "").replace("}", "")


@pytest.mark.parametrize(
    ("tex", "shown"),
    [
        (r"broken $\alpha and {\bf this", "broken $α and this"),
        (r"\frac{1", "1/"),
        ("\\", ""),
        ("{", ""),
        ("}", ""),
        ("$", "$"),
        ("$$", "$$"),
        (r"\'", "'"),
        (r"x^", "x^"),
        (r"$x^$", "x"),
        (r"it\'s \"so\" and don\'t", "it's \"so\" and don't"),
        (r"\[1\] and \(", "1 and ("),
        (r"\unicode{zzz}\unicode{999999999999}", ""),
    ],
)
def test_broken_tex_keeps_its_words(tex: str, shown: str) -> None:
    assert readable(tex) == shown


@settings(deadline=None)  # the first TeX loads the table of symbols
@given(TEXISH | FRAGMENTS | st.text(max_size=60))
@example("\\" * 50)
@example("{" * 3000)
@example("$\\frac" * 300)
@example("\\emph{" * 500 + "x" + "}" * 500)
@example("$" + "x^{" * 400 + "y" + "}" * 400 + "$")
@example("\ud800\x00")
def test_any_text_becomes_one_clean_line(tex: str) -> None:
    shown = readable(tex)
    assert shown == one_line(shown)
    assert "<n>" not in shown
    shown.encode()


@given(st.text(alphabet="abc XYZ äöß 0123 .,;:!?()-%_#@/'\"", max_size=80))
def test_a_text_without_tex_is_only_folded(text: str) -> None:
    if "--" not in text and "''" not in text:
        assert readable(text) == " ".join(text.split())


@pytest.mark.parametrize(
    "unit", ["\\(", "$", "$$", "{", "``", "\\frac{", "<i>", "&amp", "~", "$5 a ", "(", "“"]
)
def test_a_hostile_text_takes_little_time(unit: str) -> None:
    text = unit * (20_000 // len(unit))
    start = time.process_time()
    readable(text)
    sentences(text)
    assert time.process_time() - start < 5


def test_a_text_beyond_reading_is_only_folded() -> None:
    assert readable("$\\alpha$ \n" + "x" * 20_000) == "$\\alpha$ " + "x" * 20_000


def test_plain_abstracts_are_fast() -> None:
    abstract = "We study the kinship of papers and find that 95% of them have kin. " * 20
    start = time.process_time()
    for _ in range(2000):
        readable(abstract)
    # 200,000 in a minute; a machine ten times slower than ours still passes
    assert time.process_time() - start < 0.6


@given(st.text(max_size=80))
def test_one_line_is_clean_and_stays(text: str) -> None:
    line = one_line(text)
    assert line == one_line(line) == " ".join(line.split())
    assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in line)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (" a \n b\t", "a b"),
        ("a\x00b\x1bc", "abc"),
        ("x\ud83dy", "x\ufffdy"),
        ("a\xa0b", "a b"),
        ("\ufeffa", "a"),
    ],
)
def test_one_line(text: str, line: str) -> None:
    assert one_line(text) == line


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Noether", "Noether"),
        (r"Schr\"{o}dinger", "Schrödinger"),
        (r"Erd\H{o}s", "Erdős"),
        ("Eric~Granger", "Eric Granger"),
        ("Nguy\\~ên", "Nguyễn"),
        (r"Tolúl\d{o}pé", "Tolúlọpé"),
        ("{Ü}mit", "Ümit"),
        ("St\\ütz", "Stütz"),
        ("Aakur\\\\", "Aakur"),
        (r"Deng\textsuperscript", "Deng"),
        (r"Deng\textsuperscript{1,2}", "Deng"),
        (r"G\"unther$^{1}$", "Günther"),
        (r"Ji\v{r}\'{\i}", "Jiří"),
        (r"\L ukasz \O rsted Gro{\ss}", "Łukasz Ørsted Groß"),
        ("O'Brien-d'Arc", "O'Brien-d'Arc"),
        (r"Mur\'anyi", "Murányi"),
        (r"G{\"o}del and Mi{\'c}i{\'c}", "Gödel and Mićić"),
        (r"\'Swi\k{a}tek, \'{S}mieja", "Świątek, Śmieja"),
        (r"d'Ambrosio D\'Ambrosio O\'Neill", "d'Ambrosio D'Ambrosio O'Neill"),
        (r"Nguy\~{\^e}n Tr\`{\^a}n Ho\`ang Ph\d{a}m", "Nguyễn Trần Hoàng Phạm"),
        (r"\aa berg \AA berg Joh\o nnes \O stg\aa rd", "åberg Åberg Johønnes Østgård"),
        (r"\DJ or\dj evi\'c \v{C}apek \L{}uczak \.I", "Đorđević Čapek Łuczak İ"),
        (r"\\o Dan\'{\i}elsson", "o Daníelsson"),
        ("", ""),
    ],
)
def test_names(name: str, letters: str) -> None:
    assert unaccent_tex(name) == letters


@pytest.mark.parametrize(
    "parts",
    [
        ["We find 3.5 sigma.", "This is new."],
        ["See Smith et al. (2019), e.g. Fig. 3 and Eq. 4, i.e. the best.", "It works."],
        ["As shown by Lee et al. The method works."],
        ["The work of J. R. Oppenheimer and Dr. A. B. Smith vs. others is old.", "Ours is new."],
        ["Is it so?", "Yes!", "It is."],
        ["Code is at https://a.b/c.d?e=f. It runs."],
        ["In $x. Y$ we trust.", "And in $$a. B$$ too."],
        ["Results agree with theory [1].", "We conclude."],
        ["(This is all.)", "It runs."],
        ["It holds (see Sec. 2. There it is.) for all.", "Done."],
        ["He said “Go. Now.” to them.", "They went."],
        ["We use k-means, SVMs, etc. for this.", "We win."],
        ["We use k-means, SVMs, etc.", "We win."],
        ["It runs on the U.S. grid.", "The end."],
        ["Data are i.i.d. and clean.", "We test."],
        ["1. First we read.", "2. Then we write."],
        ["It costs $5. We pay $6.", "Fine."],
        ["Accuracy is 95.3%.", "$k$-means is worse.", "\\emph{Nothing} helps."],
        ["We use vitamin C.", "We measure."],
        ["Results hold for all n.", "iPhone users agree.", "k-means too."],
        ["The model of Node.js is async.", "It waits."],
        ["Wait... what is this?", "A test."],
        ["One sentence without an end"],
        [],
    ],
)
def test_sentences(parts: list[str]) -> None:
    expected = {
        "As shown by Lee et al. The method works.": ("As shown by Lee et al.", "The method works."),
        "Code is at https://a.b/c.d?e=f. It runs.": ("Code is at https://a.b/c.d?e=f.", "It runs."),
        "It costs $5. We pay $6.": ("It costs $5.", "We pay $6."),
    }
    wanted = tuple(found for part in parts for found in expected.get(part, (part,)))
    assert sentences(" ".join(parts)) == wanted


def test_a_lost_space_still_ends_a_sentence() -> None:
    assert sentences("It is a problem.We solve it.") == ("It is a problem.", "We solve it.")


@given(TEXISH | st.text(max_size=100) | st.lists(st.sampled_from(
    ["We win.", "e.g.", "Fig. 3", "(a. B)", "$x. Y$", "“Go. ", "[1]", "!", "?", "…", "J. R.", "A.", "http://a.B", "\n"]
), max_size=20).map(" ".join))  # fmt: skip
def test_sentences_lose_nothing(text: str) -> None:
    parts = sentences(text)
    assert "".join(parts).replace(" ", "") == one_line(text).replace(" ", "")
    assert all(part and part == one_line(part) for part in parts)
