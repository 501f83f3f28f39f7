"""What TeX commands look like in Unicode: the tables behind `indexer.tex`."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from types import MappingProxyType

MARKS = MappingProxyType(
    {
        "'": "\u0301", "`": "\u0300", '"': "\u0308", "^": "\u0302", "~": "\u0303", "=": "\u0304",
        ".": "\u0307", "u": "\u0306", "v": "\u030c", "H": "\u030b", "c": "\u0327", "k": "\u0328",
        "r": "\u030a", "d": "\u0323", "b": "\u0331", "acute": "\u0301", "grave": "\u0300",
        "ddot": "\u0308", "hat": "\u0302", "widehat": "\u0302", "tilde": "\u0303",
        "widetilde": "\u0303", "Tilde": "\u0303", "bar": "\u0304", "overline": "\u0304",
        "dot": "\u0307", "breve": "\u0306", "check": "\u030c", "mathring": "\u030a", "vec": "\u20d7",
        "not": "\u0338",
    }
)  # fmt: skip
LETTERS = frozenset(
    {
        "o",
        "O",
        "l",
        "L",
        "ss",
        "ae",
        "AE",
        "oe",
        "OE",
        "aa",
        "AA",
        "i",
        "j",
        "dh",
        "DH",
        "dj",
        "DJ",
        "th",
        "TH",
        "ng",
        "NG",
    }
)
UNIT_SIGNS = frozenset({"textmu", "micro", "textdegree", "degree"})
SUPERSCRIPTS = str.maketrans("0123456789+-−=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿⁱ")
SUBSCRIPTS = str.maketrans("0123456789+-−=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎")
BARE_SUPERSCRIPTS = frozenset({"*", "°", "′", "″", "†", "‡", "st", "nd", "rd", "th", "®", "™"})

# Symbols that pylatexenc 2.11 lacks or writes in a way that reads badly in running text.
_MORE_SYMBOLS = MappingProxyType(
    {
        "circ": "°", "epsilon": "ε", "phi": "φ", "sim": "~", "prime": "′", "mid": "|", "ast": "*",
        "star": "*", "top": "⊤", "leqslant": "≤", "geqslant": "≥", "ne": "≠", "lor": "∨",
        "land": "∧", "lnot": "¬", "neg": "¬", "Re": "Re", "Im": "Im", "checkmark": "✓", "Box": "□",
        "models": "⊨", "triangle": "△", "colon": ":", "S": "§", "P": "¶", "copyright": "©",
        "pounds": "£", "ddag": "‡", "degree": "°", "deg": "°", "lsim": "≲", "gsim": "≳",
        "lbrack": "[", "micro": "µ", "rbrack": "]", "texttimes": "×", "textasciitilde": "~", "textasciicircum": "^",
        "textunderscore": "_", "percent": "%", "textquotesingle": "'", "textgreater": ">",
        "textless": "<", "odot": "⊙", "Msun": "M⊙", "msun": "M⊙", "ie": "i.e.", "eg": "e.g.",
        "etc": "etc.", "vs": "vs.", "rm": "", "to": "→", "over": "/", "choose": " choose ",
        "TeX": "TeX", "LaTeX": "LaTeX",
    }
)  # fmt: skip
SILENT = frozenset(
    {
        "bf", "em", "it", "tt", "sf", "sc", "sl", "cal", "mit", "tiny", "small", "large",
        "Large", "normalsize", "footnotesize", "scriptsize", "itshape", "bfseries", "scshape",
        "ttfamily", "sffamily", "normalfont", "displaystyle", "textstyle", "scriptstyle", "limits",
        "nolimits", "noindent", "protect", "xspace", "boldmath", "unboldmath", "centering", "left",
        "right", "middle", "big", "Big", "bigg", "Bigg", "bigl", "bigr", "Bigl", "Bigr", "biggl",
        "biggr", "Biggl", "Biggr", "smash", "mathop", "mathrel", "mathbin", "mathord", "relax",
        "null", "ensuremath", "emph", "textit", "textbf", "textsc", "texttt", "textrm", "textsf",
        "textsl", "mathrm", "mathbf", "mathit", "mathsf", "mathtt", "mathcal", "mathscr",
        "mathfrak", "boldsymbol", "bm", "pmb", "operatorname", "mbox", "hbox", "fbox", "underline",
        "uline", "ul", "url", "enquote", "num", "textup", "textnormal", "title", "uppercase",
        "phantom", "thanks", "nobreak", "allowbreak",
    }
)  # fmt: skip
DROPPED = MappingProxyType(
    {
        "usepackage": 1, "documentclass": 1, "setlength": 2, "label": 1, "vspace": 1, "hspace": 1,
        "color": 1, "ref": 1, "eqref": 1, "begin": 1, "end": 1, "bibliography": 1,
        "includegraphics": 1, "keywords": 1, "pagestyle": 1, "vskip": 0, "hskip": 0, "hfill": 0,
        "maketitle": 0, "cite": 1, "citep": 1, "citet": 1, "citeyear": 1, "citealt": 1, "citealp": 1,
        "citeauthor": 1, "nocite": 1, "footnotemark": 0,
    }
)  # fmt: skip
SPACES = frozenset({"par", "newline", "quad", "qquad", "item", "linebreak", "space", "hline", "enspace"})
LITERAL_SIGNS = frozenset("%&$#_{}()[]*")
SPACE_SIGNS = frozenset(" ,;:>\\\n\t")
_BLACKBOARD: dict[int, str] = {
    **{ord("A") + number: chr(0x1D538 + number) for number in range(26)},
    **{ord(char): struck for char, struck in zip("CHNPQRZ01", "ℂℍℕℙℚℝℤ𝟘𝟙", strict=True)},
}
ROOTS = MappingProxyType({"": "√", "3": "∛", "4": "∜"})


@cache
def symbols() -> dict[str, str]:
    """Give what each TeX command looks like, by name, as pylatexenc has it."""
    # Imported at the first TeX: it takes 60 ms, and the command line starts without.
    from pylatexenc.latex2text import get_default_latex_context_db

    table = {
        spec.macroname: spec.simplify_repl
        for spec in get_default_latex_context_db().iter_macro_specs()
        if isinstance(spec.simplify_repl, str)
        and "%" not in spec.simplify_repl
        and spec.simplify_repl.strip()
    }
    return {**table, **_MORE_SYMBOLS}


def accented(base: str, mark: str) -> str:
    """Put the combining `mark` on the first letter of `base`, composed (NFC) where Unicode has the letter."""
    letter = {"ı": "i", "ȷ": "j"}.get(base[:1], base[:1])
    return unicodedata.normalize("NFC", letter + mark) + base[1:] if letter else ""


def script(text: str, sign: str) -> str:
    """Write a super- or subscript: in Unicode where it has all the characters, else `x^(a+b)`."""
    compact = text.replace(" ", "")
    if not compact or (sign == "^" and (compact in BARE_SUPERSCRIPTS or not compact.strip("′"))):
        return compact
    table = SUPERSCRIPTS if sign == "^" else SUBSCRIPTS
    if all(ord(char) in table for char in compact) and compact.strip("=()"):
        return compact.translate(table)
    word = compact.removeprefix("-")
    plain = len(compact) == 1 or all(char.isalpha() or char.isdecimal() or char == "." for char in word)
    return sign + (compact if plain else f"({text.strip()})")


def blackboard(text: str) -> str:
    """Write double-struck capitals; seven of them are older in Unicode than the alphabet, and stand apart."""
    return text.translate(_BLACKBOARD)


def compound(text: str) -> str:
    """Put parentheses around a text of more than one term or factor."""
    return text if len(text) <= 1 or text.isalnum() or re.fullmatch(r"[\w.]+", text) else f"({text})"
