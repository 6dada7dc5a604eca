"""JSON bodies of the API: only such as a database can keep, and no deeper than anyone needs."""

from collections.abc import Mapping
from typing import IO, Any

import orjson
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class StrictJSONParser(JSONParser):
    """Refuses what Python's own parser takes or trips over: NaN, surrogates, deep nesting.

    Bodies above DATA_UPLOAD_MAX_MEMORY_SIZE are refused before they come here.
    """

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            return orjson.loads(stream.read())
        except orjson.JSONDecodeError as error:
            raise ParseError(f"The body is not valid JSON: {error}.") from None
