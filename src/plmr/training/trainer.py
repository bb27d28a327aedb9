"""The trainer: it runs the plays of a method and knows no method."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from copy import copy
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, Sampler
from transformers import Trainer
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from plmr.data.collator import RationaleCollator
from plmr.data.encoding import Encoded
from plmr.inference import predict
from plmr.modeling import RationaleModel
from plmr.training.arguments import RationaleTrainingArguments
from plmr.training.calibration import calibrate
from plmr.training.callbacks import has_settled
from plmr.training.checkpoints import whole_or_gone
from plmr.training.collapse import position_agreement
from plmr.training.sampler import LengthGroupedSampler

WIDTHS = 8
"""Training batches are as wide as a multiple of this."""


def keep_few_kernels() -> None:
    """Bound what oneDNN remembers on a processor: a kernel with its scratch memory for every width and matrix.

    It reads the variable before its first multiplication; whoever has set it, or has multiplied before, is left alone.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")


class EncodedDataset(Dataset):
    """Encoded texts as a dataset of collator features."""

    def __init__(self, texts: Sequence[Encoded]):
        self.texts = texts

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.texts[index].features()


class Figures(NamedTuple):
    """What an evaluation gives, at the sparsity asked for; see `RationaleTrainer.evaluate`."""

    loss: float
    accuracy: float
    full_text_accuracy: float
    sparsity: float
    argmax_sparsity: float
    position_agreement: float


