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
    """Classifies texts and gives the character ranges that each label rests on, as JSON-able dicts.

    `batch_size`, and `sparsity` or `max_words` as for `RationaleClassifier`, are given to it once or with each call.
    """

    def __call__(self, inputs: str | Sequence[str], batch_size: int | None = None, **length: Any) -> Any:
        """One dict for a string, a list of dicts for a sequence of strings; see `Rationale.to_dict`.

        Raises:
            TypeError: There is no such option.
            PlmrError: There are no texts in what is given, or an option is out of range.
        """
        classifier = RationaleClassifier(self.model.config, self.model, self.tokenizer)
        options = self._forward_params | self._sanitize_parameters(**length)[1]
        usual = 64 if self._batch_size is None else self._batch_size
        options["batch_size"] = usual if batch_size is None else batch_size
        if isinstance(inputs, str):
            return classifier(inputs, **options).to_dict()
        return [rationale.to_dict() for rationale in classifier.iter_predict(inputs, **options)]

    def _sanitize_parameters(
        self, sparsity: float | None = None, max_words: int | None = None
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        given = {"sparsity": sparsity, "max_words": max_words}
        return {}, {name: value for name, value in given.items() if value is not None}, {}

    # The classifier does all of it; the steps of the base class are not taken.
    def preprocess(self, inputs: Any, **_: Any) -> Any:
        return inputs

    def _forward(self, inputs: Any, **_: Any) -> Any:
        return inputs

    def postprocess(self, outputs: Any, **_: Any) -> Any:
        return outputs


PIPELINE_REGISTRY.register_pipeline(TASK, pipeline_class=RationalePipeline, pt_model=RationaleModel, type="text")
