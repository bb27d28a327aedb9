"""Masks: what they are made of, how they are drawn, what they cost and what they hide."""

from plmr.masking.constraints import Constraint, constraint, released_constraint, share, sparsity_targets
from plmr.masking.pruning import masked_mean, run_masked
from plmr.masking.samplers import gumbel_mask, keep_probability, smooth, threshold_mask
from plmr.masking.units import Units, top_units

__all__ = [
    "Constraint",
    "Units",
    "constraint",
    "gumbel_mask",
    "keep_probability",
    "masked_mean",
    "released_constraint",
    "run_masked",
    "share",
    "smooth",
    "sparsity_targets",
    "threshold_mask",
    "top_units",
]
