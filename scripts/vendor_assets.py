"""Fetch the browser's third-party files into static/vendor, pinned and hash-checked.

    python scripts/vendor_assets.py           fetch what assets.toml names (needs npm and a network)
    python scripts/vendor_assets.py --check   compare the committed files with their hashes

Users need neither npm nor this script: the files are committed.
"""

import argparse
import base64
import hashlib
import io
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path
from typing import Any

VENDOR = Path(__file__).resolve().parent.parent / "static" / "vendor"

# Manifest storage follows this comment, and a minified file comes without its map.
SOURCE_MAP = re.compile(rb"^\s*(//|/\*)[#@]\s*sourceMappingURL=.*$", re.MULTILINE)


class Mismatch(Exception):
    """A file is not the one that assets.toml names."""


def packages() -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = tomllib.loads((VENDOR / "assets.toml").read_text())["package"]
    return listed


def fetch(package: dict[str, Any]) -> dict[str, bytes]:
    """Return the wanted files of one package, by their place below static/vendor."""
    name = f"{package['name']}@{package['version']}"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["npm", "pack", name, "--silent"], cwd=folder, check=True, stdout=subprocess.DEVNULL
        )
        archive = next(Path(folder).glob("*.tgz")).read_bytes()
    digest = "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()
    if digest != package["integrity"]:
        raise Mismatch(f"{name}: the archive's integrity is {digest}, not {package['integrity']}.")
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {
            kept["to"]: SOURCE_MAP.sub(b"", read_member(tar, f"package/{path}"))
            for path, kept in package["files"].items()
        }


def read_member(tar: tarfile.TarFile, path: str) -> bytes:
    member = tar.extractfile(path)
    if member is None:
        raise Mismatch(f"{path} is not a file in the archive.")
    return member.read()


def differences() -> list[str]:
    """One sentence for each committed file that is absent, unlisted or not the one named."""
    wanted = {kept["to"]: kept["sha256"] for each in packages() for kept in each["files"].values()}
    found = {
        str(path.relative_to(VENDOR)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "assets.toml"
    }
    return (
        [f"{path} is named in assets.toml but absent." for path in sorted(wanted.keys() - found)]
        + [f"{path} is not named in assets.toml." for path in sorted(found.keys() - wanted)]
        + [
            f"{path} has SHA-256 {found[path]}, not {wanted[path]}."
            for path in sorted(wanted.keys() & found.keys())
            if found[path] != wanted[path]
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only compare, write nothing")
    if not parser.parse_args().check:
        for package in packages():
            for place, content in fetch(package).items():
                (VENDOR / place).parent.mkdir(parents=True, exist_ok=True)
                (VENDOR / place).write_bytes(content)
    problems = differences()
    print("\n".join(problems) or "static/vendor is what assets.toml names.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
