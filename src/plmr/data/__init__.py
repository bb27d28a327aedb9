"""Data: one schema, loaders by format, and the generated review corpus. Knows nothing of models."""

from typing import TYPE_CHECKING, Any

from plmr.data.balance import hold_out, undersample
from plmr.data.beer import load_beer
from plmr.data.environments import environment_of, residual_environments
from plmr.data.eraser import load_eraser
from plmr.data.files import iter_rows, load_examples, save_examples
from plmr.data.hatexplain import load_hatexplain
from plmr.data.hotel import load_hotel
from plmr.data.labels import class_index, class_maps, class_names, label_name, label_names
from plmr.data.registry import DATASETS, load_dataset_by_name
from plmr.data.schema import Columns, Example
from plmr.data.synthetic import make_reviews
from plmr.data.windows import Reach, limit_words
from plmr.data.words import flags_from_ranges, spans_from_flags, split_words

if TYPE_CHECKING:
    from plmr.data.collator import RationaleCollator
    from plmr.data.encoding import RationaleTokenizer

__all__ = [
    "DATASETS",
    "Columns",
    "Example",
    "RationaleCollator",
    "RationaleTokenizer",
    "Reach",
    "class_index",
    "class_maps",
    "class_names",
    "environment_of",
    "flags_from_ranges",
    "hold_out",
    "iter_rows",
    "label_name",
    "label_names",
    "limit_words",
    "load_beer",
    "load_dataset_by_name",
    "load_eraser",
    "load_examples",
    "load_hatexplain",
    "load_hotel",
    "make_reviews",
    "residual_environments",
    "save_examples",
    "spans_from_flags",
    "split_words",
    "undersample",
]


def __getattr__(name: str) -> Any:
    # Loading data should not wait for torch and transformers, which only these two need.
    if name == "RationaleCollator":
        from plmr.data.collator import RationaleCollator

        return RationaleCollator
    if name == "RationaleTokenizer":
        from plmr.data.encoding import RationaleTokenizer

        return RationaleTokenizer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
