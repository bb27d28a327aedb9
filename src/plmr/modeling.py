"""The model: a method and its encoder, built from a configuration, saved and loaded like any other."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModel, PreTrainedModel

from plmr.config import RationaleConfig
from plmr.encoders import SplitEncoder, build_encoder, load_encoder
from plmr.errors import PlmrError
from plmr.masking import Units, top_units
from plmr.methods import Batch, Method, build_method, caveats, idle_settings
from plmr.output import RationaleOutput


class RationaleModel(PreTrainedModel):
    """A text classifier that returns the words its prediction rests on, and uses nothing else.

    `RationaleModel(config)` has random weights; `from_encoder` starts from a pre-trained encoder, and
    `from_pretrained` from a saved rationale model.

    Args:
        config: Names the method and the encoder; `encoder_config` must be filled in.
    """

    config_class = RationaleConfig
    base_model_prefix = "method"
    main_input_name = "input_ids"

    def __init__(self, config: RationaleConfig):
        super().__init__(config)
        if config.encoder_config is None:
            raise PlmrError(
                "This configuration names an encoder but not its sizes; start with "
                f"RationaleModel.from_encoder(RationaleConfig(encoder={config.encoder!r}))."
            )
        sizes = config.encoder_config
        rows = sizes.get("vocab_size")
        if rows is not None and config.pad_token_id is not None and not 0 <= config.pad_token_id < rows:
            raise PlmrError(
                f"pad_token_id={config.pad_token_id} is not among the {rows} tokens of {config.encoder!r}; give the "
                "tokenizer's, or leave it out."
            )
        self.method: Method = build_method(config, lambda: build_encoder(sizes, config.encoder))
        if config.thresholds is not None and len(config.thresholds) != self.method.n_steps:
            raise PlmrError(
                f"thresholds holds {len(config.thresholds)} number(s), but {config.method} prunes in "
                f"{self.method.n_steps} step(s); give one for each, or leave them to the calibration."
            )
        self.post_init()

    @classmethod
    def from_encoder(cls, config: RationaleConfig, encoder: SplitEncoder | None = None) -> RationaleModel:
        """A model that starts from a pre-trained encoder.

        Args:
            config: Its `encoder` is loaded unless one is given; `encoder_config` is filled in.
            encoder: A ready encoder, such as a `GRUEncoder` for a vocabulary.

        Raises:
            PlmrError: The encoder cannot be loaded or does not fit the method.
        """
        encoder = load_encoder(config.encoder) if encoder is None else encoder
        if encoder.max_tokens is not None and config.max_tokens > encoder.max_tokens:
            raise PlmrError(
                f"max_tokens={config.max_tokens}, but {config.encoder!r} has positions for "
                f"{encoder.max_tokens} tokens; set max_tokens={encoder.max_tokens} or less."
            )
        config.encoder_config = encoder.config_dict
        if config.encoder_dropout is not None:
            config.encoder_config |= dict.fromkeys(encoder.dropouts, config.encoder_dropout)
        model = cls(config)
        # Here and not in the constructor: a saved model should not repeat it whenever it is loaded.
        for sentence in [*idle_settings(config), *caveats(config)]:
            warnings.warn(sentence, stacklevel=2)
        model.method.start_from(encoder.state_dict())
        return model

    def _init_weights(self, module: torch.nn.Module) -> None:
        """Every part initialises itself when it is built."""

    def set_progress(self, progress: float) -> None:
        """Tell the method how much of the training is done, from 0 to 1; schedules depend on it."""
        self.method.progress = progress

    def batch(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        word_ids: Tensor | None = None,
        labels: Tensor | None = None,
        environments: Tensor | None = None,
    ) -> Batch:
        """Gather what a method reads.

        Args:
            input_ids: *Shape:* (B, T)
            attention_mask: False = padding; default, no padding. *Shape:* (B, T)
            word_ids: Number of each token's word, -1 for special tokens and padding. *Shape:* (B, T)
            labels: *Shape:* (B,)
            environments: Numbers of the texts' environments, for methods that read them. *Shape:* (B,)

        Raises:
            PlmrError: The unit of selection is the word, and `word_ids` is missing.
        """
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        if self.config.special_tokens == "released":
            selectable = attention_mask.bool().clone()
            selectable[:, 0] = False
            units = Units.subwords(selectable)
        elif word_ids is None:
            raise PlmrError(
                "The model needs word_ids, the number of each token's word (-1 for special tokens and padding); "
                "plmr.data.RationaleTokenizer and RationaleCollator make them."
            )
        elif self.config.unit == "word":
            units = Units.from_index(word_ids)
        else:
            units = Units.subwords(word_ids >= 0)
        return Batch(input_ids, attention_mask, units, labels, environments)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        word_ids: Tensor | None = None,
        labels: Tensor | None = None,
        return_full_text: bool = False,
        n_words: Tensor | None = None,
        play: int | None = None,
        environments: Tensor | None = None,
        **_: Any,
    ) -> RationaleOutput:
        """Select and predict, or, with labels in training, only play.

        Args:
            input_ids: *Shape:* (B, T)
            attention_mask: False = padding. *Shape:* (B, T)
            word_ids: Number of each token's word, -1 for special tokens and padding. *Shape:* (B, T)
            labels: Class indices. *Shape:* (B,)
            return_full_text: Also predict from the whole text.
            n_words: How many words each rationale is to hold, instead of as many as exceed the thresholds: those of
                the highest keep probability. The prediction rests on them alone. *Shape:* (B,)
            play: Which play's losses to compute; default, those of all plays.
            environments: As in `batch`; only losses read them. *Shape:* (B,)

        Returns:
            Losses where there are labels; the rest unless it would cost a training step a second pass.
        """
        batch = self.batch(input_ids, attention_mask, word_ids, labels, environments)
        output = (
            RationaleOutput()
            if self.training and labels is not None
            else self._answer(batch, return_full_text, n_words, word_ids)
        )
        if labels is not None:
            plays = self.method.plays()
            losses: dict[str, Tensor] = {}
            for each in plays if play is None else plays[play : play + 1]:
                losses |= self.method.losses_in(each, batch)
            # As items: an attribute set later is no item before transformers 5.3, and is lost under autocast.
            output["loss"] = torch.stack(list(losses.values())).sum()
            output["losses"] = losses
        return output

    def _answer(
        self, batch: Batch, full_text: bool, n_words: Tensor | None, word_ids: Tensor | None
    ) -> RationaleOutput:
        selection = self.method.select(batch)
        ranking = batch.units.to_tokens(selection.ranking)
        if n_words is not None:
            if word_ids is None:
                raise PlmrError("Rationales of so many words need word_ids, the number of each token's word.")
            words = Units.from_index(word_ids)
            chosen = words.to_tokens(top_units(words, ranking, n_words))
            selection.masks[-1] = batch.units.majority(chosen)
        return RationaleOutput(
            logits=self.method.predict(batch, selection),
            mask=batch.units.to_tokens(selection.mask),
            keep_probability=batch.units.to_tokens(selection.score),
            masks=tuple(batch.units.to_tokens(mask) for mask in selection.masks),
            full_text_logits=self.method.predict_full_text(batch, selection) if full_text else None,
            ranking=ranking,
        )

    def predict_from(
        self,
        mask: Tensor,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        word_ids: Tensor | None = None,
    ) -> Tensor:
        """Class logits when the rationale is fixed from outside, instead of chosen by the generator.

        Args:
            mask: 1 for selected tokens, alike for all tokens of a unit. *Shape:* (B, T)
            input_ids, attention_mask, word_ids: As in `forward`.

        Returns:
            *Shape:* (B, C)
        """
        batch = self.batch(input_ids, attention_mask, word_ids)
        return self.method.predict(batch, self.method.given(batch, batch.units.majority(mask.float())))


AutoModel.register(RationaleConfig, RationaleModel)
