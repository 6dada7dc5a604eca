"""How far people agree: one module per statistic, pure, each with its formula.

A statistic of several people has LABEL, NOTE and `compute(table, weights, metric=…)`, and stands in
STATISTICS, in the order in which the page shows them; those of two raters (`cohen`) and of rankings
(`kendall`) have functions of their own. No Django here.
"""

from annotation.agreement import fleiss, gwet, krippendorff, percent

STATISTICS = {
    "krippendorff": krippendorff,
    "percent": percent,
    "gwet": gwet,
    "fleiss": fleiss,
}
