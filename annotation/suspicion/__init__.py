"""Patterns in somebody's answers that a manager should look at: one pure module per pattern.

Each has its test in the docstring, a LABEL, the LEVEL of p below which it is shown, and `findings`,
which says in a sentence what was counted and what chance would give.
"""
