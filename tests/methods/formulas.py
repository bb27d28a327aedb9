"""The mathematics once more, in plain Python and loops, to hold the methods against."""

from __future__ import annotations

import math

import torch

from plmr.methods import METHODS, SelectThenPredict

SELECT_THEN_PREDICT = [name for name, method in METHODS.items() if issubclass(method, SelectThenPredict)]


def softmax(row):
    powers = [math.exp(value) for value in row]
    return [power / sum(powers) for power in powers]


def cross_entropy(logits, labels):
    return mean([-math.log(softmax(row)[y]) for row, y in zip(logits.tolist(), labels.tolist(), strict=True)])


def kl(logits, other):
    pairs = zip(map(softmax, logits.tolist()), map(softmax, other.tolist()), strict=True)
    return mean([sum(a * math.log(a / b) for a, b in zip(p, q, strict=True)) for p, q in pairs])


def js(logits, other):
    """By entropies: H((p + q) / 2) − (H(p) + H(q)) / 2."""

    def entropy(row):
        return -sum(p * math.log(p) for p in row)

    found = []
    for p, q in zip(map(softmax, logits.tolist()), map(softmax, other.tolist()), strict=True):
        middle = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
        found.append(entropy(middle) - (entropy(p) + entropy(q)) / 2)
    return mean(found)


def guided(probabilities, attention):
    """Cross-entropy of G-RAT's guidance, for texts of as many units as they have numbers."""
    found = []
    for keep, attended in zip(probabilities, attention, strict=True):
        n = len(attended)
        for m, a in zip(keep, attended, strict=True):
            g = min(1, a / (1 / n + 1 / (1 + n)))
            found.append(-g * math.log(m) - (1 - g) * math.log(1 - m))
    return mean(found)


def attend(hidden, attention, word_ids):
    """G-RAT's weights of the words of each text, and the state they add up to."""
    weights, pooled = [], []
    for states, ids in zip(hidden, word_ids, strict=True):
        words = [states[ids == word] for word in range(int(ids.max()) + 1)]
        scores = [mean([float(attention.linear(attention.norm(token))) for token in word]) for word in words]
        weights.append(softmax(scores))
        pooled.append(weighted(weights[-1], words))
    return weights, torch.stack(pooled)


def attend_by_odds(hidden, keep, word_ids):
    """A2R's one state of each text, whose words weigh as much as the odds of keeping them."""
    pooled = []
    for states, chances, ids in zip(hidden, by_word(keep, word_ids), word_ids, strict=True):
        odds = [p / (1 - p) for p in chances]
        pooled.append(weighted([o / sum(odds) for o in odds], [states[ids == word] for word in range(len(odds))]))
    return torch.stack(pooled)


def weighted(weights, words):
    """The sum of the words' mean states, from the states of their tokens."""
    return sum(w * word.mean(dim=0) for w, word in zip(weights, words, strict=True))


def moments(one, other):
    """DMR's discrepancy of two samples of rows: moment by moment, feature by feature."""

    def moment(column, k):
        centre = mean(column)
        return centre if k == 1 else mean([(value - centre) ** k for value in column])

    columns, others = list(zip(*one, strict=True)), list(zip(*other, strict=True))
    found = 0.0
    for k in range(1, 6):
        squares = [(moment(a, k) - moment(b, k)) ** 2 for a, b in zip(columns, others, strict=True)]
        found += math.sqrt(sum(squares)) / 2**k
    return found


def adjust(state, keys, vectors, counts):
    """A state and what Inter-RAT puts beside it."""
    attention = softmax([sum(a * b for a, b in zip(state, key, strict=True)) for key in keys])
    parts = [(n / sum(counts)) * a for n, a in zip(counts, attention, strict=True)]
    return [*state, *(sum(p * v[i] for p, v in zip(parts, vectors, strict=True)) for i in range(len(state)))]


def mean(values):
    return sum(values) / len(values)


def changes(flags):
    return [abs(b - a) for a, b in zip(flags, flags[1:], strict=False)]


