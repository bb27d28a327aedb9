"""The fragment and the page, read back with an HTML parser."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plmr.data.schema import Example
from plmr.data.words import split_words
from plmr.render import GoldText, System, comparison_report, rationale_html
from plmr.render.text import printable

VOID = {"meta", "line", "rect"}
TEXT = "The <script>alert('x')</script> hop & malt aroma 🍺 is\nwonderful — really \"wonderful\"."

# Pieces, because hypothesis melts alternatives of single characters into one alphabet and the few drown.
WORDS = st.text(max_size=6) | st.sampled_from(
    ["<b>", "</mark>", "&amp;", "a<b", '"', "'", "\x00", "\r", "\ud800", "\u202e"]
)
TEXTS = st.lists(WORDS, max_size=12).map(" ".join)


@dataclass
class Element:
    tag: str
    attributes: dict[str, str | None]
    text: str = ""
    marks: list[tuple[str | None, str]] = field(default_factory=list)


class Page(HTMLParser):
    """All elements with the text inside each; fails on a tag that is not closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.open: list[Element] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        element = Element(tag, dict(attrs))
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.elements.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop().tag == tag

    def handle_data(self, data):
        for element in self.open:
            element.text += data
        if self.open and self.open[-1].tag == "mark":
            self.open[-2].marks.append((self.open[-1].attributes["class"], data))

    def all(self, tag: str, kind: str | None = None) -> list[Element]:
        return [e for e in self.elements if e.tag == tag and kind in (None, e.attributes.get("class"))]


@pytest.fixture(scope="module")
def report(make):
    """Two systems on one text whose gold rationale is "hop malt aroma"; the first misses most of it."""
    words = split_words(TEXT)
    flags = [TEXT[start:end] in {"hop", "malt", "aroma"} for start, end in words]
    gold = GoldText.from_example(Example(TEXT, words, 1, tuple(flags)), label="positive")
    hop = flags.index(True)
    wrong = make(TEXT, [index in (0, hop) for index in range(len(words))], label="<i>negative</i>", note="cut & dry")
    systems = [
        System("RNP", "two players", {"f1": 0.25, "f1_ceiling": 0.95, "f1_chance": 0.2, "seconds": 9}, [wrong]),
        System("PLMR <1>", "one encoder", {"f1": 0.875, "seconds": 10}, [make(TEXT, flags)]),
    ]
    return comparison_report(
        title="RNP & PLMR",
        finding="It <finds>.",
        intro="One.\n\nTwo.",
        systems=systems,
        texts=[gold],
        selection="All.",
        made_with="plmr demo",
    )


@given(TEXTS, st.lists(st.booleans(), min_size=4))
def test_fragment_holds_the_text_and_marks_the_rationale(make, text, flags):
    rationale = make(text, flags, label="<&>")
    page = Page(rationale_html(rationale))
    (shown,) = page.all("p", "text")
    assert shown.text == printable(text)
    assert [mark for _, mark in shown.marks] == [printable(text)[start:end] for start, end in rationale.spans]
    assert page.all("b")[0].text == "<&>"


def test_fragment_styles_only_itself(make):
    (style,) = Page(rationale_html(make("a b", [True]))).all("style")
    rules = re.sub(r"\{[^}]*\}", "|", style.text).split("|")
    selectors = [selector.strip() for rule in rules for selector in rule.split(",") if selector.strip()]
    assert selectors
    assert all(selector.startswith(".plmr-rationale") for selector in selectors)


def test_notebooks_get_the_fragment(make):
    rationale = make("a b", [True], note="a < b")
    assert rationale._repr_html_() == rationale_html(rationale)
    assert "Note: a &lt; b" in rationale_html(rationale)


def test_page_is_complete_accessible_and_loads_nothing(report):
    page = Page(report)
    assert report.startswith("<!doctype html>")
    assert page.all("html")[0].attributes["lang"] == "en"
    assert [e.tag for e in page.elements if re.fullmatch("h[1-6]", e.tag)] == [
        "h1",
        *["h2"] * 3,
        "h3",
        *["h4"] * 3,
    ]
    assert not re.search(r"https?:|//|url\(|@import|<script|<link|<img|<iframe", report)
    assert not [name for e in page.elements for name in e.attributes if name in ("src", "href") or name[:2] == "on"]
    ids = [e.attributes["id"] for e in page.elements if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    referred = [e.attributes["aria-labelledby"] or "" for e in page.elements if "aria-labelledby" in e.attributes]
    assert {name for names in referred for name in names.split()} <= set(ids)
    assert page.all("svg")[0].attributes["role"] == "img"


def test_page_shows_every_text_as_given(report):
    assert [p.text for p in Page(report).all("p", "text")] == [TEXT] * 3


def test_page_tells_hit_extra_and_missed_apart(report):
    gold, rnp, plmr = Page(report).all("p", "text")
    assert gold.marks == [("gold", "hop"), ("gold", "malt aroma")]
    assert rnp.marks == [("extra", "The"), ("hit", "hop"), ("missed", "malt aroma")]
    assert plmr.marks == [("hit", "hop"), ("hit", "malt aroma")]


def test_page_says_who_is_right(report):
    gold, rnp, plmr = (who.text for who in Page(report).all("div", "who"))
    assert gold == "Goldlabel positive"
    assert rnp == "RNPsays <i>negative</i> ✗ wrong1 of 3 gold words found1 extracut & dry"
    assert plmr == "PLMR <1>says positive ✓ right3 of 3 gold words found0 extra"


def test_figures_and_chart(report):
    page = Page(report)
    assert [e.text for e in page.all("th")] == ["Method", "F1", "seconds", "RNP", "PLMR <1>"]
    assert [e.text for e in page.all("td")] == ["25.0%", "9 (best)", "87.5% (best)", "10"]
    track, *_ = [float(e.attributes["width"] or 0) for e in page.all("rect", "track")]
    widths = [float(e.attributes["width"] or 0) / track for e in page.all("rect", "bar")]
    assert widths == pytest.approx([0.25, 0.875], abs=1e-3)
    assert len(page.all("line", "ceiling")) == len(page.all("line", "chance")) == 1
    assert page.all("desc")[0].text == "RNP: F1 25.0% · ceiling 95.0% · chance 20.0%; PLMR <1>: F1 87.5%"


def test_page_without_f1_has_no_chart(make):
    systems = [System("A", "", {"f1": float("nan"), "accuracy": 0.5}, [])]
    page = comparison_report(title="t", finding="f", intro="i", systems=systems, texts=[])
    assert "<svg" not in page
    assert Page(page).all("td")[1].text == "50.0%"


def test_predictions_of_other_texts_are_refused(make):
    systems = [System("PLMR", "", {}, [make("one", []), make("two", [])])]
    gold = [GoldText("one", "positive", ()), GoldText("three", "positive", ())]
    with pytest.raises(ValueError, match=r"PLMR has 2 predictions .* the 2 texts shown: predict exactly"):
        comparison_report(title="t", finding="f", intro="i", systems=systems, texts=gold)


def test_gold_text_needs_an_annotation():
    with pytest.raises(ValueError, match="no gold rationale on 'plain'"):
        GoldText.from_example(Example("plain", ((0, 5),), 0, None))
