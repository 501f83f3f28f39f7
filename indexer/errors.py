"""Every error that paperkin raises on purpose.

    PaperkinError
    ├── InvalidPaperId          a text that is no arXiv identifier
    ├── UnknownPaper            a well-formed identifier that the library does not hold
    ├── UnknownTopic            a topic that the published generation does not have
    ├── SettingsError           a setting, URL or option that cannot be used
    ├── SourceError             a source that cannot be read (any further)
    ├── StoreError              the database failed: full disk, locked, damaged
    │   └── SchemaError         a library of a newer schema, or a file that is no library
    ├── ModelError              an embedding model that cannot be loaded or does not fit the library
    ├── GenerationError         derived files that are missing or damaged
    └── ServingError            the web server cannot listen, start or answer

Each message is one sentence that names the thing and says what to do; the command line prints it and leaves
with `exit_code`, the service turns it into problem+json with `status`.
"""


class PaperkinError(Exception):
    """Base of all: carries the exit code of the command line and the HTTP status of the service."""

    exit_code = 1
    status = 500
    title = "paperkin failed"


class InvalidPaperId(PaperkinError):
    """A text that is no arXiv identifier, such as `2503.1450`."""

    exit_code = 2
    status = 404
    title = "Not an arXiv identifier"

    def __init__(self, text: str, *, nearest: tuple[str, ...] = ()) -> None:
        self.text = text
        self.nearest = nearest
        hint = f"; did you mean {', '.join(nearest)}?" if nearest else ""
        shown = text if len(text) <= 60 else text[:57] + "..."
        super().__init__(f"{shown!r} is not an arXiv identifier (2503.14504 or hep-th/9711200){hint}")


class UnknownPaper(PaperkinError):
    """A well-formed identifier that the library does not hold."""

    status = 404
    title = "Paper not in the library"

    def __init__(self, identifier: str, *, nearest: tuple[str, ...] = ()) -> None:
        self.identifier = identifier
        self.nearest = nearest
        hint = f"; nearest known: {', '.join(nearest)}" if nearest else ""
        super().__init__(f"arXiv:{identifier} is not in this library{hint}")


class UnknownTopic(PaperkinError):
    """A topic that the published generation does not have."""

    status = 404
    title = "No such topic"

    def __init__(self, topic: str) -> None:
        self.topic = topic
        super().__init__(f"there is no topic {topic!r}; `paperkin topics` lists them")


class SettingsError(PaperkinError):
    """A setting, URL or option that cannot be used."""

    exit_code = 2
    status = 400
    title = "Unusable setting"


class SourceError(PaperkinError):
    """A source that cannot be read, or not any further; what was read before is kept."""

    title = "Source failed"


class StoreError(PaperkinError):
    """The database failed: full disk, locked by another writer, damaged."""

    status = 503
    title = "Library not available"


class SchemaError(StoreError):
    """A library of a newer schema, or a file that is no paperkin library."""


class ModelError(PaperkinError):
    """An embedding model that cannot be loaded, or that did not make this library."""

    status = 503
    title = "Embedding model not available"


class GenerationError(PaperkinError):
    """Derived files (index, graph, topics) that are missing or damaged."""

    status = 503
    title = "Library not indexed"


class ServingError(PaperkinError):
    """The web server cannot listen, start or answer."""

    title = "Not served"