def words_of(mask, word_ids):
    """One flag per word, in order, from a mask on tokens."""
    return [[int(value) for value in row] for row in by_word(mask, word_ids)]


def by_word(values, word_ids):
    """The mean over each word, text by text, of a number for every token."""
    return [
        [row[ids == word].mean().item() for word in range(int(ids.max()) + 1)]
        for row, ids in zip(values, word_ids, strict=True)
    ]


def constraint(masks, word_ids, targets, form):
    """Sparsity and continuity without their weights."""
    sparsity, continuity = [], []
    for mask, target in zip(masks, targets, strict=True):
        flags = words_of(mask, word_ids)
        if form == "paper":
            sparsity.append(mean([abs(target - mean(text)) for text in flags]))
            continuity.append(mean([sum(changes(text)) for text in flags]))
        else:
            sparsity.append(abs(target - mean([flag for text in flags for flag in text])))
            continuity.append(mean([change for text in flags for change in changes(text)]))
    return mean(sparsity), mean(continuity)


def text_constraint(mask, word_ids, target):
    """Sparsity and continuity without their weights, where each text answers for itself."""
    flags = words_of(mask, word_ids)
    breaks = [mean(changes(text)) if len(text) > 1 else 0.0 for text in flags]
    return mean([abs(target - mean(text)) for text in flags]), mean(breaks)


def states_of(encoder, batch, mask, entry=0.0):
    """An encoder's states under a mask on tokens: only the selected and the first special token take part.

    Args:
        entry: Added to the embeddings.
    """
    states = encoder.embed(batch["input_ids"]) + entry
    visible = mask.clone()
    visible[:, 0] = 1
    if encoder.can_drop:
        return encoder.run(states, range(encoder.n_blocks), visible.bool())
    for block in range(encoder.n_blocks):
        states = encoder.run(states * visible[..., None], range(block, block + 1), batch["attention_mask"])
    return states


def read_masked(encoder, head, batch, mask, norm=None, entry=0.0):
    """A classifier's logits from a mask on tokens."""
    norm, hidden = norm or torch.nn.Identity(), states_of(encoder, batch, mask, entry)
    rows = zip(norm(hidden), mask.bool(), strict=True)
    return head(torch.stack([row[kept].mean(dim=0) if kept.any() else torch.zeros(32) for row, kept in rows]))


def kuma_keep(drop, keep):
    """P(z > 0) of a HardKuma gate with two scores: what of the Kumaraswamy distribution lies above a twelfth."""
    a, b = math.log(1 + math.exp(keep)), math.log(1 + math.exp(drop))
    return (1 - (1 / 12) ** a) ** b


def expected_share(texts):
    return mean([mean(keep) for keep in texts])


def expected_changes(texts):
    """By the four outcomes of each pair of neighbours."""
    outcomes = [(0, 1), (1, 0), (0, 0), (1, 1)]

    def change(pair):
        chances = [math.prod(k if z else 1 - k for k, z in zip(pair, zs, strict=True)) for zs in outcomes]
        return sum(chance * abs(z - other) for chance, (z, other) in zip(chances, outcomes, strict=True))

    return mean([sum(map(change, zip(keep, keep[1:], strict=False))) / len(keep) for keep in texts])


def prior_divergence(texts, prior):
    def divergence(m):
        return m * math.log(m / prior) + (1 - m) * math.log((1 - m) / (1 - prior))

    return mean([mean([divergence(m) for m in keep]) for keep in texts])


def necessity(told, untold):
    """Of texts: p(y) from the rationale, and from it less one unit, for each of some units."""
    found = []
    for p, others in zip(told, untold, strict=True):
        found.append(mean([-math.log(1 + max(0.0, p - other)) for other in others]) if others else 0.0)
    return found


def information(scores):
    """Lower and upper bound, of a critic's scores of each rationale with each complement."""
    n = len(scores)
    own = mean([row[i] for i, row in enumerate(scores)])
    lower = mean([math.log(math.exp(row[i]) / mean([math.exp(t) for t in row])) for i, row in enumerate(scores)])
    return lower, own - sum(map(sum, scores)) / n**2
