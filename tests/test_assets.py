"""What the browser gets: pinned, hash-checked, and nothing inline."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))


def test_vendored_files_are_the_ones_named() -> None:
    check = [sys.executable, "scripts/vendor_assets.py", "--check"]
    done = subprocess.run(check, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_template_holds_inline_script_or_style(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", text)
    assert not re.search(r"<style\b|\sstyle=|\son[a-z]+=|javascript:|hx-on", text)
    assert "|safe" not in text
    assert "autoescape off" not in text


@pytest.mark.parametrize("kind", ["css", "js"])
def test_no_asset_names_another_host(kind: str) -> None:
    for path in (ROOT / "static" / kind).rglob(f"*.{kind}"):
        assert not re.search(r"https?://|url\(['\"]?//", path.read_text()), path
