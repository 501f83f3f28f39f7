"""Asking an OAI-PMH server: one question, one answer that was checked, asked again where a body came broken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import requests

from indexer.errors import SourceError
from indexer.papers import PaperId, Rejected
from indexer.sources.oai_pmh.records import (
    FORMAT,
    Answer,
    Header,
    Page,
    earliest_datestamp,
    read_answer,
    read_page,
)
from indexer.sources.xml import BadXml, ForeignBody, parse, strip_illegal

# How often a question is put whose answer comes broken. A body cut on its way comes whole the next time; one that
# the server itself breaks never does.
TIMES = 4


class OaiError(SourceError):
    """An error of the protocol, told by its `code`; `served` is the day of the answer."""

    def __init__(self, code: str, text: str, *, url: str, served: date) -> None:
        self.code = code
        self.served = served
        super().__init__(
            f"{url} answered {code} ({text}); check the name of the source, or run it again later"
        )


class Failing(SourceError):
    """A question that is not answered, where others may be; `raw` is the last body, if any."""

    def __init__(self, text: str, raw: str = "") -> None:
        self.raw = raw
        super().__init__(text)


class OaiClient:
    """Asks the server at `base_url`; what people should know beside the answers goes into `remarks`."""

    def __init__(self, base_url: str, session: requests.Session, remarks: list[str]) -> None:
        self._base_url = base_url
        self._session = session
        self._remarks = remarks

    def remark(self, text: str) -> None:
        """Keep a sentence for people, once."""
        if text not in self._remarks:
            self._remarks.append(text)

    def page(self, verb: str, **arguments: str) -> Page:
        """Ask for part of a list; errors as in `ask`."""
        answer, url = self.ask(verb, arguments)
        return read_page(answer, url)

    def record(self, identifier: str, paper_id: PaperId | None) -> Page:
        """Ask for one record: gone, it is `deleted`; if the server fails at it alone, it is `rejected`."""
        try:
            return self.page("GetRecord", identifier=identifier, metadataPrefix=FORMAT)
        except OaiError as error:
            if error.code == "idDoesNotExist":
                return Page(error.served, (Header(identifier, paper_id, None, deleted=True),))
            if error.code != "cannotDisseminateFormat":
                raise
            served, reason, raw = error.served, str(error), ""
        except Failing as failure:
            served, reason, raw = self.identify(because=failure).served, str(failure), failure.raw
        rejected = Rejected(identifier, reason, raw, paper_id)
        return Page(served, (Header(identifier, paper_id, None),), rejected=(rejected,))

    def identify(self, *, because: SourceError) -> Identity:
        """Ask the server who it is; raise `because` if it does not even say that."""
        try:
            answer, _ = self.ask("Identify", {})
        except SourceError:
            raise because from None
        return Identity(answer.served, earliest_datestamp(answer))

    def ask(self, verb: str, arguments: Mapping[str, str]) -> tuple[Answer, str]:
        """Ask, and give the answer with its URL.

        Raise `OaiError` for an error of the protocol, `ForeignBody` for what is no OAI-PMH at all, `Failing` where
        the answer stays broken or does not come, `SourceError` for an address that the server does not have.
        """
        for last in range(TIMES - 1, -1, -1):
            response = self._get({"verb": verb, **arguments})
            try:
                return self._read(response, verb), response.url
            except BadXml as bad:
                _refuse_status(response, bad)
                if not last and isinstance(bad, ForeignBody):
                    raise
                if not last:
                    raise Failing(str(bad), response.text) from bad
        raise AssertionError("the last question is answered or raises")

    def _get(self, arguments: Mapping[str, str]) -> requests.Response:
        try:
            return self._session.get(self._base_url, params=dict(arguments))
        except SourceError as error:
            raise Failing(str(error)) from error
        except requests.RequestException as error:
            raise Failing(f"{self._base_url} does not answer: {error}; run it again later") from error

    def _read(self, response: requests.Response, verb: str) -> Answer:
        url = response.url
        try:
            root = parse(response.content, url)
        except ForeignBody:
            raise
        except BadXml:
            cleaned, count = strip_illegal(response.content)
            if not count:
                raise
            root = parse(cleaned, url)
            self.remark(f"{url} held {count} characters that XML forbids; they were left out")
        answer = read_answer(root, verb, url)
        for code, text in answer.errors.items():
            raise OaiError(code, text, url=url, served=answer.served)
        return answer


@dataclass(frozen=True, slots=True)
class Identity:
    """What a server says of itself: its day, and the day before which it has nothing."""

    served: date
    earliest: date | None


def _refuse_status(response: requests.Response, cause: BadXml) -> None:
    """Tell a failure by its status where the body tells nothing."""
    status = response.status_code
    if status >= 500:
        raise Failing(
            f"{response.url} failed with status {status}; run it again later", response.text
        ) from cause
    if status >= 400:
        raise SourceError(f"{response.url} answered with status {status}; check PAPERKIN_OAI_PMH") from cause
