"""The result table in its written forms."""

from __future__ import annotations

import math

import pytest

from plmr.render import (
    RESULT_COLUMNS,
    Column,
    escape_markdown,
    markdown_results,
    markdown_table,
    plain_results,
)
from plmr.render.table import Results, column_cells

F1 = Column("f1", "F1", "agreement")
SECONDS = Column("seconds", "seconds", "time", spec=",.0f", better="low")
RESULTS: Results = {
    "RNP": {"sparsity": 0.184, "f1": 0.056, "seconds": 1141.2},
    "PLMR|x": {"sparsity": 0.2, "f1": 0.842, "seconds": "n/a"},
}


@pytest.mark.parametrize(
    ("column", "values", "shown", "best"),
    [
        (F1, [0.1, 0.8421, 0.5], ["10.0%", "84.2%", "50.0%"], [False, True, False]),
        (F1, [0.8421, 0.8419, 0.5], ["84.2%", "84.2%", "50.0%"], [True, True, False]),
        (F1, [0.5, 0.5], ["50.0%", "50.0%"], [False, False]),
        (F1, [0.5, math.nan, None, "–"], ["50.0%", "–", "–", "–"], [False] * 4),
        (F1, [0.0, -0.1], ["0.0%", "-10.0%"], [True, False]),
        (SECONDS, [1141.2, 90, "n/a"], ["1,141", "90", "n/a"], [False, True, False]),
        (RESULT_COLUMNS[0], [0.1, 0.2], ["10.0%", "20.0%"], [False, False]),
    ],
)
def test_cells(column, values, shown, best):
    cells = column_cells(column, values)
    assert [cell.text for cell in cells] == shown
    assert [cell.best for cell in cells] == best


def test_markdown_results():
    assert markdown_results(RESULTS).splitlines() == [
        "| method  |     S |        F1 | seconds |",
        "| ------- | ----: | --------: | ------: |",
        "| RNP     | 18.4% |      5.6% |   1,141 |",
        r"| PLMR\|x | 20.0% | **84.2%** |     n/a |",
    ]


def test_plain_results():
    assert plain_results(RESULTS).splitlines() == [
        "method      S      F1  seconds",
        "------  -----  ------  -------",
        "RNP     18.4%    5.6%    1,141",
        "PLMR|x  20.0%  *84.2%      n/a",
    ]


def test_a_cell_cannot_break_its_table():
    rows = markdown_table(["a", "b"], [["x|y\nz", "日本"]]).splitlines()
    assert rows[2] == r"| x\|y z | 日本 |"
    assert len(rows) == 3


def test_escaped_markdown_is_shown_as_it_is():
    assert escape_markdown("*<b>*\n`x`") == r"\*\<b>\* \`x\`"
