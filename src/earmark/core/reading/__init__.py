"""Reading a release: from any indexer's row to evidence, without knowing what is wished."""

from earmark.core.reading.evidence import Evidence, Fact, Piece, Role, SeriesPlace, Source
from earmark.core.reading.reader import read

__all__ = ["Evidence", "Fact", "Piece", "Role", "SeriesPlace", "Source", "read"]
