"""Published figures: which of them stand beside ours, and what is said of them."""

from __future__ import annotations

import json

from plmr.studies.bench.report import suite_page
from plmr.studies.published import published, published_beside, sources
from tests.studies.bench.lines import line


def test_the_nearest_published_row_is_taken():
    row = published_beside("plmr", "minilm", "beer", 0.1, "look")
    assert row is not None and (row.table, row.S, row.aspect) == ("4", 10.4, "appearance")
    short = published_beside("plmr", "minilm", "beer", 0.1, "look", max_words=120)
    assert short is not None and (short.table, short.max_words) == ("3", 120)
    electra = published_beside("plmr", "google/electra-large-discriminator", "beer", 0.2, "look")
    assert electra is not None and electra.encoder == "ELECTRA-large"
    assert published_beside("plmr", "minilm", "beer", 0.6, "look") is None
    assert published_beside("plmr", "gru", "beer", 0.2, "look") is None, "it is published on BERT alone"
    assert published_beside("mrd", "gru", "beer", 0.2, "look") is None


def test_hotel_figures_stand_beside_the_service_alone():
    for aspect in ("service", "Service", 1, "1"):
        row = published_beside("g-rat", "gru", "hotel", 0.1, aspect)
        assert row is not None and "table 5, aspect not stated in the table" in row.origin
    for aspect in ("location", "cleanliness", 0, 2, None):
        assert published_beside("g-rat", "gru", "hotel", 0.1, aspect) is None


def test_other_files_than_ours_are_said_to_be_others():
    families = {(row.table, row.source): row.family for row in published() if row.dataset == "beer"}
    assert {family for (table, _), family in families.items() if table in "46"} == {"correlated"}
    assert families["3", "cr"] == "r2a" and families["3", "plmr"] is None

    def notes(**source: str) -> str:
        each = line("mcd", 0)
        each["data"]["source"] |= source
        return "\n".join(suite_page([each], {}).notes)

    assert "MCD on GRU, correlated files" in notes()
    differs = "; other texts than ours, which are the decorrelated files"
    assert differs in notes() and differs in notes(family="decorrelated")
    assert "other texts than ours" not in notes(family="correlated")
    short = published_beside("plmr", "minilm", "beer", 0.1, "look", max_words=120)
    assert short is not None and "BERT-base, files not stated, texts of up to 120 words" in short.origin


def test_published_figures_do_not_stand_beside_validation_figures():
    each = line("mcd", 0)
    assert any(row.quoted for row in suite_page([each], {}).sheets[0].rows)
    del each["test"]
    page = suite_page([each], {})
    assert not any(row.quoted for sheet in page.sheets for row in sheet.rows)
    assert not any("Boosting" in note for note in page.notes)
    assert "published ones, which are of test texts" in page.intro[-1]


def test_a_table_of_one_dataset_has_its_own_footnotes_only():
    lines = [line("rnp", 0, "aroma"), line("rnp", 0, "look")]
    lines[1]["data"]["source"]["family"] = "correlated"
    page = suite_page(lines, {})
    (whole,) = (sheet for sheet in page.sheets if len(sheet.groups) == 2)
    assert [row.title for row in whole.rows] == ["rnp", "  published [1, 2]"]
    assert [part.rows[1].title for part in whole.split()] == ["  published [1]", "  published [2]"]


def test_every_published_row_names_its_source_and_quotes_the_tables(shared):
    tables = json.loads((shared / "spec" / "paper_tables.json").read_text(encoding="utf-8"))
    rows = {(r.table, r.method, r.aspect, r.encoder, r.S): r for r in published()}
    assert len(rows) == len(published())
    assert {row.source for row in published()} <= sources().keys()
    quoted = 0
    for block in tables["table4"]["blocks"].values():
        for theirs in block:
            for aspect in ("appearance", "aroma", "palate"):
                encoder = "BERT-base" if theirs["method"] == "PLMR" else "GRU"
                ours = rows["4", theirs["method"], aspect, encoder, theirs[aspect]["S"]]
                assert {key: getattr(ours, key) for key in theirs[aspect]} == theirs[aspect]
                quoted += 1
    for theirs in tables["table3"]["rows"]:
        for aspect in ("appearance", "aroma", "palate"):
            ours = rows["3", theirs["method"], aspect, "BERT-base", 10.0]
            assert {key: getattr(ours, key) for key in theirs[aspect]} == theirs[aspect]
            quoted += 1
    assert quoted == 66
    assert len(published()) == quoted + 13 + len(tables["table5"]["rows"]) + len(tables["table6"]["rows"])
