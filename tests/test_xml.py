import gc
import time
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from indexer.errors import SourceError
from indexer.sources.xml import BadXml, ForeignBody, parse, strip_illegal

URL = "https://example.org/feed?page=2"
NOT_ALLOWED = "\x00\x01\x08\x0b\x0c\x0e\x1f\ufffe\uffff"


class TestParsing:
    def test_the_root_is_given(self) -> None:
        root = parse(
            b'\xef\xbb\xbf<?xml version="1.0" encoding="UTF-8"?>\n<!-- hm -->\n<a x="1">\xc3\xa9<b/></a>', URL
        )
        assert root.tag == "a"
        assert root.text == "é"

    def test_comments_and_instructions_are_no_children(self) -> None:
        root = parse(b"<a>x<!-- c -->y<?pi z?><b/></a>", URL)
        assert [child.tag for child in root] == ["b"]
        assert "".join(map(str, root.itertext())) == "xy"

    def test_a_cut_body_is_refused_wherever_it_is_cut(self) -> None:
        body = '<?xml version="1.0" encoding="UTF-8"?>\n<a b="c"><d>é &amp; ü</d><e/></a>'.encode()
        assert parse(body, URL).tag == "a"
        for end in range(len(body)):
            with pytest.raises(BadXml):
                parse(body[:end], URL)

    @pytest.mark.parametrize(
        "body", [b"<a><b></a>", b"<a>&nbsp;</a>", b"<a/><b/>", b"<a>\x08</a>", b"<a>\xe9</a>", b"<a>&#8;</a>"]
    )
    def test_what_is_not_well_formed_is_refused_with_its_url(self, body: bytes) -> None:
        with pytest.raises(BadXml, match=r"page=2 answered with broken XML: .+; run it again later"):
            parse(body, URL)

    @pytest.mark.parametrize(("body", "said"), [(b"", "''"), (b"Rate exceeded.", "'Rate exceeded.'")])
    def test_what_is_no_xml_is_quoted(self, body: bytes, said: str) -> None:
        with pytest.raises(BadXml, match=f"page=2 answered {said}, not XML"):
            parse(body, URL)

    def test_a_failure_is_one_of_the_source(self) -> None:
        assert issubclass(BadXml, SourceError)
        assert issubclass(BadXml, ValueError)


class TestForeignBodies:
    @pytest.mark.parametrize(
        "start", ["<!DOCTYPE html>\n<html>", "<html>", "<HTML lang='en'>", "<!doctype HTML><p>"]
    )
    def test_a_web_page_is_told_by_its_title(self, start: str) -> None:
        with pytest.raises(
            ForeignBody, match=r"page=2 answered with a web page \('Back soon'\), not with XML"
        ):
            parse(f"\n{start}<head><title>Back soon</title>".encode(), URL)

    def test_a_web_page_needs_no_title(self) -> None:
        with pytest.raises(ForeignBody, match="a web page, not with XML"):
            parse(b"<html></html>", URL)

    @pytest.mark.parametrize("prolog", [b"", b'<?xml version="1.0"?>\n', b"<!-- <a> -->", b"\xef\xbb\xbf \n"])
    @pytest.mark.parametrize("subset", [b"", b' SYSTEM "file:///etc/passwd"', b' [<!ENTITY e SYSTEM "x">]'])
    def test_a_document_type_is_refused(self, prolog: bytes, subset: bytes) -> None:
        with pytest.raises(ForeignBody, match="document type declaration"):
            parse(prolog + b"<!DOCTYPE a" + subset + b"><a/>", URL)

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-16-be"])
    def test_a_document_type_cannot_hide_in_another_encoding(self, encoding: str) -> None:
        with pytest.raises(ForeignBody, match="another encoding"):
            parse("<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>".encode(encoding), URL)

    @pytest.mark.parametrize("name", ["utf-7", "UTF-16", "cp037", "iso-8859-1"])
    def test_only_utf_8_is_read(self, name: str) -> None:
        with pytest.raises(ForeignBody, match=f"the encoding {name}, not UTF-8"):
            parse(f'<?xml version="1.0" encoding="{name}"?><a/>'.encode(), URL)

    def test_a_document_type_cannot_hide_in_ebcdic(self) -> None:
        with pytest.raises(BadXml, match="not XML"):
            parse("<?xml version='1.0' encoding='cp037'?><!DOCTYPE a><a/>".encode("cp037"), URL)

    def test_the_word_in_a_text_is_harmless(self) -> None:
        assert parse(b"<a><![CDATA[<!DOCTYPE html>]]></a>", URL).text == "<!DOCTYPE html>"


