"""A checkpoint's folder as one ZIP that is made while it is sent.

Stored, not compressed: weights hardly shrink, and nothing has to be kept in memory or on disk.
"""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from typing_extensions import Buffer

CHUNK = 2**20
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # equal files give equal archives


class Outlet(io.RawIOBase):
    """What zipfile writes to: hands on what it gets and knows how much it was."""

    def __init__(self) -> None:
        self.waiting: list[bytes] = []
        self.position = 0

    def writable(self) -> bool:
        return True

    def write(self, data: "Buffer", /) -> int:
        block = bytes(data)
        self.waiting.append(block)
        self.position += len(block)
        return len(block)

    def tell(self) -> int:
        return self.position

    def take(self) -> bytes:
        taken = b"".join(self.waiting)
        self.waiting.clear()
        return taken


def stream(folder: Path, name: str) -> Iterator[bytes]:
    """The files of `folder` below a folder `name`, as the bytes of a ZIP. Links are left out."""
    outlet = Outlet()
    with zipfile.ZipFile(cast(BinaryIO, outlet), "w", zipfile.ZIP_STORED) as archive:
        for path in files_of(folder):
            entry = zipfile.ZipInfo(f"{name}/{path.relative_to(folder)}", LONG_AGO)
            entry.external_attr = 0o644 << 16
            with path.open("rb") as file, archive.open(entry, "w", force_zip64=True) as target:
                while block := file.read(CHUNK):
                    target.write(block)
                    yield outlet.take()
            yield outlet.take()
    yield outlet.take()


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
