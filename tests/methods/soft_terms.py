"""The terms of the methods with soft masks, from what the model answers in evaluation."""

from __future__ import annotations

import torch

from tests.methods import formulas
from tests.methods.formulas import by_word, read_masked

_GATES = {"run_length": 10.0, "multiplier_least": 1.7}
SOFT_OPTIONS = {
    "hardkuma": _GATES,
    "dare": {**_GATES, "information_weight": 17.0},
    "cr": {"prior_weight": 1.7, "necessity_weight": 19.0, "left_out": 2},
}
SEEDS = {"dare": 2, "cr": 2, "mrd": 2}
"""Weights with which something is selected and something is not, and no term is next to nothing."""
_SHARE = 0.3


def scores_of(method, batch):
    """By how much keeping each word has more to say for it than dropping it, a tenth of a text's mean counting."""
    generator = method.generator
    states = generator.run(generator.embed(batch["input_ids"]), range(generator.n_blocks), batch["attention_mask"])
    drop, keep = method.mask_head(states).unbind(dim=-1)
    return [[odds - 0.9 * sum(text) / len(text) for odds in text] for text in by_word(keep - drop, batch["word_ids"])]


def soft_terms(name, method, batch, labels, output):
    keep = by_word(output.keep_probability, batch["word_ids"])
    if name == "cr":
        return _cr(method, batch, labels, output, keep)
    expected = [[formulas.kuma_keep(-odds / 2, odds / 2) for odds in text] for text in scores_of(method, batch)]
    found = {
        "sparsity": 1.7 * (formulas.expected_share(expected) - _SHARE),
        "continuity": 1.7 * (formulas.expected_changes(expected) - 2 * _SHARE / 10),
    }
    if name == "dare":
        rest = (batch["word_ids"] >= 0).float() - output.mask
        states = [read_masked(method.predictor, torch.nn.Identity(), batch, mask) for mask in (output.mask, rest)]
        scores = [[_critic(method.critic, r, c) for c in states[1]] for r in states[0]]
        lower, upper = formulas.information(scores)
        found |= {"critic": -lower, "information": 17 * upper}
    return found


def _critic(critic, rationale, complement):
    first, _, second, _ = critic.layers
    inner = (first.weight @ torch.cat([rationale, complement]) + first.bias).clamp(min=0)
    return torch.log1p((second.weight @ inner + second.bias).exp()).item()


def _cr(method, batch, labels, output, keep):
    """Left out are, one at a time, the two words of each rationale that are likeliest kept."""
    masks = formulas.words_of(output.mask, batch["word_ids"])
    read = {"encoder": method.predictor, "head": method.class_head, "batch": batch}
    told = [formulas.softmax(row)[y] for row, y in zip(output.logits.tolist(), labels.tolist(), strict=True)]
    untold = []
    for i, (chances, flags) in enumerate(zip(keep, masks, strict=True)):
        words = sorted((w for w in range(len(flags)) if flags[w]), key=lambda w: -chances[w])[:2]
        untold.append([])
        for word in words:
            mask = output.mask.clone()
            mask[i][batch["word_ids"][i] == word] = 0
            untold[-1].append(formulas.softmax(read_masked(mask=mask, **read)[i].tolist())[labels[i]])
    assert max(map(len, untold)) == 2
    return {
        "necessity": 19 * formulas.mean(formulas.necessity(told, untold)),
        "sparsity": 1.7 * formulas.prior_divergence(keep, _SHARE),
    }
