"""Diversity of texts, by hand."""

import pytest

from annotation.aggregation.diversity import Diversity, diversity
from annotation.aggregation.similarity import (
    BANDS,
    bands,
    jaccard,
    near_duplicates,
    normalised,
    shingles,
)


def test_distinct_n_by_hand() -> None:
    # the cat sat on the mat / the cat ran: 9 words, 6 different (the cat sat on mat ran);
    # pairs: the-cat cat-sat sat-on on-the the-mat | the-cat cat-ran: 7, 6 different.
    found = diversity([(1, "The cat sat on the mat."), (2, "the cat ran")])
    assert (found.n, found.words) == (2, 9)
    assert found.distinct_1 == pytest.approx(6 / 9)
    assert found.distinct_2 == pytest.approx(6 / 7)


def test_mean_length_and_its_interval_by_hand() -> None:
    # Lengths 2, 4, 6: mean 4, s² = (4 + 0 + 4) / 2 = 4, se = √(4 / 3) = 1.1547005.
    found = diversity([(1, "a b"), (2, "a b c d"), (3, "a b c d e f")])
    assert found.mean_words == 4
    assert found.mean_error == pytest.approx(1.1547005)
    assert found.mean_interval == pytest.approx((4 - 1.959964 * 1.1547005, 6.2631714), abs=1e-6)


def test_the_responses_of_one_prompt_are_taken_together() -> None:
    # Prompts (2, 2) and (6, 6): sums of deviations -4, +4: se² = 2/1 · 32 / 16 = 4.
    texts = [(1, "a b"), (1, "c d"), (2, "a b c d e f"), (2, "g h i j k l")]
    assert diversity(texts).mean_error == pytest.approx(2.0)
    assert diversity(texts[:2]).mean_error is None


def test_nothing_is_undefined_and_not_zero() -> None:
    assert diversity([]) == Diversity(0, 0, None, None, None, None, 0, 0)
    assert diversity([(1, "…")]) == Diversity(1, 0, None, None, 0.0, None, 0, 0)
    assert diversity([(1, "one")]).distinct_2 is None
    assert diversity([]).mean_interval is None


def test_the_jaccard_index_by_hand() -> None:
    # abcdefgh: abcde bcdef cdefg defgh; bcdefghi: bcdef cdefg defgh efghi. 3 of 5.
    assert jaccard(shingles("abcdefgh"), shingles("bcdefghi")) == pytest.approx(3 / 5)
    # aaaaaaa is one shingle, aaaaa, three times.
    assert len(shingles("aaaaaaa")) == 1
    assert jaccard(shingles("abcdef"), shingles("uvwxyz")) == 0
    assert jaccard(shingles("Ab  c\nd e"), shingles("ab c d e")) == 1
    assert jaccard(shingles("ab"), shingles("AB ")) == 1
    assert jaccard(shingles(""), shingles("")) == 1
    assert normalised(" Straße \n HIER ") == "strasse hier"


def test_near_texts_share_a_band_and_others_do_not() -> None:
    words = " ".join(f"word{number}" for number in range(60))
    near = words + " and one more"
    other = " ".join(f"term{number + 100}" for number in range(60))
    assert jaccard(shingles(words), shingles(near)) > 0.9
    assert len(bands(shingles(words))) == BANDS
    assert set(bands(shingles(words))) & set(bands(shingles(near)))
    assert not set(bands(shingles(words))) & set(bands(shingles(other)))


def test_bands_mean_the_same_tomorrow() -> None:
    """They are stored: another value here would find no earlier prompt again."""
    assert bands(shingles("The same text, always."))[:2] == FIRST_BANDS


FIRST_BANDS = [8235580884842302169, 2285770122513566945]


def test_equal_and_near_duplicates_are_counted_once_each() -> None:
    long = "It was the year in which the bridge over the river was opened to everybody. " * 3
    texts = [long, long + " ", long + "Yes.", "Something else entirely, said in a few words."]
    found = diversity(list(enumerate(texts)))
    assert (found.equal, found.near) == (1, 2)


def test_where_the_line_of_near_lies() -> None:
    # 100 letters, no two alike runs: 96 shingles. A tail of 24 others more: 96 / 120 = 0.8.
    letters = "".join(chr(0x4E00 + number) for number in range(100))
    tail = "".join(chr(0x7E00 + number) for number in range(25))
    assert jaccard(shingles(letters), shingles(letters + tail[:24])) == pytest.approx(0.8)
    assert near_duplicates([letters, letters + tail[:24]]) == 1
    assert near_duplicates([letters, letters + tail]) == 0


def test_what_minhash_finds_is_what_comparing_all_finds() -> None:
    texts = []
    for number in range(40):
        words = [f"w{(number * 7 + step) % 90}" for step in range(50)]
        texts += [" ".join(words), " ".join([*words[:-3], "x", "y"])]
    parts = [shingles(text) for text in texts]
    by_hand = sum(any(jaccard(b, a) >= 0.8 for a in parts[:n]) for n, b in enumerate(parts))
    assert by_hand > 35
    assert near_duplicates(texts) == by_hand
