"""What the settings of `RationaleConfig` may be: words to choose from, and ranges of numbers."""

from __future__ import annotations

from plmr.ranges import FINITE, NOT_NEGATIVE, POSITIVE, Range

CHOICES: dict[str, tuple[str, ...]] = {
    "unit": ("word", "subword"),
    "masking": ("drop", "zero"),
    "predictor_input": ("embeddings", "hidden"),
    "predictor_blocks": ("late", "all"),
    "predictor_start": ("early", "late"),
    "generator_start": ("emphasis", "none"),
    "full_text_path": ("embeddings", "predictor", "first_token", "none"),
    "special_tokens": ("context", "released"),
    "pooling": ("mean", "first", "max"),
    "depth_rule": ("paper", "released"),
    "sparsity_schedule": ("linear", "log_linear"),
    "constraint_form": ("corpus", "paper", "released"),
    "match_function": ("identity", "exponential"),
    "sampler": ("budget", "gumbel"),
    "long_texts": ("windows", "cut"),
}
_DROPOUT = Range("a probability of 0 or more and below 1", lambda p: 0 <= p < 1)
RANGES: dict[str, Range] = {
    "sparsity": Range(
        "between 0 and 1; it is the share of a text that its rationale is to hold, for example 0.2", lambda a: 0 < a < 1
    ),
    "mask_head_dropout": _DROPOUT,
    "class_head_dropout": _DROPOUT,
    "encoder_dropout": _DROPOUT._replace(phrase=_DROPOUT.phrase + ", or None", optional=True),
    "keep_bias": FINITE,
    "gumbel_temperature": POSITIVE,
    "gumbel_noise": NOT_NEGATIVE,
    "score_spread": Range("a number above 0, or None", POSITIVE.fits, optional=True),
    "smoothing": Range("an odd number of units, such as 1 (none), 3 or 5", lambda n: n >= 1 and n % 2 == 1, whole=True),
    "sparsity_weight": NOT_NEGATIVE,
    "continuity_weight": NOT_NEGATIVE,
    "sparsity_delay": Range("a share of the training of 0 or more and below 1", lambda share: 0 <= share < 1),
    "sparsity_annealing": Range("a share of the training between 0 and 1", lambda share: 0 <= share <= 1),
    "full_text_weight": NOT_NEGATIVE,
    "match_weight": NOT_NEGATIVE,
    "match_base": POSITIVE,
    "max_tokens": Range("at least 4 tokens, the fewest that leave room for a text", lambda n: n >= 4, whole=True),
    "window_overlap": Range("a share of 0 or more and below 1, such as 0.25", lambda share: 0 <= share < 1),
}
THRESHOLD = Range("a keep probability", lambda p: 0 <= p <= 1)
