"""Texts for people's eyes: TeX made readable, whitespace folded, abstracts cut into sentences; pure."""

from __future__ import annotations

import html
import re

from indexer.tex import to_unicode
from indexer.tex_maths import maths_spans

# What only a text that needs work has. Looking for each is ten times as fast as one regular expression for all.
_MARKS = ("\\", "$", "{", "}", "~", "^", "&", "<", "--", "``", "''")
_TEX = re.compile(r"[\\${}~^]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ufeff\ufffe\uffff]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,10}\d?);")
_LINE_BREAK = re.compile(r"<(?:n|br|p|/p|jats:[a-z]+|/jats:[a-z]+)\s*/?>", re.IGNORECASE)
_PAIRED = re.compile(
    r"<(i|b|em|strong|u|tt|sc|italic|bold|underline|monospace|uri|p)>([^<>]*)</\1>", re.IGNORECASE
)
_RAISED = re.compile(r"<(sup|sub)>([^<>]{1,40})</\1>", re.IGNORECASE)
_FORMULA_TAG = re.compile(r"</?(?:inline-formula|alternatives|tex-math|mml:[a-z]+)\b[^<>]*>")
_EM_DASH = re.compile(r"(?<!-)---(?!-)")
_EN_DASH = re.compile(r"(?<=[^\s-])--(?=[^\s-])|(?<= )--(?= )")
_DOUBLE_QUOTES = re.compile(r"``(.{1,500}?)''")
_SINGLE_QUOTES = re.compile(r"(?<![`\w])`([^`']{1,80})'(?!')")
# The same marks, looked for at once: for texts as short as names that takes a third of the time.
_NAME_MARKS = re.compile(r"[\\${}~^&<]|--|``|''")
_NAME_MARK = re.compile(r"\$\s*\^[^$]*\$|\\textsuperscript\s*\{[^{}]*\}")
# Names have no quotations, and a letter's command swallows the space after it: D\'Ambrosio, \'Swi\k{a}tek, \aa berg.
_NAME_APOSTROPHE = re.compile(r"(?<=[A-Za-z])\\'(?=[A-Z])")
_NAME_ACCENT = re.compile(r"""\\(['"])\s*([A-Za-z])""")
_NAME_LETTER = re.compile(r"(?<!\\)\\(aa|AA|ae|AE|oe|OE|o|O|l|L|ss|i|j|dj|DJ|dh|DH|th|TH|ng|NG)\s+(?=\w)")


_MAX_LENGTH = 20_000  # ten times a long abstract; bounds the time that a hostile text can take


def one_line(text: str) -> str:
    """Fold whitespace into single spaces, drop control characters, replace lone surrogates by U+FFFD."""
    if not text.isprintable():
        text = _SURROGATE.sub("\ufffd", _CONTROL.sub("", text))
    elif "  " not in text and text[:1] != " " and text[-1:] != " ":
        return text
    return " ".join(text.split())


def readable(tex: str) -> str:
    r"""Turn the TeX and HTML of a title or abstract into Unicode on one line: `$\alpha$-decay` to α-decay.

    Never fails: broken TeX keeps its words. A `%` is a percent sign, a lone `$` a dollar; `_` outside maths
    stays. A text of more than 20,000 characters is only folded.
    """
    text = one_line(tex)
    if len(text) > _MAX_LENGTH or not any(mark in text for mark in _MARKS):
        return text
    if "&" in text:
        text = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
    if "<" in text:
        text = _without_tags(text)
    text = _dashes(text)
    if _TEX.search(text):
        text = to_unicode(text)
    return one_line(_quotes(text))


def _without_tags(text: str) -> str:
    """Take out the few tags that metadata carries (`<n>` stands for a line's end); other `<` are signs."""
    text = _LINE_BREAK.sub(" ", text)
    text = _RAISED.sub(lambda found: ("^" if found[1].lower() == "sup" else "_") + "{" + found[2] + "}", text)
    return _FORMULA_TAG.sub(" ", _PAIRED.sub(r"\2", _PAIRED.sub(r"\2", text)))


def _dashes(text: str) -> str:
    return _EN_DASH.sub("–", _EM_DASH.sub("—", text)) if "--" in text else text


def _quotes(text: str) -> str:
    if "`" not in text:
        return text
    return _SINGLE_QUOTES.sub(r"‘\1’", _DOUBLE_QUOTES.sub(r"“\1”", text))


def unaccent_tex(name: str) -> str:
    r"""Turn the TeX of a name into letters (`Schr\"{o}dinger` to Schrödinger) without footnote marks."""
    if not _NAME_MARKS.search(name):
        return one_line(name)
    marked = _NAME_MARK.sub("", name.replace("~", " ") if "\\~" not in name else name)
    if "\\" in marked:
        marked = _NAME_ACCENT.sub(r"\\\1{\2}", _NAME_APOSTROPHE.sub("'", marked))
        marked = _NAME_LETTER.sub(r"\\\1{}", marked)
    return one_line(to_unicode(one_line(marked)))


