"""Training: the trainer and its arguments, calibration, the collapse alarm."""

from plmr.training.arguments import RationaleTrainingArguments, suggested_learning_rate
from plmr.training.calibration import Calibration, calibrate
from plmr.training.callbacks import CollapseAlarm
from plmr.training.fitting import FitSummary, fit_model, training_arguments
from plmr.training.trainer import RationaleTrainer

__all__ = [
    "Calibration",
    "CollapseAlarm",
    "FitSummary",
    "RationaleTrainer",
    "RationaleTrainingArguments",
    "calibrate",
    "fit_model",
    "suggested_learning_rate",
    "training_arguments",
]
