"""DMR: a rationale leaves in the predictor what the text would leave there, in features and in answers.

Huang, Chen, Du and Yang, "Distribution Matching for Rationalization", AAAI 2021.

    stage teacher   min over teacher                   CE(t(X), y)
    game            min over generator and predictor   CE(p(R), y) + w_o KL(q ‖ p(R)) + w_f CMD(f(R), f(X)) + L_s
                    q = softmax(t(X) / τ) given,   f what the class head of p reads, squashed by tanh

    CMD(a, b) = Σ_k ‖c_k(a) − c_k(b)‖ / 2^k,   c_1 the mean over the batch,   c_k = mean (a − c_1)^k for k = 2..5

To match the label is not enough: a rationale is a part of the text, so what it makes of the predictor should be
distributed like what the text makes of it. The central moment discrepancy (Zellinger et al., ICLR 2017) compares the
features, feature by feature, over the texts of a batch; the teacher's answers, softened by τ, compare the outputs.

Where this differs from the released code:

- Its generators, one for each class, are fed the label, and at test the gold one, so that its published rationales
  were chosen by an oracle. Here one generator reads the text alone, in training and after.
- Its discrepancy multiplies deviations by k where it should raise them to the power of k: their mean is then zero, and
  only the means are compared. Here the moments are what they are called, scaled by the width of the interval as in the
  definition, which is why features are squashed into one.
- Its matching moves the predictor only, and its generator minimises −p(y), without a logarithm. Here both learn from
  the whole objective, as RNP's players do.

KL(q ‖ p) is the cross-entropy to q less a constant. That code has a set of weights for each aspect; w_f is its most
frequent one, 0.01. In small trainings a larger one kept the predictor from telling the labels.

With `oracle` the generator is told the label, which is LABEL LEAKAGE and for measuring what it is worth, nothing else:

    M = sample(mask head(g(E(X) + v_c))),   c = y in training,   c = argmax t(X) in evaluation and prediction

Such a generator need not look for the reason. It can write the label into the mask, by which words it takes or by how
many, and the predictor reads it off there; so no figure of such a model is a result. A vector v_c at every token is
what the released code's one-hot comes to; one generator with it stands for those of the classes, and all learn in every
batch. Not even so is a gold label read outside training: the generator is told the teacher's answer then. That code
tells it the gold label at test, and the predictor as well, so what it publishes is not to be had here.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from plmr.config import RationaleConfig
from plmr.encoders import SplitEncoder
from plmr.methods.game import Batch, Losses
from plmr.methods.losses import cross_entropy, kl_divergence
from plmr.methods.options import Options, option
from plmr.methods.parts import new_marks
from plmr.methods.teacher import Taught, TeacherOptions
from plmr.ranges import NOT_NEGATIVE, POSITIVE

N_MOMENTS = 5
LEAKAGE = (
    "DMR with oracle=True tells its generator the labels of the training texts. This is label leakage: rationales may "
    "spell the label out instead of giving the reason, and no figure of this model is a result."
)


@dataclass(frozen=True)
class DMROptions(TeacherOptions):
    """Options of DMR."""

    output_weight: float = option(1.0, "w_o, weight of the teacher's softened answers.", NOT_NEGATIVE)
    teacher_temperature: float = option(3.0, "τ, by which the teacher's logits are divided.", POSITIVE)
    feature_weight: float = option(0.01, "w_f, weight of the discrepancy between features.", NOT_NEGATIVE)
    oracle: bool = option(
        False, "Whether the generator is told the labels in training: label leakage, whose figures are no result."
    )


def moment_discrepancy(one: Tensor, other: Tensor) -> Tensor:
    """CMD of two samples of features between −1 and 1.

    Args:
        one: *Shape:* (B, H)
        other: *Shape:* (B, H)

    Returns:
        *Shape:* ()
    """
    mean, other_mean = one.mean(dim=0), other.mean(dim=0)
    found = (mean - other_mean).norm() / 2
    for k in range(2, N_MOMENTS + 1):
        moment, other_moment = (one - mean).pow(k).mean(dim=0), (other - other_mean).pow(k).mean(dim=0)
        found = found + (moment - other_moment).norm() / 2**k
    return found


class DMR(Taught):
    """RNP, with the predictor's features and answers on rationales held to those on texts."""

    summary = "distribution matching: features and answers on rationales like those on whole texts (AAAI 2021)"
    options_class = DMROptions
    options: DMROptions

    def __init__(
        self, config: RationaleConfig, generator: SplitEncoder, predictor: SplitEncoder, teacher: SplitEncoder
    ):
        super().__init__(config, generator, predictor, teacher)
        self.label_vectors = new_marks(config.num_labels, generator.width) if self.options.oracle else None

    @classmethod
    def caveats_with(cls, options: Options) -> list[str]:
        assert isinstance(options, DMROptions)
        return [LEAKAGE] if options.oracle else []

    def modules_of(self) -> dict[str, list[nn.Module]]:
        players = super().modules_of()
        own = [] if self.label_vectors is None else [self.label_vectors]
        return players | {"generator": [*players["generator"], *own]}

    def heads(self) -> list[nn.Module]:
        return [*super().heads(), *([] if self.label_vectors is None else [self.label_vectors])]

    def embed(self, encoder: SplitEncoder, batch: Batch) -> Tensor:
        embedded = super().embed(encoder, batch)
        if self.label_vectors is None or encoder is not self.generator:
            return embedded
        return embedded + self.label_vectors(self.told_labels(batch))[:, None]

    def told_labels(self, batch: Batch) -> Tensor:
        """What an oracle's generator is told of each text: in training its label, else the teacher's answer.

        Returns:
            *Shape:* (B,)

        Raises:
            PlmrError: The batch has no labels to train with.
        """
        return batch.targets if self.training else self.judge(batch, batch.everything).argmax(dim=-1)

    def losses(self, batch: Batch) -> Losses:
        """RNP's, and the two matchings."""
        selection, options = self.select(batch), self.options
        told = self.pooled(self.predictor, batch, selection.mask)
        whole = self.pooled(self.predictor, batch, batch.everything)
        logits = self.class_head(told)
        softened = self.judge(batch, batch.everything) / options.teacher_temperature
        discrepancy = moment_discrepancy(torch.tanh(told.float()), torch.tanh(whole.float()))
        return {
            "rationale": cross_entropy(logits, batch),
            "output": options.output_weight * kl_divergence(softened, logits),
            "feature": options.feature_weight * discrepancy,
            **self.constraint_losses(selection, batch),
        }
