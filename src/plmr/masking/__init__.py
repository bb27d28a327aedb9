"""Masks: what they are made of, how they are drawn, what they cost and what they hide."""

from plmr.masking.constraints import (
    Constraint,
    constraint,
    released_constraint,
    share,
    sparsity_targets,
    text_constraint,
)
from plmr.masking.kumaraswamy import HardKumaGates
from plmr.masking.pruning import masked_mean, run_masked, why_dense
from plmr.masking.samplers import (
    damp_mean,
    expected_budget,
    gumbel_noise,
    keep_probability,
    relaxed,
    smooth,
    standardize,
    straight_through,
    threshold_mask,
    within_budget,
)
from plmr.masking.units import Units, top_units

__all__ = [
    "Constraint",
    "HardKumaGates",
    "Units",
    "constraint",
    "damp_mean",
    "expected_budget",
    "gumbel_noise",
    "keep_probability",
    "masked_mean",
    "relaxed",
    "released_constraint",
    "run_masked",
    "share",
    "smooth",
    "sparsity_targets",
    "standardize",
    "straight_through",
    "text_constraint",
    "threshold_mask",
    "top_units",
    "why_dense",
    "within_budget",
]
