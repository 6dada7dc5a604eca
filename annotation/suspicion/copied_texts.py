"""Reasons that are copies: of one's own earlier ones, or of somebody else's.

Two reasons are the same if they hold the same words of three letters or more, whatever their
order, case and marks; of reasons with fewer than three such words nothing is said. What is shown
are people of whose reasons at least half are copies, more than chance gives if the others' share c
(at least 5 %) were theirs:

    p = P(Bin(n, c) >= k)            k of n reasons have an equal one before or after
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np

from annotation.suspicion.finding import ENOUGH, Finding, of, p_words
from annotation.suspicion.tail import binomial_tail

LABEL = "Copied reasons"
LEVEL = 0.001
SHARE = 0.5

LEAST = 0.05  # of c
WORD = re.compile(r"[^\W\d_]{3,}")
SHOWN = 120  # characters of the commonest reason
FEWEST = 3  # words


def findings(reasons: Iterable[tuple[int, str]]) -> list[Finding]:
    """Of (person, reason) in any order."""
    said: defaultdict[int, list[tuple[frozenset[str], str]]] = defaultdict(list)
    authors: defaultdict[frozenset[str], Counter[int]] = defaultdict(Counter)
    for person, text in reasons:
        words = frozenset(WORD.findall(text.casefold()))
        if len(words) >= FEWEST:
            said[person].append((words, text))
            authors[words][person] += 1
    copies = {k: sum(authors[words].total() > 1 for words, _ in mine) for k, mine in said.items()}
    all_copies, everything = sum(copies.values()), sum(map(len, said.values()))
    found = []
    for k, mine in said.items():
        n = len(mine)
        if n < ENOUGH:
            continue
        usual = max((all_copies - copies[k]) / max(everything - n, 1), LEAST)
        p = float(binomial_tail(np.array([copies[k]]), np.array([n]), np.array([usual]))[0])
        words, times = Counter(words for words, _ in mine).most_common(1)[0]
        text = next(text for each, text in mine if each == words)
        others = sorted(authors[words].keys() - {k})
        found.append(
            Finding(
                person=k,
                label=LABEL,
                p=p,
                sentence=(
                    f"{of(copies[k], n, 'reasons')} hold the same words as another one. The"
                    f" commonest was given {times:,} times: “{_short(text)}”. A count as high has"
                    f" {p_words(p)}."
                ),
                is_shown=p < LEVEL and copies[k] >= SHARE * n,
                beside=tuple(others[:5]),
            )
        )
    return found


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"
