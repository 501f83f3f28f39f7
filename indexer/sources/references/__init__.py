"""`references:PATH`: citations out of LaTeX, BibTeX and plain reference text.

`archives` and `folder` tell which files belong to which citing paper; `reading` which of them are to be believed;
`latex`, `bibtex`, `biblatex` and `plain` make a `Reference` of each entry, with the ids and DOIs of `identifiers`;
`titles` holds the titles of the library as `normal` makes them comparable; `matching` decides what is meant.
"""

from indexer.sources.references.source import References
from indexer.sources.references.titles import Titles, Work

__all__ = ["References", "Titles", "Work"]
