"""The transformers pipeline: `pipeline("text-rationale", model="my-model")`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transformers import Pipeline
from transformers.pipelines import PIPELINE_REGISTRY

from plmr.explain.classifier import RationaleClassifier
from plmr.modeling import RationaleModel

TASK = "text-rationale"


class RationalePipeline(Pipeline):
    """Classifies texts and gives the character ranges that each label rests on, as JSON-able dicts."""

    def __call__(self, inputs: str | Sequence[str], batch_size: int = 64, **_: Any) -> Any:
        """One dict for a string, a list of dicts for a sequence of strings; see `Rationale.to_dict`."""
        classifier = RationaleClassifier(self.model.config, self.model, self.tokenizer)
        if isinstance(inputs, str):
            return classifier(inputs).to_dict()
        return [rationale.to_dict() for rationale in classifier.iter_predict(inputs, batch_size)]

    # The classifier does all of it; the steps of the base class are not taken.
    def _sanitize_parameters(self, **_: Any) -> tuple[dict, dict, dict]:
        return {}, {}, {}

    def preprocess(self, inputs: Any, **_: Any) -> Any:
        return inputs

    def _forward(self, inputs: Any, **_: Any) -> Any:
        return inputs

    def postprocess(self, outputs: Any, **_: Any) -> Any:
        return outputs


PIPELINE_REGISTRY.register_pipeline(TASK, pipeline_class=RationalePipeline, pt_model=RationaleModel, type="text")
