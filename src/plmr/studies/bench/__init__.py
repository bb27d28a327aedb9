"""The bench: a suite of methods × encoders × datasets × sparsities × seeds, run and reported."""

from plmr.studies.bench.results import Folder, read_results
from plmr.studies.bench.runner import Failure, Outcome, run_suite
from plmr.studies.bench.suite import Run, Suite, load_suite

__all__ = ["Failure", "Folder", "Outcome", "Run", "Suite", "load_suite", "read_results", "run_suite"]
