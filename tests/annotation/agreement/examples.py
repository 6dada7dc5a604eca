"""Published data, as printed where the formulas come from."""

MISSING = "*"


def units(*raters: str) -> list[list[int]]:
    """The values each unit got, of raters that are written one below the other."""
    columns = zip(*(rater.split() for rater in raters), strict=True)
    return [[int(value) for value in column if value != MISSING] for column in columns]


# Krippendorff 2011: four observers, twelve units
FOUR_OBSERVERS = units(
    "1 2 3 3 2 1 4 1 2 * * *",
    "1 2 3 3 2 2 4 1 2 5 * 3",
    "* 3 3 3 2 3 4 2 2 5 1 *",
    "1 2 3 3 2 4 4 1 2 5 1 *",
)
# Wikipedia, "Krippendorff's alpha": three observers, fifteen units
THREE_OBSERVERS = units(
    "* * * * * 3 4 1 2 1 1 3 3 * 3",
    "1 * 2 1 3 3 4 3 * * * * * * *",
    "* * 2 1 3 4 4 * 2 1 1 3 3 * 4",
)
# `anxiety` of R's irr: three raters, twenty people, a scale of 1 to 6
ANXIETY = [
    [3, 3, 3, 4, 5, 5, 2, 3, 5, 2, 2, 6, 1, 5, 2, 2, 1, 2, 4, 3],
    [3, 6, 4, 6, 2, 4, 2, 4, 3, 3, 2, 3, 3, 3, 2, 2, 1, 3, 3, 4],
    [2, 1, 4, 4, 3, 2, 1, 6, 1, 1, 1, 2, 3, 3, 1, 1, 3, 3, 2, 2],
]
# Fleiss 1971: six psychiatrists, thirty patients, five diagnoses
DIAGNOSES = """
444444 222555 233335 555555 222444 113333 333355 113334 114444 555555 144444 124444 222333 144444
224445 333335 111455 111112 224444 133555 555555 244444 224555 114444 144445 222224 111155 224444
133333 555555
"""
PSYCHIATRISTS = [[int(value) for value in row] for row in DIAGNOSES.split()]
# Wikipedia, "Fleiss' kappa": fourteen raters, ten subjects, counts of five values
FOURTEEN_RATERS = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]
# Siegel & Castellan 1988: three judges, eight kinds of things
JUDGES = [[5, 6, 7, 1, 2, 4, 3, 8], [1, 7, 6, 2, 3, 5, 4, 8], [4, 5, 1, 3, 2, 7, 6, 8]]
