"""The same place again and again: always the one shown first, the last, or the same button.

    k = how often somebody's commonest button, c = how often all others press that button
    p = min(1, B P(Bin(n, c) >= k))           for the B buttons it could have been

The display order is drawn for each turn, so nobody honest presses one place nine times in ten. A
project in which nearly everything is a tie lets everybody press "equal"; c knows that.
"""

import numpy as np

from annotation.suspicion.crowd import Ints
from annotation.suspicion.finding import ENOUGH, Finding, of, p_words, percent
from annotation.suspicion.tail import SMALLEST, binomial_tail

LABEL = "Always the same place"
LEVEL = 0.001
SHARE = 0.8

BUTTONS = ("the response shown first", "the response shown last", "“equal”", "“neither”")
LEAST = 0.25  # of c: the others may never have met a tie


def findings(person: Ints, button: Ints, people: int) -> list[Finding]:
    """Of answers (N,): whose, and which place of BUTTONS they prefer."""
    size = len(BUTTONS)
    pressed = np.bincount(person * size + button, minlength=people * size).reshape(people, size)
    n, chosen = pressed.sum(axis=1), pressed.argmax(axis=1)
    rows = np.arange(people)
    k = pressed[rows, chosen]
    others = pressed.sum() - n
    usual = (pressed.sum(axis=0)[chosen] - k) / np.maximum(others, 1)
    usual = np.where(chosen < 2, np.maximum(usual, 0.5), np.maximum(usual, LEAST))
    p = np.clip(size * binomial_tail(k, n, usual), SMALLEST, 1.0)
    return [
        Finding(
            person=i,
            label=LABEL,
            p=float(p[i]),
            sentence=(
                f"{of(int(k[i]), int(n[i]), 'answers')} prefer {BUTTONS[chosen[i]]}. Without a"
                f" habit about {percent(usual[i])} would, as the order is drawn for each turn."
                if chosen[i] < 2
                else f"{of(int(k[i]), int(n[i]), 'answers')} say {BUTTONS[chosen[i]]}; of the"
                f" others’ answers it is {percent(usual[i])}."
            )
            + f" A share as high has {p_words(float(p[i]))}.",
            is_shown=bool(p[i] < LEVEL and k[i] >= SHARE * n[i]),
        )
        for i in rows[n >= ENOUGH].tolist()
    ]
