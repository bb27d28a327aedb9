"""The terms that one method alone has, by its formula and from what its modules answer."""

from __future__ import annotations

import math

import torch

from tests.methods.formulas import constraint, cross_entropy, mean, read_masked, softmax


def mask_of(encoder, head, batch, entry=0.0):
    """A generator's mask on tokens, with a spread of 3 and no smoothing: words whose odds are better than even.

    Args:
        entry: Added to the embeddings.
    """
    ids = batch["word_ids"]
    hidden = encoder.run(encoder.embed(batch["input_ids"]) + entry, range(encoder.n_blocks), batch["attention_mask"])
    mask = torch.zeros(ids.shape)
    for row, logits in enumerate(head(hidden)):
        words = range(int(ids[row].max()) + 1)
        odds = [mean([float(keep - drop) for drop, keep in logits[ids[row] == word]]) for word in words]
        middle = mean(odds)
        spread = math.sqrt(mean([(each - middle) ** 2 for each in odds]) + 1e-3)
        for word in words:
            mask[row][ids[row] == word] = float(middle + 3 * (odds[word] - middle) / spread > 0)
    return mask


def mgr(method, batch, labels, found):
    """Weights and target of the constraint as in the test: 7, 3 and 0.3."""
    found = dict(found)
    assert len(method.other_generators) == 2
    for encoder, head in zip(method.other_generators, method.other_mask_heads, strict=True):
        mask = mask_of(encoder, head, batch)
        sparsity, continuity = constraint([mask], batch["word_ids"], [0.3], "corpus")
        answers = read_masked(method.predictor, method.class_head, batch, mask)
        found["rationale"] += cross_entropy(answers, labels)
        found["sparsity"] += 7 * sparsity
        found["continuity"] += 3 * continuity
    return found


def n2r(method, batch, labels, found):
    mask = mask_of(method.generator, method.mask_head, batch)
    states = read_masked(method.predictor, torch.nn.Identity(), batch, mask).tolist()
    lengths = [math.sqrt(sum(value * value for value in state)) for state in states]
    again = {f"norm_{name}": found[name] for name in ("sparsity", "continuity")}
    return found | again | {"norm": -1.7 * mean([math.log(length + 0.1) for length in lengths])}


def wrong_cross_entropies(logits, labels):
    """Of each text, of not having its own label."""
    rows = zip(logits.tolist(), labels.tolist(), strict=True)
    return [-math.log(sum(p for c, p in enumerate(softmax(row)) if c != label)) for row, label in rows]


def a2i(method, batch, labels, found):
    mask = mask_of(method.attacker, method.attacker_mask_head, batch)
    sparsity, continuity = constraint([mask], batch["word_ids"], [0.3], "corpus")
    each = wrong_cross_entropies(read_masked(method.predictor, method.class_head, batch, mask), labels)
    return found | {
        "attack": mean(each),
        "attack_told": -1.7 * mean([min(value, math.log(2)) for value in each]),
        "attack_sparsity": 7 * sparsity,
        "attack_continuity": 3 * continuity,
    }


TERMS = {"mgr": mgr, "n2r": n2r, "a2i": a2i}
