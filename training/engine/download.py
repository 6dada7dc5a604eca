"""Model hub → folder: `python -m training.engine.download ORG/NAME[@REVISION] FOLDER`.

Only what a checkpoint consists of is taken: JSON, safetensors, tokenizer files. Never code, never
pickled weights. The first line on stdout is `{"total_bytes": N}`; whoever started this process
sees by the folder's size how far it is. Exit code 2 and one sentence on stderr: not to be had.
With --supervised it ends when its stdin does.
"""

import argparse
import json
import sys
from fnmatch import fnmatch
from pathlib import Path

from huggingface_hub import HfApi, snapshot_download

from training.engine import lifeline

WANTED = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt", "LICENSE*", "README*")


def is_wanted(path: str) -> bool:
    return "/" not in path and any(fnmatch(path, pattern) for pattern in WANTED)


def download(name: str, folder: Path) -> None:
    repository, _, revision = name.partition("@")
    info = HfApi().model_info(repository, revision=revision or None, files_metadata=True)
    files = {file.rfilename: file.size or 0 for file in info.siblings or []}
    wanted = {path: size for path, size in files.items() if is_wanted(path)}
    print(json.dumps({"total_bytes": sum(wanted.values())}), flush=True)
    # info.sha: every file from one commit, also when somebody pushes meanwhile
    snapshot_download(
        repository, revision=info.sha, local_dir=folder, allow_patterns=sorted(wanted)
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Download a model's weights and tokenizer.")
    parser.add_argument("name", help="ORG/NAME or ORG/NAME@REVISION")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--supervised", action="store_true", help="end when stdin does")
    options = parser.parse_args()
    if options.supervised:
        lifeline.hold()
    try:
        download(options.name, options.folder)
    except Exception as problem:  # of any of the libraries below: its first line is the reason
        first_line = (str(problem).strip() or type(problem).__name__).splitlines()[0]
        print(f"{options.name} could not be downloaded: {first_line}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
