"""Views of a rationale, for terminals, notebooks, web pages and reports; they know nothing of models."""

from plmr.render.html import rationale_html
from plmr.render.markdown import escape_markdown, markdown_results, markdown_table, plain_results, plain_table
from plmr.render.report import GoldText, System, comparison_report
from plmr.render.table import RESULT_COLUMNS, Column
from plmr.render.terminal import rationale_text, show

__all__ = [
    "RESULT_COLUMNS",
    "Column",
    "GoldText",
    "System",
    "comparison_report",
    "escape_markdown",
    "markdown_results",
    "markdown_table",
    "plain_results",
    "plain_table",
    "rationale_html",
    "rationale_text",
    "show",
]
