"""INVRAT: from a rationale the label can be told as well by a reader who knows where the text comes from as by one
who does not.

Chang, Zhang, Yu and Jaakkola, "Invariant Rationalization", ICML 2020.

    min over predictor         L_i = CE(p(R), y),                      R given
    min over aware predictor   L_e = CE(e(R, environment), y),         R given
    min over generator         L_i + w max(0, L_i − L_e) + L_s,        p and e given

Texts come in environments, between which what merely goes along with the label goes along with it more or less. A
rationale that holds such words tells more to whoever knows the environment, and the generator pays for the difference;
one that holds the reason tells both readers the same.

Environments come with the data, as numbers from 0 in the column `environment`; `plmr.data.residual_environments` makes
them for rated reviews, from how the rating of the aspect differs from what the other ratings let expect. The paper's
for beer are of this kind, and their code was not released.
Where the data has none, `fit` groups the texts by 2-means on the mean of their embeddings before anything is learnt:
a guess, that texts on different things differ in what misleads. (Another re-implementation clusters the complements of
rationales, which needs a first generator.) Neither the paper nor its code says what to do without environments. A
batch without them is of one environment, and nothing is to be gained from knowing it.

As in the released code the environment enters at every token of the aware predictor, added to its embedding as a
vector. Where this differs: masks are sampled; all three move in every
batch, both predictors first. With `round_robin` they move in turn as in that code, over seven batches: the generator
in one, each predictor in three. A turn is a batch, so gradients should not be accumulated over several then.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from plmr.config import RationaleConfig
from plmr.encoders import SplitEncoder
from plmr.methods.game import Batch, Losses, Play
from plmr.methods.losses import cross_entropy
from plmr.methods.options import Options, option
from plmr.methods.parts import new_marks
from plmr.methods.select_predict import SelectThenPredict
from plmr.ranges import NOT_NEGATIVE, Range

ROUND = ("generator", "predictor", "predictor", "predictor", "aware", "aware", "aware")
"""Who moves in each of seven batches, in a round."""


@dataclass(frozen=True)
class InvRatOptions(Options):
    """Options of INVRAT."""

    invariance_weight: float = option(10.0, "w, weight of what the environment would add to the answer.", NOT_NEGATIVE)
    environments: int = option(
        2,
        "How many environments there are.",
        Range("a whole number of 2 or more", lambda n: n >= 2, whole=True),
    )
    round_robin: bool = option(False, "Whether one player moves in each batch, the generator in one of seven.")


class InvRat(SelectThenPredict):
    """A second predictor knows the environment; the generator sees to it that this is of no use."""

    summary = "invariant: knowing a text's environment adds nothing to its rationale (ICML 2020)"
    n_encoders = 3
    options_class = InvRatOptions
    options: InvRatOptions
    turn: Tensor
    """Batches played in rounds. *Shape:* ()"""

    def __init__(self, config: RationaleConfig, generator: SplitEncoder, predictor: SplitEncoder, aware: SplitEncoder):
        super().__init__(config, generator, predictor)
        self.aware = aware
        self.aware_head = self.new_class_head(aware)
        self.environment_vectors = new_marks(self.options.environments, aware.width)
        self.register_buffer("turn", torch.zeros((), dtype=torch.long))

    @property
    def n_environments(self) -> int:
        return self.options.environments

    def modules_of(self) -> dict[str, list[nn.Module]]:
        return super().modules_of() | {"aware": [self.aware, self.aware_head, self.environment_vectors]}

    def heads(self) -> list[nn.Module]:
        return [*super().heads(), self.environment_vectors]

    def game(self) -> list[Play]:
        if self.options.round_robin:
            mover = ROUND[int(self.turn) % len(ROUND)]
            # The other predictor's loss is a constant to the one that moves.
            return [Play((mover,), self.generator_losses if mover == "generator" else self.predictor_losses)]
        return [Play(("predictor", "aware"), self.predictor_losses), Play(("generator",), self.generator_losses)]

    def plays(self) -> list[Play]:
        """Before the start both predictors learn from whole texts: else the aware one would seem to gain nothing."""
        lessons = [Play(("aware",), self.aware_whole_text_losses)] if self.keeps_everything else []
        return lessons + super().plays()

    def aware_whole_text_losses(self, batch: Batch) -> Losses:
        return {"aware": cross_entropy(self.predict_aware(batch, batch.everything), batch)}

    def losses_in(self, play: Play, batch: Batch) -> Losses:
        losses = super().losses_in(play, batch)
        if self.training and self.options.round_robin and not self.keeps_everything:
            self.turn += 1
        return losses

    def embed(self, encoder: SplitEncoder, batch: Batch) -> Tensor:
        embedded = super().embed(encoder, batch)
        if encoder is not self.aware:
            return embedded
        environments = batch.environments
        if environments is None:
            environments = torch.zeros_like(batch.input_ids[:, 0])
        return embedded + self.environment_vectors(environments)[:, None]

    def predict_aware(self, batch: Batch, mask: Tensor) -> Tensor:
        """The logits of the predictor that knows the environments. *Shape:* (B, C)"""
        return self.classify(self.aware, self.aware_head, batch, mask)

    def predictor_losses(self, batch: Batch) -> Losses:
        """The first two objectives."""
        selection = self.select(batch)
        return {
            "rationale": cross_entropy(self.predict(batch, selection), batch),
            "aware": cross_entropy(self.predict_aware(batch, selection.mask), batch),
        }

    def generator_losses(self, batch: Batch) -> Losses:
        """The third objective, on a rationale sampled anew."""
        selection = self.select(batch)
        told = cross_entropy(self.predict(batch, selection), batch)
        gain = told - cross_entropy(self.predict_aware(batch, selection.mask), batch)
        return {
            "selection": told,
            "invariance": self.options.invariance_weight * gain.clamp(min=0),
            **self.constraint_losses(selection, batch),
        }
