"""The page in a real browser: it lays out without sideways scrolling and the marks are told apart."""

from __future__ import annotations

import re
import shutil
import subprocess
from html import escape
from pathlib import Path

import pytest

from plmr.render import GoldText, System, comparison_report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage"
).split()
# The page forbids scripts: a frame around it measures, which may look into what it is given as srcdoc.
PROBE = """<!doctype html><body><iframe id="page" style="width:360px;height:900px" srcdoc="{page}"></iframe>
<script>
onload = () => {{
  const view = document.getElementById("page").contentWindow, root = view.document;
  const look = mark => [mark.className, view.getComputedStyle(mark).textDecorationStyle].join(":");
  const svg = root.querySelector("svg").getBoundingClientRect();
  const marks = [...root.querySelectorAll(".row mark")].map(look).join(" ");
  const width = root.documentElement.scrollWidth;
  document.body.textContent = `width=${{width}} chart=${{svg.height > 50}} marks=${{marks}};`;
}};
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium or Chrome")
def test_the_page_lays_out_on_a_phone(make, tmp_path: Path):
    text = "bright hop aroma and " + "unbreakable" * 20
    metrics = {"sparsity": 0.2, "precision": 0.5, "recall": 0.5, "f1": 0.5, "accuracy": 0.9, "seconds": 100}
    page = comparison_report(
        title="A phone",
        finding="It fits.",
        intro="",
        systems=[System("PLMR", "a method", metrics, [make(text, [1, 1])])],
        texts=[GoldText(text, "positive", ((7, 16),))],
    )
    probe = tmp_path / "probe.html"
    probe.write_text(PROBE.format(page=escape(page)), encoding="utf-8")
    command = [str(CHROMIUM), *QUIET, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", probe.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    found = re.search(r"width=(\d+) chart=(\w+) marks=([^;]*);", done.stdout)
    assert found, done.stdout[-2000:]
    assert int(found[1]) <= 360
    assert found[2] == "true"
    assert found[3].split() == ["gold:solid", "extra:wavy", "hit:solid", "missed:dotted"]
