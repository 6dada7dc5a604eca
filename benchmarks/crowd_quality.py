"""Whom the patterns of suspicion find in crowds that are known, and whom they wrong.

    python -m benchmarks.crowd_quality [--crowds 20] [--seed 0]      needs no database

First every habit in a crowd of 40 honest people, a third each of accuracy 0.9, 0.85 and 0.8, with
five who have the habit, a tenth of the pairs gold. Then people who draw lots, 15 among 85 honest
ones of one accuracy, against the likelihood-ratio test that is told every truth and the accuracy
(not randomised, at most 1 % of honest people): relative power by the share of gold, by how many
people judge each pair, and by how many answers each has given.
"""

import argparse

from annotation.suspicion.survey import CASES, informed, power, survey

ANSWERS = (30, 60, 120)
GOLD = (0.1, 0.2, 0.5, 1.0)
OVERLAPS = (5, 20, 40)
ACCURACIES = (0.9, 0.8, 0.7)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crowd_quality", description=__doc__)
    parser.add_argument("--crowds", type=int, default=20, help="drawn for each figure")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    say("| habit | judges | answers | shown | honest shown | by any pattern |")
    say("| --- | --- | --- | --- | --- | --- |")
    for name, case in CASES.items():
        for answers in ANSWERS:
            found = survey(name, rounds=answers, crowds=options.crowds, seed=options.seed)
            say(
                f"| {name} | {case.overlap} | {answers} | {found.shown:.1%} | {found.honest:.2%}"
                f" | {found.honest_by_any:.2%} |"
            )
    say("")
    say(
        "| accuracy | gold | judges a pair | answers | shown | informed | relative | honest shown |"
    )
    say("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for accuracy in ACCURACIES:
        for overlap in OVERLAPS:
            for gold in GOLD:
                for answers in ANSWERS:
                    found = power(
                        accuracy,
                        answers=answers,
                        gold=gold,
                        overlap=overlap,
                        crowds=options.crowds,
                        seed=options.seed,
                    )
                    best = informed(answers, accuracy)
                    say(
                        f"| {accuracy} | {gold:.0%} | {overlap} | {answers} | {found.shown:.1%}"
                        f" | {best:.1%} | {found.shown / best:.2f} | {found.honest:.2%} |"
                    )


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
