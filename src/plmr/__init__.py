"""Text classifiers that show their reasons.

```python
from plmr import RationaleClassifier

clf = RationaleClassifier.from_pretrained("bert-base-uncased", labels=["negative", "positive"], sparsity=0.2)
clf.fit(train_rows, validation=val_rows)
clf("the hop smell was excellent").words
```

The public names are loaded when first used: reading data or printing help should not wait for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from plmr.__about__ import __version__
from plmr.errors import PlmrError
from plmr.registering import register as _register

if TYPE_CHECKING:
    from plmr.config import RationaleConfig
    from plmr.data import Example, load_examples, make_reviews
    from plmr.explain import RationaleClassifier
    from plmr.modeling import RationaleModel
    from plmr.output import Rationale, RationaleOutput
    from plmr.training import RationaleTrainer, RationaleTrainingArguments

_HOMES = {
    "Example": "plmr.data",
    "Rationale": "plmr.output",
    "RationaleClassifier": "plmr.explain",
    "RationaleConfig": "plmr.config",
    "RationaleModel": "plmr.modeling",
    "RationaleOutput": "plmr.output",
    "RationaleTrainer": "plmr.training",
    "RationaleTrainingArguments": "plmr.training",
    "load_examples": "plmr.data",
    "make_reviews": "plmr.data",
}

__all__ = [
    "Example",
    "PlmrError",
    "Rationale",
    "RationaleClassifier",
    "RationaleConfig",
    "RationaleModel",
    "RationaleOutput",
    "RationaleTrainer",
    "RationaleTrainingArguments",
    "__version__",
    "load_examples",
    "make_reviews",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'plmr' has no attribute {name!r}")


_register()
