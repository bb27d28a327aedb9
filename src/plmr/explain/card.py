"""The model card: what a saved folder says about itself to people and to the hub."""

from __future__ import annotations

from plmr.config import RationaleConfig
from plmr.methods import find_method
from plmr.training import FitSummary

CARD = "README.md"
MARK = "library_name: plmr"
"""What tells a model card from other files of its name."""

_HEAD = """---
{mark}
pipeline_tag: text-classification
tags: [rationale, selective-rationalization, explainability, {method}]
---

# A text classifier that shows its reasons

Trained with plmr {version}: method `{method}` on the encoder `{encoder}`. For a text it returns one of the labels
{labels}, and the words the label rests on, about {share:.0%} of the text. {promise}

```python
from plmr import RationaleClassifier

clf = RationaleClassifier.from_pretrained("this folder, or its hub id")
r = clf("a text")
r.label, r.score, r.words, r.spans
```
"""
_FAITHFUL = "The prediction reads those words and no others."
_LEAKS = "The predictor reads states that have seen the whole text, so the words are not all that the prediction uses."
_READ = "Texts are read up to {tokens} tokens at once; {long}."
_LONG = {"windows": "longer ones in overlapping windows", "cut": "longer ones are cut"}


def model_card(config: RationaleConfig, summary: FitSummary | None = None, dense_note: str | None = None) -> str:
    """A model card in Markdown, with the front matter that the hub reads.

    Args:
        config: Of the model.
        summary: What its training did, where that is known.
        dense_note: Of its method.
    """
    leaks = "predictor_input" in find_method(config.method).reads and config.predictor_input == "hidden"
    card = _HEAD.format(
        mark=MARK,
        method=config.method,
        version=config.plmr_version,
        encoder=config.encoder,
        labels=", ".join(f"`{config.id2label[i]}`" for i in range(config.num_labels)),
        share=config.sparsity,
        promise=_LEAKS if leaks else _FAITHFUL,
    )
    card += "\n" + _READ.format(tokens=config.max_tokens, long=_LONG[config.long_texts]) + "\n"
    notes = [] if summary is None else list(summary.notes)
    if dense_note is not None and dense_note not in notes:
        notes.append(dense_note)
    if summary is not None:
        figures = summary.metrics
        card += "\n## On the validation texts\n\n| figure | |\n|---|---|\n"
        card += f"| accuracy from the rationale | {figures['accuracy']:.1%} |\n"
        card += f"| accuracy from the whole text | {figures['full_text_accuracy']:.1%} |\n"
        card += f"| share of the words selected | {figures['sparsity']:.1%} |\n"
        card += f"| training time | {summary.seconds:,.0f} s |\n"
    return card + "".join(f"\n- {note}" for note in notes) + ("\n" if notes else "")
