"""Rows as CSV, for whoever goes on with a page's figures in a spreadsheet."""

import csv
from collections.abc import Iterable
from io import StringIO
from typing import Any

from django.http import HttpResponse

Row = list[Any]


def written(rows: Iterable[Row]) -> str:
    """The rows, the first of them the header; None is an empty cell."""
    out = StringIO()
    writer = csv.writer(out)
    for row in rows:
        writer.writerow([_safe(cell) for cell in row])
    return out.getvalue()


def csv_file(name: str, text: str) -> HttpResponse:
    """The text as a file of this name, to be saved."""
    return HttpResponse(
        text,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _safe(cell: Any) -> Any:
    """A text that a spreadsheet would take for a formula gets an apostrophe in front."""
    if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{cell}"
    return cell