class TestBombs:
    BILLION = b"<!DOCTYPE a [<!ENTITY x0 'ha'>%s]><a>&x30;</a>" % b"".join(
        b"<!ENTITY x%d '&x%d;&x%d;'>" % (n, n - 1, n - 1) for n in range(1, 31)
    )
    QUADRATIC = b"<!DOCTYPE a [<!ENTITY x '%s'>]><a>%s</a>" % (b"x" * 100_000, b"&x;" * 10_000)

    @pytest.mark.parametrize(
        "body",
        [
            BILLION,
            QUADRATIC,
            b"<a b='%s'/>" % (b"x" * 20_000_000),
            b"<a>" * 100_000,
            b"<a>" + b"<!--" * 1_000_000,
        ],
        ids=["billion laughs", "quadratic", "attribute", "depth", "comments"],
    )
    def test_it_is_refused_at_once_and_in_little_memory(self, body: bytes) -> None:
        gc.collect()
        tracemalloc.start()
        began = time.perf_counter()
        with pytest.raises(BadXml):
            parse(body, URL)
        taken, (_, peak) = time.perf_counter() - began, tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert taken < 1
        assert peak < 50_000_000


class TestIllegalCharacters:
    @pytest.mark.parametrize(
        "bad",
        ["\x08", "\x0b", "&#0;", "&#x1F;", "&#xFFFE;", "&#55296;", "&#x110000;", "\ufffe", "&#9999999999;"],
    )
    def test_they_are_taken_out_and_counted(self, bad: str) -> None:
        body = f"<a>p{bad}q &#9;&#xe9;é</a>".encode()
        with pytest.raises(BadXml):
            parse(body, URL)
        cleaned, count = strip_illegal(body)
        assert count == 1
        assert parse(cleaned, URL).text == "pq \té" + "é"

    @pytest.mark.parametrize("bad", [b"\xed\xa0\x80", b"\xff", b"caf\xe9 "])
    def test_bytes_that_are_no_text_become_replacement_characters(self, bad: bytes) -> None:
        cleaned, count = strip_illegal(b"<a>p" + bad + b"q</a>")
        assert count >= 1
        text = parse(cleaned, URL).text or ""
        assert "\ufffd" in text
        assert text[0] + text[-1] == "pq"

    def test_a_true_replacement_character_is_not_counted(self) -> None:
        assert strip_illegal("<a>\ufffd</a>".encode()) == ("<a>\ufffd</a>".encode(), 0)

    @given(st.text(st.characters(codec="utf-8") | st.sampled_from(NOT_ALLOWED)))
    @example("a\tb\r\n\U0001f600")
    def test_afterwards_every_text_is_xml(self, text: str) -> None:
        escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        cleaned, count = strip_illegal(f"<a>{escaped}</a>".encode())
        kept = "".join(
            char
            for char in text
            if char not in NOT_ALLOWED and not "\x00" <= char < "\x09" and char not in map(chr, range(14, 32))
        )
        assert count == len(text) - len(kept)
        assert (parse(cleaned, URL).text or "") == kept.replace("\r\n", "\n").replace("\r", "\n")
        assert strip_illegal(cleaned) == (cleaned, 0)
