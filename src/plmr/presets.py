"""Named bundles of PLMR's switches. The defaults of `RationaleConfig` are the preset `default`."""

from __future__ import annotations

from typing import Any, NamedTuple

PAPER: dict[str, Any] = {
    "unit": "subword",
    "masking": "zero",
    "pooling": "mean",
    "special_tokens": "context",
    "full_text_path": "predictor",
    "predictor_blocks": "late",
    "predictor_start": "late",
    "generator_start": "none",
    "depth_rule": "paper",
    "full_text_weight": 1.0,
    "match_weight": 1.0,
    "match_function": "exponential",
    "shared_mask_head": False,
    "mask_head_dropout": 0.0,
    "class_head_dropout": 0.0,
    "sparsity_schedule": "linear",
    "constraint_form": "paper",
    "continuity_weight": 0.05,
    "sampler": "gumbel",
    "gumbel_noise": 1.0,
    "score_spread": None,
    "smoothing": 1,
    "sparsity_delay": 0.0,
    "sparsity_annealing": 0.0,
    "keep_bias": 0.0,
    "freeze_embeddings": False,
}
"""Section 5 of the paper; where w_x = λ = 1 would cancel the full-text loss, h is the exponential. The paper says of λ1
and λ2 that they were tuned, and not to what; λ2 weighs a change as `default` does in a text of 100 tokens, and
`constraint_form="paper"` without the preset needs as small a one."""

RELEASED: dict[str, Any] = {
    "unit": "subword",
    "masking": "zero",
    "pooling": "first",
    "special_tokens": "released",
    "full_text_path": "first_token",
    "predictor_blocks": "late",
    "predictor_start": "late",
    "generator_start": "none",
    "depth_rule": "released",
    "full_text_weight": 2.0,
    "match_weight": 1.0,
    "match_function": "identity",
    "shared_mask_head": True,
    "mask_head_dropout": 0.1,
    "class_head_dropout": 0.2,
    "sparsity_schedule": "log_linear",
    "constraint_form": "released",
    "sampler": "gumbel",
    "gumbel_noise": 1.0,
    "score_spread": None,
    "smoothing": 1,
    "sparsity_weight": 10.0,
    "continuity_weight": 10.0,
    "sparsity_delay": 0.0,
    "sparsity_annealing": 0.0,
    "keep_bias": 0.0,
    "freeze_embeddings": True,
}
"""The authors' published code, as far as the model goes. How it trains is said beside the preset: it undersamples the
larger class of training and validation data (`balance` of the loaders that have it, `plmr.data.undersample`), learns at
rates of 5e-6 and 2e-5 (`learning_rate`, `head_learning_rate`) without a schedule or clipping (`lr_scheduler_type`
"constant", `warmup_steps` and `max_grad_norm` 0), keeps the last epoch (`load_best_model_at_end=False`), and takes the
argmax, where training here finds thresholds that give the share asked for (`config.thresholds = None` goes back)."""

PRESETS: dict[str, dict[str, Any]] = {"default": {}, "paper": PAPER, "released": RELEASED}


class Variant(NamedTuple):
    """A method with some of its settings fixed, under a name of its own.

    Attributes:
        summary: One line for the list of methods.
        settings: Of `RationaleConfig`; they go before a preset's.
        method: Whose variant it is.
    """

    summary: str
    settings: dict[str, Any]
    method: str = "plmr"


VARIANTS: dict[str, Variant] = {
    "plmr-no-match": Variant("PLMR without L_match: L_r + w_x L_x + L_s", {"match_weight": 0.0}),
    "plmr-no-full-text": Variant(
        "PLMR without L_x and L_match, as in the paper's ablation: L_r + L_s", {"full_text_path": "none"}
    ),
    "plmr-all": Variant(
        "PLMR whose generator's blocks serve the predictor too, on the selected words", {"predictor_blocks": "all"}
    ),
    "plmr-late": Variant(
        "PLMR whose late blocks start from their own pre-trained weights, as in the paper", {"predictor_start": "late"}
    ),
    "plmr-no-emphasis": Variant(
        "PLMR whose generator learns nothing while whole texts are read, as in the paper", {"generator_start": "none"}
    ),
    "plmr-m1": Variant("PLMR with one Dim-Reduction block: everything is pruned at once", {"dim_reduction_blocks": 1}),
    "plmr-m2": Variant("PLMR with two Dim-Reduction blocks, as 12 blocks have by default", {"dim_reduction_blocks": 2}),
    "plmr-hidden": Variant(
        "PLMR whose predictor reads the generator's states: not faithful, they have read the whole text",
        {"predictor_input": "hidden"},
    ),
}
"""What the paper's ablations leave out, pruning in one step and in two, a predictor as deep as the encoder, the paper's
starts of predictor and generator, and the input that this library does not take. `plmr-hidden` has the reading of
eq. 14 in which R is H ⊙ M."""