class RationaleTrainer(Trainer):
    """`Trainer` for rationale models.

    Adds to it: several plays per batch, each moving its own players; learning rates by player and part; the terms
    of the loss logged apart; batches by length that survive a resume; and an evaluation at the length asked for,
    on thresholds calibrated on the evaluation texts.

    Args:
        model: What to train.
        args: See `RationaleTrainingArguments`.
        train_texts: Encoded texts with labels.
        eval_texts: Encoded texts with labels, for calibration and the choice of the epoch.
        **kwargs: Passed on to `Trainer`, such as `callbacks`.
    """

    model: RationaleModel
    args: RationaleTrainingArguments
    optimizer: torch.optim.Optimizer | None
    control: Any

    def __init__(
        self,
        model: RationaleModel,
        args: RationaleTrainingArguments,
        train_texts: Sequence[Encoded],
        eval_texts: Sequence[Encoded] | None = None,
        **kwargs: Any,
    ):
        keep_few_kernels()
        self._max_norm = args.max_grad_norm
        # Transformers would clip all players together, so that the gradient of one shrinks the steps of the others.
        args = copy(args)
        args.max_grad_norm = inf
        super().__init__(
            model=model,
            args=args,
            train_dataset=EncodedDataset(train_texts),
            eval_dataset=EncodedDataset(eval_texts) if eval_texts else None,
            data_collator=RationaleCollator(model.config.pad_token_id or 0, WIDTHS, model.config.max_tokens),
            **kwargs,
        )
        # The plays return means over their batch, so the trainer has to divide when it accumulates gradients.
        self.model_accepts_loss_kwargs = False
        self._play: int | None = None
        self._rates: list[float] = []
        self._gathered: dict[int, list[Tensor | None]] = {}
        self._terms: dict[str, Tensor] = {}
        self._batches = 0

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler | None:
        if not self.args.length_grouping:
            return super()._get_train_sampler(train_dataset)
        lengths = [len(text.input_ids) for text in self.train_dataset.texts]
        seed = self.args.seed if self.args.data_seed is None else self.args.data_seed
        return LengthGroupedSampler(lengths, self.args.train_batch_size, seed)

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """One group for each player, part (encoder or head) and weight decay."""
        if self.optimizer is None:
            kind, options = self.get_optimizer_cls_and_kwargs(self.args, self.model)
            self.optimizer = kind(self._parameter_groups(), **options)
            self.optimizer.register_step_pre_hook(self._clip)
            self.optimizer.register_step_pre_hook(self._change_rates)
            self.optimizer.register_step_post_hook(self._restore_rates)
        return self.optimizer

    def _clip(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        """Clip the gradients of each player apart, as if each had an optimizer of its own."""
        if not self._max_norm:
            return
        players: dict[str, list[nn.Parameter]] = defaultdict(list)
        for group in optimizer.param_groups:
            players[group["player"]] += group["params"]
        for parameters in players.values():
            nn.utils.clip_grad_norm_(parameters, self._max_norm)

    def _change_rates(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        """Every step, whoever takes it, is at the rates that the method asks for; AdamW's decay follows the rate."""
        self._rates = [group["lr"] for group in optimizer.param_groups]
        for group in optimizer.param_groups:
            group["lr"] = group["lr"] * self.model.method.rate_of(group["player"])

    def _restore_rates(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        for group, rate in zip(optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate

    def _parameter_groups(self) -> list[dict[str, Any]]:
        decayed = set(self.get_decay_parameter_names(self.model))
        in_heads = {id(p) for head in self.model.method.heads() for p in head.parameters()}
        owners = {
            id(p): player
            for player, modules in self.model.method.modules_of().items()
            for module in modules
            for p in module.parameters()
        }
        groups: dict[tuple[str, float, float], list[nn.Parameter]] = defaultdict(list)
        for name, parameter in self.model.named_parameters():
            if not parameter.requires_grad:
                continue
            rate = self.args.head_learning_rate if id(parameter) in in_heads else self.args.learning_rate
            player = owners.get(id(parameter), "")
            rate *= self.args.predictor_learning_rate_scale if player == "predictor" else 1.0
            groups[player, rate, self.args.weight_decay if name in decayed else 0.0].append(parameter)
        return [
            {"params": parameters, "player": player, "lr": rate, "weight_decay": decay}
            for (player, rate, decay), parameters in groups.items()
        ]

    def training_step(self, model: nn.Module, inputs: dict[str, Tensor], *args: Any, **kwargs: Any) -> Tensor:
        """Run every play of the method on the batch; the step that ends the last one is the trainer's own."""
        self.model.set_progress(self.state.global_step / max(1, self.state.max_steps))
        model.train()  # in evaluation mode a method is past its start, whatever the progress
        self._batches += 1
        last = len(self.model.method.plays()) - 1
        loss = torch.zeros((), device=self.args.device)
        for play in range(last + 1):
            self._play = play
            self._take_up(play)
            loss = loss + super().training_step(model, inputs, *args, **kwargs)
            if not self.accelerator.sync_gradients:
                self._put_aside(play)
            elif play < last:
                self._move(model)
        self._play = None
        return loss

    def _move(self, model: nn.Module) -> None:
        """The optimizer's step for a play that is not the last."""
        assert self.optimizer is not None
        self.accelerator.unscale_gradients()
        self.optimizer.step()
        model.zero_grad()

    def _put_aside(self, play: int) -> None:
        """Keep the gradients of a play until its batch is complete: they are no other play's business.

        All plays wait for the last part of the batch, so until then each sees the others' players as they were.
        """
        self._gathered[play] = [parameter.grad for parameter in self.model.parameters()]
        self.model.zero_grad()

    def _take_up(self, play: int) -> None:
        for parameter, gradient in zip(self.model.parameters(), self._gathered.pop(play, ()), strict=False):
            parameter.grad = gradient

    def compute_loss(self, model: nn.Module, inputs: dict[str, Tensor], return_outputs: bool = False, **_: Any) -> Any:
        output = model(**inputs, play=self._play)
        for name, term in output.losses.items():
            self._terms[name] = self._terms.get(name, 0) + term.detach()
        return (output.loss, output) if return_outputs else output.loss

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Add the mean of each term of the loss since the last line, 0 for the batches whose plays lack it."""
        if "loss" in logs and self._batches:
            logs |= {f"loss_{name}": float(term) / self._batches for name, term in self._terms.items()}
            self._terms, self._batches = {}, 0
        super().log(logs, *args, **kwargs)

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        """Only what was trained with the share asked for can be the best: with more words it had an easier task."""
        method = self.model.method
        settled = has_settled(self.state, method.start, method.settled)
        return settled and super()._determine_best_metric(metrics, trial)

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        folder = Path(self._get_output_dir(trial), f"{PREFIX_CHECKPOINT_DIR}-{self.state.global_step}")
        with whole_or_gone(folder):
            super()._save_checkpoint(model, trial)

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Calibrate on the evaluation texts, then predict them.

        Returns:
            `accuracy` and `loss` from the rationale, `full_text_accuracy`, `sparsity` at the calibrated thresholds,
            `argmax_sparsity` and `position_agreement`, each with the prefix.
        """
        texts = (eval_dataset or self.eval_dataset).texts
        batch_size = self.args.eval_batch_size
        # Half precision is enough to compare epochs; thresholds that are kept have to fit the model as it is served.
        with self.accelerator.autocast() if self.is_in_train else nullcontext():
            self.calibration = calibration = calibrate(self.model, texts, batch_size)
            predictions = predict(self.model, texts, batch_size, full_text=True)
        labels = np.array([text.label for text in texts])
        rationale = np.stack([p.probabilities for p in predictions])
        full_text = np.stack([np.asarray(p.full_text_probabilities) for p in predictions])
        chance = np.clip(rationale[np.arange(len(labels)), labels], 1e-12, 1)
        figures = Figures(
            loss=float(-np.log(chance).mean()),
            accuracy=float((rationale.argmax(axis=1) == labels).mean()),
            full_text_accuracy=float((full_text.argmax(axis=1) == labels).mean()),
            sparsity=calibration.share,
            argmax_sparsity=calibration.argmax_share,
            position_agreement=position_agreement([p.mask for p in predictions]),
        )
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in figures._asdict().items()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics
