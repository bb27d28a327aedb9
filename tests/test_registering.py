"""The Auto classes and the pipeline know this package after a plain import, before or after transformers."""

from __future__ import annotations

import subprocess
import sys

import pytest

from plmr import RationaleClassifier, make_reviews

BEFORE = "import plmr, transformers"
AFTER = "import transformers, plmr"
LATE = "from transformers import AutoConfig, AutoModel, pipeline\nimport plmr"
AUTO = """
from transformers import AutoConfig
print(type(AutoConfig.from_pretrained(folder)).__name__)
from transformers import AutoModel
print(type(AutoModel.from_pretrained(folder)).__name__)
"""
PIPELINE = """
from transformers import pipeline
print(type(pipeline("text-rationale", model=folder)).__name__)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("model")
    classifier = RationaleClassifier.from_pretrained("gru-3")
    classifier.fit(make_reviews(12, seed=0), epochs=1, use_cpu=True, disable_tqdm=True)
    classifier.save_pretrained(folder)
    return str(folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("imports", "use", "names"),
    [
        (BEFORE, AUTO, ["RationaleConfig", "RationaleModel"]),
        (AFTER, PIPELINE, ["RationalePipeline"]),
        (BEFORE, PIPELINE, ["RationalePipeline"]),
        (LATE, AUTO + PIPELINE, ["RationaleConfig", "RationaleModel", "RationalePipeline"]),
    ],
)
def test_transformers_knows_this_package(folder, imports, use, names):
    script = f"{imports}\nfolder = {folder!r}\n{use}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert done.stdout.split() == names, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", ["PreTrainedModel", "BertModel", "Trainer"])
def test_importing_from_transformers_still_works(name):
    script = f"import plmr\nfrom transformers import {name}\nprint({name}.__name__)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert done.stdout.split() == [name], done.stderr


def test_nothing_is_loaded_before_it_is_needed():
    script = "import sys, plmr; print('torch' in sys.modules, 'transformers' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["False", "False"], done.stderr
