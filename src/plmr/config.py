"""Everything that defines a rationale model, in one place and without torch."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from inspect import signature
from os import PathLike, fspath
from typing import Any, get_type_hints

from transformers import AutoConfig, PretrainedConfig

from plmr import __about__
from plmr.errors import PlmrError, nearest
from plmr.kinds import fits, phrase
from plmr.limits import CHOICES, RANGES, THRESHOLD
from plmr.presets import PRESETS, VARIANTS


class RationaleConfig(PretrainedConfig):
    """Configuration of a `RationaleModel`: the encoder, the method and every switch of it.

    The defaults are the preset `default`; `RationaleConfig.from_preset` gives `paper` and `released`.

    Args:
        encoder: `gru`, `gru-3`, `minilm`, a folder or a hub id.
        encoder_config: The encoder's own configuration; filled in when the model is built.
        method: Name of the framework, one of those that `plmr methods` lists. A variant, such as `plmr-m1`, fixes
            some of the settings below.
        method_options: Options that this framework alone has, by name (`plmr methods NAME`); completed when the model
            is built.
        preset: The preset these values started from; a label.
        sparsity: α, the share of a text's units that its rationale is to hold, in (0, 1).
        unit: What is kept or dropped as one: `word` or `subword` (paper).
        generator_depth: l, the number of blocks of PLMR's generator; default, by `depth_rule`.
        depth_rule: What l is when not given: `paper`, L // 2, and one more of 3 blocks and from 12 blocks on, which
            gives the paper's 7 of 12 and 13 of 24; `released`, one block more than that where it leaves a block to
            predict, which gives the released code's 8 of 12.
        dim_reduction_blocks: m, how many of them prune; default 1 below 12 blocks, 2 below 24, then 3. This and the
            depth are filled in when the model is built.
        masking: What a pruned token still does: `drop`, it leaves the attention; `zero`, its vector is zeroed
            but stays. Recurrent encoders always use `zero`.
        predictor_input: `embeddings`, the predictor reads the embeddings of the selected tokens. `hidden` feeds
            it the generator's hidden states, which have read the whole text: the rationale is then no longer
            all that the prediction uses. For ablation only.
        predictor_blocks: Which blocks of PLMR's encoder predict: `late`, those behind the generator's (paper), and so
            always with `predictor_input="hidden"`; `all`, the generator's once more before them, on the embeddings of
            the selected tokens. The predictor then has the depth that its late blocks were pre-trained behind.
        predictor_start: Which pre-trained weights the late blocks start from where they read embeddings: `early`, those
            of as many blocks from the first one on, which were pre-trained to read embeddings; `late`, their own
            (paper). Without effect where blocks are not built alike or not pre-trained: ModernBERT and GRUs.
        generator_start: What PLMR's generator learns before there is anything to choose (`sparsity_delay`):
            `emphasis`, where the label shows: what the predictor makes of the whole text is pooled by keep
            probabilities, in place of L_x; `none`, nothing (paper). Without effect where there is no L_x, and where the
            predictor reads the generator's hidden states.
        full_text_path: What the full-text loss L_x reads: `predictor`, the predictor on the plain blocks' output
            (paper, eq. 15); `embeddings`, the predictor on the unmasked embeddings; `first_token`, the class head
            on the plain blocks' first token (released code); `none`, no full-text path.
        special_tokens: `context`: special tokens are visible to the generator, only the first one to the
            predictor, none is ever selected. `released`: as in the published code, where all but the first are
            ordinary tokens.
        pooling: What the class head reads: the `mean` of the selected tokens (paper), the `first` token
            (released code) or the `max` over the selected.
        shared_mask_head: One mask head for all Dim-Reduction blocks instead of one each.
        mask_head_dropout, class_head_dropout: Dropout in the heads.
        encoder_dropout: Dropout everywhere in the encoder; None leaves what it was configured with. With 0 a very
            short training may get further (`benchmarks/README.md`).
        keep_bias: Initial bias of the mask heads towards keeping, a difference of logits; at 0 every token starts
            with about even odds. A budget takes no notice of it.
        sampler: How training samples masks: `gumbel`, each unit by its own odds, the share being a matter of
            the penalty λ1 (paper); `budget`, the units of the highest noisy odds, exactly as many of each text as the
            target says, with no penalty.
        gumbel_temperature: Temperature of the softmax that carries the straight-through gradient.
        gumbel_noise: Scale of the Gumbel noise; 1 is the Gumbel-softmax.
        score_spread: Standard deviation to which the log-odds within a text are scaled; None leaves them (paper).
        smoothing: Odd number of neighbouring units over which the mask heads' outputs, and the noise that samples from
            them, are averaged, the nearer the more; 1 for none (paper).
        sparsity_weight, continuity_weight: λ1 and λ2 of eq. 13; a budget has no use for λ1.
        sparsity_schedule: How the share falls from block to block: `linear` (paper) or `log_linear`.
        constraint_form: `corpus`, `paper` or `released`; see `plmr.masking.constraints`.
        sparsity_delay: Share of the training before the target starts to fall, in which the whole text is read.
        sparsity_annealing: Share of the training over which the target then falls from 1 to `sparsity`; 0 sets it
            at once (paper). Both together are 1 at most.
        full_text_weight: w_x. With `match_function="identity"` and w_x = λ the full-text loss cancels.
        match_weight: λ of L_match (eq. 16).
        match_function: h, `identity` or `exponential`, h(t) = a^t.
        match_base: a, above 1 with the exponential.
        freeze_embeddings: Whether the embeddings stay as they were.
        thresholds: Keep probability above which each pruning step keeps a unit, found by calibration; default
            one half each, the argmax.
        max_tokens: The longest text that is read at once, in tokens, special tokens included. Training cuts longer
            ones.
        long_texts: What predicting does with a longer one: `windows` reads all of it, piece by piece
            (`docs/long-texts.md`), `cut` its beginning only.
        window_overlap: Share of `max_tokens` that neighbouring windows have in common, 0 or more and below 1.
        pad_token_id: What pads a batch; the tokenizer's.
        glove: Path of a text file of word vectors where the embeddings of a GRU encoder start; default, at random.
        **kwargs: Passed on to `PretrainedConfig`: `id2label`, `label2id`, `num_labels`, …

    Raises:
        PlmrError: A value is outside its range or not one of its choices.
    """

    model_type = "plmr"

    def __init__(
        self,
        encoder: str = "minilm",
        encoder_config: dict[str, Any] | None = None,
        method: str = "plmr",
        method_options: dict[str, Any] | None = None,
        preset: str = "default",
        sparsity: float = 0.2,
        unit: str = "word",
        generator_depth: int | None = None,
        depth_rule: str = "paper",
        dim_reduction_blocks: int | None = None,
        masking: str = "drop",
        predictor_input: str = "embeddings",
        predictor_blocks: str = "late",
        predictor_start: str = "early",
        generator_start: str = "emphasis",
        full_text_path: str = "embeddings",
        special_tokens: str = "context",
        pooling: str = "mean",
        shared_mask_head: bool = False,
        mask_head_dropout: float = 0.0,
        class_head_dropout: float = 0.1,
        encoder_dropout: float | None = None,
        keep_bias: float = 0.0,
        sampler: str = "budget",
        gumbel_temperature: float = 1.0,
        gumbel_noise: float = 1.0,
        score_spread: float | None = 3.0,
        smoothing: int = 9,
        sparsity_weight: float = 10.0,
        continuity_weight: float = 5.0,
        sparsity_schedule: str = "linear",
        constraint_form: str = "corpus",
        sparsity_delay: float = 0.25,
        sparsity_annealing: float = 0.35,
        full_text_weight: float = 2.0,
        match_weight: float = 1.0,
        match_function: str = "identity",
        match_base: float = 2.0,
        freeze_embeddings: bool = False,
        thresholds: list[float] | None = None,
        max_tokens: int = 256,
        long_texts: str = "windows",
        window_overlap: float = 0.25,
        pad_token_id: int | None = None,
        glove: str | None = None,
        **kwargs: Any,
    ):
        self.encoder = encoder
        self.encoder_config = encoder_config
        self.method = method
        self.method_options = method_options
        self.preset = preset
        self.sparsity = sparsity
        self.unit = unit
        self.generator_depth = generator_depth
        self.depth_rule = depth_rule
        self.dim_reduction_blocks = dim_reduction_blocks
        self.masking = masking
        self.predictor_input = predictor_input
        self.predictor_blocks = predictor_blocks
        self.predictor_start = predictor_start
        self.generator_start = generator_start
        self.full_text_path = full_text_path
        self.special_tokens = special_tokens
        self.pooling = pooling
        self.shared_mask_head = shared_mask_head
        self.mask_head_dropout = mask_head_dropout
        self.class_head_dropout = class_head_dropout
        self.encoder_dropout = encoder_dropout
        self.keep_bias = keep_bias
        self.sampler = sampler
        self.gumbel_temperature = gumbel_temperature
        self.gumbel_noise = gumbel_noise
        self.score_spread = score_spread
        self.smoothing = smoothing
        self.sparsity_weight = sparsity_weight
        self.continuity_weight = continuity_weight
        self.sparsity_schedule = sparsity_schedule
        self.constraint_form = constraint_form
        self.sparsity_delay = sparsity_delay
        self.sparsity_annealing = sparsity_annealing
        self.full_text_weight = full_text_weight
        self.match_weight = match_weight
        self.match_function = match_function
        self.match_base = match_base
        self.freeze_embeddings = freeze_embeddings
        self.thresholds = thresholds
        self.max_tokens = max_tokens
        self.long_texts = long_texts
        self.window_overlap = window_overlap
        self.pad_token_id = pad_token_id
        self.glove = glove
        self.plmr_version = kwargs.pop("plmr_version", __about__.__version__)
        _check_classes(kwargs.get("id2label"))
        super().__init__(**kwargs)
        self._check_kinds()
        self._fix_variant()
        self._check()

    @classmethod
    def from_preset(cls, preset: str = "default", **overrides: Any) -> RationaleConfig:
        """A configuration with the switches of a preset.

        Args:
            preset: `default`, `paper` or `released`.
            **overrides: Any setting, over the preset's.

        Raises:
            PlmrError: There is no such preset.
        """
        if preset not in PRESETS:
            raise PlmrError(f"There is no preset {preset!r}; choose one of {', '.join(PRESETS)}.")
        return cls(**{"preset": preset, **PRESETS[preset], **overrides})

    @classmethod
    @cache
    def kinds(cls) -> dict[str, Any]:
        """The type hint of every setting, by name."""
        kinds = get_type_hints(RationaleConfig.__init__)
        return {name: kind for name, kind in kinds.items() if name not in ("kwargs", "return")}

    def _check_kinds(self) -> None:
        """Refuse a setting of another kind than its hint's; a NumPy scalar is a number, and a path a text."""
        for name, kind in self.kinds().items():
            value = getattr(self, name)
            if hasattr(value, "item"):
                value = value.item()
            elif isinstance(value, PathLike):
                value = fspath(value)
            setattr(self, name, value)
            if name not in RANGES and name not in CHOICES and not fits(value, kind):
                raise PlmrError(f"{name} should be {phrase(kind)}, not {value!r}.")

    def _fix_variant(self) -> None:
        """Set what a variant's name stands for, unless somebody has said something else."""
        usual = {name: each.default for name, each in signature(RationaleConfig.__init__).parameters.items()}
        usual |= PRESETS.get(self.preset, {})
        for name, value in VARIANTS[self.method].settings.items() if self.method in VARIANTS else ():
            said = getattr(self, name)
            if said not in (value, usual[name]):
                raise PlmrError(
                    f"{name}={said!r} contradicts method={self.method!r}, which is "
                    f"{VARIANTS[self.method].method!r} with {name}={value!r}; leave one of them out."
                )
            setattr(self, name, value)

    def _check(self) -> None:
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise PlmrError(f"{name}={value!r} is not one of {', '.join(choices)}.{nearest(str(value), choices)}")
        for name, allowed in RANGES.items():
            allowed.check(name, getattr(self, name))
        if self.sparsity_delay + self.sparsity_annealing > 1 + 1e-9:
            raise PlmrError(
                f"sparsity_delay={self.sparsity_delay} and sparsity_annealing={self.sparsity_annealing} are more than "
                "the whole training, which would end before the share asked for is reached; make their sum 1 or less."
            )
        thresholds = [] if self.thresholds is None else self.thresholds
        if not isinstance(thresholds, (list, tuple)) or not all(map(THRESHOLD.holds, thresholds)):
            raise PlmrError(
                f"thresholds={self.thresholds!r} is not a list of keep probabilities between 0 and 1, one for each "
                "pruning step; leave it out, training finds them."
            )
        if not isinstance(self.method_options, (dict, type(None))):
            raise PlmrError(
                f"method_options={self.method_options!r} is not a mapping from names of options to values, such as "
                '{"kl_weight": 0.5}.'
            )
        if self.special_tokens == "released" and self.masking != "zero":
            raise PlmrError(
                "special_tokens='released' prunes the first token and brings it back, which only masking='zero' can do."
            )
        if self.match_function == "exponential" and self.match_base <= 1:
            raise PlmrError(f"match_base={self.match_base} must exceed 1, or h(t) = a^t does not increase.")


def _check_classes(names: Any) -> None:
    """Refuse what does not number the classes from 0 on, each with its own name; files have the numbers as texts."""
    numbered = isinstance(names, Mapping) and {*map(str, names)} == {*map(str, range(len(names)))}
    if names is not None and not (numbered and len({*map(str, names.values())}) == len(names)):
        raise PlmrError(f"id2label={names!r} should number the classes from 0 on, each with a name of its own.")


AutoConfig.register(RationaleConfig.model_type, RationaleConfig)
