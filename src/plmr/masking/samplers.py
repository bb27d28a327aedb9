"""From logits to a binary mask, with a gradient in training: the Gumbel-softmax (PLMR eq. 11) and what it is given."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

KEEP = 1
"""Index of the class "keep" among a mask head's two outputs."""
EULER_GAMMA = 0.5772156649015329
"""Mean of the standard Gumbel distribution."""
_LEAST_ODDS = 1e-4
"""Log-odds that float32 still tells from even odds as a probability, at any temperature up to 100."""
_FURTHEST_SHIFT = 32.0
"""More than the log-odds of any two probabilities in `expected_budget` differ by."""
_HALVINGS = 32
"""Of that, down to what float32 tells apart."""


def keep_probability(logits: Tensor) -> Tensor:
    """Probability of keeping.

    Args:
        logits: Drop and keep. *Shape:* (B, U, 2)

    Returns:
        *Shape:* (B, U)
    """
    return logits.float().softmax(dim=-1)[..., KEEP]


def smooth(values: Tensor, valid: Tensor, window: int, standing: Tensor | None = None) -> Tensor:
    """Average with neighbours, the nearer the more they count, of which only the units that stand do.

    A unit that is worth keeping then speaks for its neighbours too, so that what is selected comes in runs about
    half as long as the window.

    Args:
        values: *Shape:* (B, U, K)
        valid: Which units exist. *Shape:* (B, U)
        window: Odd number of units, the unit itself in the middle; 1 changes nothing. Weights fall linearly from the
            middle, so that the units of a text shorter than the window still differ.
        standing: Which units no earlier step has dropped; default, all. One that was dropped counts for none of its
            neighbours, and is averaged with them all the same: what it would be worth here tells that step whether
            to keep it. *Shape:* (B, U)

    Returns:
        Zero where no unit exists. *Shape:* (B, U, K)
    """
    if window == 1:
        return values
    exists = valid.to(values.dtype)[..., None]
    weight = exists if standing is None else standing.to(values.dtype)[..., None]
    own = (exists - weight) * (window // 2 + 1)
    sums, totals = _convolve(values * weight, window) + values * own, _convolve(weight, window) + own
    return sums / totals.clamp(min=0.5) * exists


def _convolve(values: Tensor, window: int) -> Tensor:
    """(B, U, K) to (B, U, K): sums of neighbours with triangular weights, 1 at the ends of the window."""
    kernel = _triangle(window).to(values)[None, None]
    rows = F.conv1d(values.transpose(1, 2).flatten(0, 1)[:, None], kernel, padding=window // 2)
    return rows.view(values.shape[0], values.shape[2], -1).transpose(1, 2)


def _triangle(window: int) -> Tensor:
    return window // 2 + 1 - (torch.arange(window) - window // 2).abs().float()


def standardize(logits: Tensor, valid: Tensor, spread: float, centred: bool = True) -> Tensor:
    """Scale the log-odds of each text to a fixed spread.

    Scores that grow apart without bound leave the sampling no doubt and the gradient no slope: the first clause that
    a text is judged by would remain the last.

    Args:
        logits: Drop and keep. *Shape:* (B, U, 2)
        valid: Which units count. *Shape:* (B, U)
        spread: Standard deviation of the log-odds over the units of a text.
        centred: Whether their mean becomes 0; else it stays. A budget takes no notice of it, but where a penalty asks
            for a share, that is what the mean is for: about 0 with a spread of 3, no less than a third is kept.

    Returns:
        Drop and keep. *Shape:* (B, U, 2)
    """
    odds = _log_odds(logits)
    mean = _mean(odds, valid)
    odds = odds - mean
    odds = odds * spread / (_mean(odds.square(), valid) + 1e-3).sqrt() + (0.0 if centred else mean)
    return _drop_and_keep(odds)


def damp_mean(logits: Tensor, valid: Tensor, weight: float) -> Tensor:
    """Let what the log-odds of a text have in common weigh less than what tells them apart.

    Each step of training moves the mean of a text along all the width of an encoder at once, because all states share
    a part: without a budget it outruns a penalty that has yet to grow, to where neither has a slope.

    Args:
        logits: Drop and keep. *Shape:* (B, U, 2)
        valid: Which units count. *Shape:* (B, U)
        weight: Of their mean; at 1 it stays, at 0 it becomes 0.

    Returns:
        Drop and keep. *Shape:* (B, U, 2)
    """
    odds = _log_odds(logits)
    odds = odds - (1 - weight) * _mean(odds, valid)
    return _drop_and_keep(odds)


def within_budget(logits: Tensor, valid: Tensor, counts: Tensor) -> Tensor:
    """Shift the log-odds of each text so that exactly its budget of units is likelier kept than dropped.

    Only the order of a text's units matters then, and the share that is kept needs neither a penalty nor luck. Of
    equals the first are kept. No log-odds are left nearer to 0 than 1e-4, where a probability would be a half.

    Args:
        logits: Drop and keep. *Shape:* (B, U, 2)
        valid: Which units may be kept. *Shape:* (B, U)
        counts: How many are to be kept of each text; all where it has fewer. *Shape:* (B,)

    Returns:
        Drop and keep. *Shape:* (B, U, 2)
    """
    odds = _log_odds(logits)
    ordered = odds.detach().masked_fill(~valid, float("-inf")).sort(dim=1, descending=True).values
    counts = torch.minimum(counts.long(), valid.sum(dim=1)).clamp(min=1)[:, None]
    lowest_kept = ordered.gather(1, counts - 1)
    # Where all are kept there is no highest dropped one; anything below the lowest kept one will do.
    highest_dropped = F.pad(ordered, (0, 1), value=float("-inf")).gather(1, counts).maximum(lowest_kept - 1)
    above, equal = valid & (odds > lowest_kept), valid & (odds == lowest_kept)
    kept = above | (equal & (equal.long().cumsum(dim=1) <= counts - above.sum(dim=1, keepdim=True)))
    odds = odds - ((lowest_kept + highest_dropped) / 2).nan_to_num(neginf=0.0)
    apart = torch.where(kept, odds.clamp(min=_LEAST_ODDS), odds.clamp(max=-_LEAST_ODDS))
    # A shift, because what a clamp holds would have no gradient; and only of what may be kept: a unit that an earlier
    # step pruned learns of its worth through what this step would make of it.
    odds = odds + torch.where(valid, apart - odds, 0.0).detach()
    return _drop_and_keep(odds)


def expected_budget(probability: Tensor, valid: Tensor, counts: Tensor) -> Tensor:
    """Shift the log-odds of each text so that its budget of units is kept on average, where each is drawn for itself.

    In `within_budget` it is the likelier units that are as many as the budget; drawn one by one, mostly more would be
    kept, since many units of low odds have better prospects together than few of high odds have to lose.

    Args:
        probability: Of keeping. *Shape:* (B, U)
        valid: Which units may be kept. *Shape:* (B, U)
        counts: How many are to be kept of each text; all where it has fewer. *Shape:* (B,)

    Returns:
        Keep probabilities that add up to the budget, with the gradient of the shift: one that lifts all the log-odds
        of a text alike lifts nothing. 0 where nothing may be kept. *Shape:* (B, U)
    """
    odds = probability.float().logit(eps=1e-6)
    counts = torch.minimum(counts.to(odds), valid.sum(dim=1).to(odds)).clamp(min=1)[:, None]
    given = odds.detach()
    low = torch.full_like(counts, -_FURTHEST_SHIFT)
    high = -low
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        many = ((given + middle).sigmoid() * valid).sum(dim=1, keepdim=True) > counts
        low, high = torch.where(many, low, middle), torch.where(many, middle, high)
    shift = (low + high) / 2
    chance = (odds + shift).sigmoid() * valid
    # Newton's next step: it is all but zero, and its gradient is that of the shift as a function of the odds.
    slope = (chance * (1 - chance)).sum(dim=1, keepdim=True).detach().clamp(min=1e-6)
    shift = shift - (chance - chance.detach()).sum(dim=1, keepdim=True) / slope
    return (odds + shift).sigmoid() * valid


def _log_odds(logits: Tensor) -> Tensor:
    return logits[..., KEEP] - logits[..., 1 - KEEP]


def _drop_and_keep(odds: Tensor) -> Tensor:
    return torch.stack([-odds / 2, odds / 2], dim=-1)


def _mean(values: Tensor, valid: Tensor) -> Tensor:
    return (values * valid).sum(dim=1, keepdim=True) / valid.sum(dim=1, keepdim=True).clamp(min=1)


def gumbel_noise(like: Tensor, valid: Tensor, window: int = 1, standing: Tensor | None = None) -> Tensor:
    """Draws of the standard Gumbel distribution, less its mean.

    Args:
        like: *Shape:* (B, U, K)
        valid: Which units exist. *Shape:* (B, U)
        window, standing: Neighbours that share their noise, as in `smooth`: smoothed logits with a draw for each unit
            would still be sampled word by word. A unit whose window reaches past the text, or over dropped units,
            averages fewer draws, and its noise is wider: 1.3 times for the first unit of a text and a window of 9, 2.7
            times for one that stands alone.

    Returns:
        *Shape:* (B, U, K)
    """
    noise = -torch.empty_like(like).exponential_().log() - EULER_GAMMA
    # An average of independent draws varies less than one of them.
    weights = _triangle(window)
    return smooth(noise, valid, window, standing) * float(weights.sum() / weights.norm())


def relaxed(logits: Tensor, temperature: float) -> Tensor:
    """A soft mask: a draw of the relaxed Bernoulli distribution, where the logits have Gumbel noise.

    Args:
        logits: Drop and keep, noise included. *Shape:* (B, U, 2)
        temperature: Near 0 the mask is all but hard.

    Returns:
        Between 0 and 1. *Shape:* (B, U)
    """
    return (logits / temperature).softmax(dim=-1)[..., KEEP]


def straight_through(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """A hard mask with the gradient of a soft one.

    Args:
        logits: Drop and keep, noise included. *Shape:* (B, U, 2)
        temperature: Of the softmax that carries the gradient.

    Returns:
        Zeros and ones. *Shape:* (B, U)
    """
    soft = relaxed(logits, temperature)
    hard = (soft > 0.5).to(soft.dtype)
    return hard - soft.detach() + soft


def threshold_mask(probability: Tensor, threshold: float = 0.5) -> Tensor:
    """The deterministic mask of evaluation: 1 where the keep probability exceeds the threshold.

    At 0.5 this is the argmax of the two classes, a tie counting as dropped.
    """
    return (probability > threshold).to(probability.dtype)