# Words that a full stop follows without ending the sentence.
_NEVER_LAST = """
e.g i.e cf vs viz ca approx resp fig figs eq eqs eqn eqns sec secs sect ref refs tab thm prop lem cor def
ch chap app alg no nos vol vols pp p dr prof mr mrs ms st jr sr inst univ dept dist est ver rev ed eds jan
feb mar apr jun jul aug sep sept oct nov dec ph.d m.sc b.sc mt incl excl esp min max avg std temp e.t.c
"""
# Some that do end sentences too: they do when a word follows that begins one.
_SOMETIMES_LAST = (
    "al etc u.s u.k e.u inc ltd co corp w.r.t i.i.d a.k.a a.s a.e s.t w.l.o.g d.o.f p.m a.m no max min app"
)
_FIRST = """
We The This These Those That It In Our Here However Moreover Furthermore Finally Then Thus Hence Therefore
To For On At As An By With When While Although Though Since If Using Based Both There They Their Such
First Second Third Additionally Specifically Existing Recent Recently Extensive Experiments Experimental
Results Code Consequently Despite From Most Many Some Unlike Given Building Inspired Its After Also Along
Yet
"""
_SOMETIMES = frozenset(_SOMETIMES_LAST.split())
_NEVER = frozenset(_NEVER_LAST.split()) - _SOMETIMES
_STARTERS = frozenset(_FIRST.split())
_PROTECTED = re.compile(
    r"\([^()]*(?:\([^()]*\)[^()]*)*\)|\[[^\[\]]*\]|\{[^{}]*\}|https?://[^\s)]*[^\s).,;]|“[^“”]{1,300}”"
)
_END = re.compile(r"""[.!?…]+["'”’)\]}]*(?:\s*\[[\d,\s–-]+\][.]?)?(?=\s|[A-Z][a-z]*\s)""")
_BEFORE = re.compile(r"[^\s(\[{“\"'‘—–/]*$")
_NEXT = re.compile(r"\s*[(\[{“\"'‘$\\]*\s*([^\s]*)")
_LOWER_START = re.compile(r"[a-z]{1,3}-[a-zA-Z]|[a-z]+[A-Z0-9]|\\|\$")
_INITIALS = re.compile(r"(?:[A-Z]\.?-?)+")
_NUMBER = re.compile(r"\(?(?:\d{1,2}|[ivx]{1,4}|[a-z])\)?")


def sentences(text: str) -> tuple[str, ...]:
    """Cut an abstract into its sentences, each on one line; together they are the text, nothing is lost.

    Never cuts inside maths, brackets, quotations or addresses, nor after abbreviations, initials and the
    numbers of a list.
    """
    line = one_line(text)
    protected = sorted((*(found.span() for found in _PROTECTED.finditer(line)), *maths_spans(line)))
    parts: list[str] = []
    start = index = 0
    for found in _END.finditer(line):
        while index < len(protected) and protected[index][1] <= found.start():
            index += 1
        inside = index < len(protected) and protected[index][0] <= found.start()
        if inside and not _closes(line, found, protected[index]):
            continue
        if _ends(line[start : found.start()], found[0], line[found.end() :][:80]):
            parts.append(line[start : found.end()].strip())
            start = found.end()
    parts.append(line[start:].strip())
    return tuple(part for part in parts if part)


def _closes(line: str, found: re.Match[str], span: tuple[int, int]) -> bool:
    """Tell whether a sentence as a whole stands in brackets or quotation marks: "(See there.)"."""
    opens_sentence = span[0] == 0 or line[: span[0]].rstrip()[-1:] in ("", ".", "!", "?")
    return line[span[0]] in "(“[" and found.end() >= span[1] and (opens_sentence or line[span[0]] == "“")


def _ends(before: str, stop: str, after: str) -> bool:
    """Decide whether `stop` ends the sentence `before`, seeing what comes after."""
    following = _NEXT.match(after)
    word = following[1] if following else ""
    if not after.strip():
        return True
    if not after[0].isspace():  # "problem.We": a space was lost, unless it is "Node.Js" or "U.S"
        return _bare(word) in _STARTERS and before[-2:].isalpha() and before[-2:].islower()
    opening = after.strip()[0]
    if opening.islower() and not _LOWER_START.match(word):
        return False
    if not (opening.isalnum() or opening in "([{“\"'‘$\\<–—*•"):
        return False
    return stop[0] != "." or len(stop) > 1 or _stop_ends(before, _bare(word))


def _stop_ends(before: str, word: str) -> bool:
    """Decide for a plain full stop by the word in front of it."""
    found = _BEFORE.search(before[-40:])
    last = found[0] if found else ""
    lower = last.lower()
    if lower in _NEVER or lower.rpartition(".")[2] in ("e.g", "i.e"):
        return False
    initials = len(last) == 1 and last.isupper()
    dotted = "." in last and _INITIALS.fullmatch(last) and len(last.replace(".", "")) <= 3
    if lower in _SOMETIMES or initials or dotted:
        return word in _STARTERS
    return not (_NUMBER.fullmatch(last) and before.strip() == last)


def _bare(word: str) -> str:
    return word.rstrip(".,;:!?)")
