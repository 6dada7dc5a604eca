"""A QR code as the path of an SVG, drawn in the page itself: our policy allows no data: images."""

import qrcode
from django import template

register = template.Library()


@register.inclusion_tag("_qr.html")
def qr_code(text: str, label: str) -> dict[str, object]:
    """`text` as a QR code of dark squares on white, named `label`."""
    code = qrcode.QRCode(border=4)
    code.add_data(text)
    rows = code.get_matrix()
    path = "".join(
        f"M{x} {y}h1v1h-1z"
        for y, row in enumerate(rows)
        for x, is_dark in enumerate(row)
        if is_dark
    )
    return {"size": len(rows), "path": path, "label": label}


@register.filter
def in_fours(secret: str) -> str:
    """ABCDEFGH → "ABCD EFGH", to be typed by hand."""
    return " ".join(secret[i : i + 4] for i in range(0, len(secret), 4))
