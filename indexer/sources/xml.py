"""XML from the network, read strictly: what is cut, bent or hostile is refused, never repaired."""

from __future__ import annotations

import re

from lxml import etree

from indexer.errors import SourceError

_BOM = b"\xef\xbb\xbf"
# What may stand before the root; every alternative begins differently, so that nothing is tried twice.
_PROLOG = re.compile(rb"(?:\s+|<\?.*?\?>|<!--.*?-->)*", re.DOTALL)
_DECLARATION = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_HTML = re.compile(rb"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_HTML_TITLE = re.compile(rb"<title[^>]*>\s*([^<]{1,100})", re.IGNORECASE)
_READABLE = {b"utf-8", b"utf8", b"us-ascii", b"ascii"}

# Everything outside of Char in XML 1.0 (https://www.w3.org/TR/xml/#charsets), plain and as a reference.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_REFERENCE = re.compile("&#(?:([0-9]{1,10})|x([0-9a-fA-F]{1,8}));")
_REPLACEMENT = "\ufffd"


class BadXml(SourceError, ValueError):
    """A body that is no well-formed XML; asked for again it may be."""


class ForeignBody(BadXml):
    """A body of another kind than was asked for: a web page, a document that declares entities."""


def parse(body: bytes, url: str) -> etree._Element:
    """Parse UTF-8 XML that came from `url` and give its root; comments and instructions are left out.

    Raise `ForeignBody` for HTML, for any document type declaration (the vessel of entity bombs) and for other
    encodings, in which one could hide; `BadXml` for what is not well-formed, nested deeper than 256 or has a
    text of over 10 MB.
    """
    _refuse_foreign(body, url)
    try:
        root = etree.fromstring(body, _parser())
    except etree.XMLSyntaxError as error:
        raise BadXml(f"{url} answered with broken XML: {error.msg}; run it again later") from error
    if root.getroottree().docinfo.internalDTD is not None:  # a second look, by the parser itself
        raise _declares_type(url)
    return root


def strip_illegal(body: bytes) -> tuple[bytes, int]:
    """Take out the characters that XML forbids, and how many they were; bytes that are no UTF-8 become U+FFFD."""
    text = body.decode("utf-8", "replace")
    undecodable = text.count(_REPLACEMENT) - body.count(_REPLACEMENT.encode())
    text, plain = _ILLEGAL.subn("", text)
    references = 0

    def checked(found: re.Match[str]) -> str:
        nonlocal references
        code = int(found[1]) if found[1] else int(found[2], 16)
        if code <= 0x10FFFF and (code in (9, 10, 13) or (code >= 0x20 and not _ILLEGAL.match(chr(code)))):
            return found[0]
        references += 1
        return ""

    text = _REFERENCE.sub(checked, text)
    return text.encode(), undecodable + plain + references


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        recover=False,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )


def _refuse_foreign(body: bytes, url: str) -> None:
    """Look at what stands before the root, before any parser does."""
    bare = body.removeprefix(_BOM)
    if b"\0" in bare[:64]:
        raise ForeignBody(f"{url} answered in another encoding than UTF-8; check the address")
    declared = _DECLARATION.match(bare)
    if declared and declared[1].lower() not in _READABLE:
        raise ForeignBody(
            f"{url} answered in the encoding {declared[1].decode('ascii')}, not UTF-8; check the address"
        )
    prolog = _PROLOG.match(bare)
    start = prolog.end() if prolog else 0
    if _HTML.match(bare, start):
        title = _HTML_TITLE.search(bare, start, start + 20_000)
        named = f" ({title[1].decode('utf-8', 'replace').strip()!r})" if title else ""
        raise ForeignBody(
            f"{url} answered with a web page{named}, not with XML; check the address, or run it again later"
        )
    if bare[start : start + 9].upper() == b"<!DOCTYPE":
        raise _declares_type(url)
    if bare[start : start + 1] != b"<":
        said = bare[start : start + 80].decode("utf-8", "replace")
        raise BadXml(f"{url} answered {said!r}, not XML; run it again later")


def _declares_type(url: str) -> ForeignBody:
    return ForeignBody(
        f"{url} answered with a document type declaration, which no service sends and which is not read;"
        " check the address"
    )
