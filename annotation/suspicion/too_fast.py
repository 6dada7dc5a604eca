"""Answers given faster than anybody reads.

    speed = words of the responses / seconds on the screen

People read about 4 words a second, and few more than 10 with understanding (M. Brysbaert, Journal
of Memory and Language 109, 2019: 238 words a minute). The prompt is not counted, and nothing where
the responses are shorter than 20 words, which a look takes in. What is shown are people of whose
answers at least half were that fast, more than chance gives if the others' share c (at least 5 %)
were theirs:

    p = P(Bin(n, c) >= k)
"""

import numpy as np

from annotation.suspicion.crowd import Floats, Ints
from annotation.suspicion.finding import ENOUGH, Finding, of, p_words, percent
from annotation.suspicion.tail import binomial_tail

LABEL = "Faster than reading"
LEVEL = 0.001
SHARE = 0.5

FASTEST = 10.0  # words a second
FEWEST = 20  # words
LEAST = 0.05  # of c


def findings(person: Ints, words: Floats, seconds: Floats, people: int) -> list[Finding]:
    """Of answers (N,): whose, how many words the responses have, and seconds on the screen; where
    these are not known, 0, and the answer is left out."""
    counts = (seconds > 0) & (words >= FEWEST)
    speed = words / np.maximum(seconds, 1e-9)
    fast = counts & (speed > FASTEST)
    n = np.bincount(person[counts], minlength=people)
    k = np.bincount(person[fast], minlength=people)
    others = (k.sum() - k) / np.maximum(n.sum() - n, 1)
    usual = np.maximum(others, LEAST)
    p = binomial_tail(k, n, usual)
    total = np.bincount(person[counts], words[counts], minlength=people)
    spent = np.bincount(person[counts], seconds[counts], minlength=people)
    return [
        Finding(
            person=i,
            label=LABEL,
            p=float(p[i]),
            sentence=(
                f"{of(int(k[i]), int(n[i]), 'answers')} came faster than {FASTEST:.0f} words a"
                f" second can be read; of the others’ answers {percent(others[i])} did. In all,"
                f" {total[i]:,.0f} words in {spent[i]:,.0f} seconds. A count as high has"
                f" {p_words(float(p[i]))}."
            ),
            is_shown=bool(p[i] < LEVEL and k[i] >= SHARE * n[i]),
        )
        for i in np.flatnonzero(n >= ENOUGH).tolist()
    ]
