"""Training on texts of many lengths: the memory stays where it is, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = """
import json, random, sys
import torch
from plmr import RationaleConfig, RationaleModel
from plmr.training.trainer import keep_few_kernels

torch.set_num_threads(1)
if sys.argv[1] == "few":
    keep_few_kernels()
sizes = {"model_type": "bert", "vocab_size": 64, "hidden_size": 192, "num_hidden_layers": 4, "num_attention_heads": 4,
         "intermediate_size": 768, "max_position_embeddings": 256}
model = RationaleModel(RationaleConfig(encoder="bert", encoder_config=sizes, num_labels=2, pad_token_id=0)).train()
model.set_progress(0.8)

def resident():
    line = next(line for line in open("/proc/self/status") if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024

widths = list(range(240, 40, -5))  # the longest first, so that what comes later needs no more
seen = []
for width in widths:
    ids = torch.randint(1, 64, (4, width))
    words = torch.arange(width).expand(4, width)
    with torch.autocast("cpu", torch.bfloat16):
        loss = model(input_ids=ids, word_ids=words, labels=torch.zeros(4, dtype=torch.long)).loss
    loss.backward()
    model.zero_grad()
    seen.append(resident())
print(json.dumps(seen[-1] - seen[2]))
"""


def growth(kernels: str) -> float:
    """MiB that forty batches add, each of another width."""
    source = str(Path(__file__).parents[2] / "src")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ONEDNN")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, kernels],
        env=environment | {"PYTHONPATH": source, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def keeps_kernels() -> bool:
    """Whether oneDNN multiplies in bfloat16 here, be it fast or not: a kernel for every width, which it then keeps."""
    return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="reads the resident set from /proc")
@pytest.mark.skipif(not keeps_kernels(), reason="this processor has no bfloat16 kernels to keep")
def test_kernels_of_many_widths_are_not_all_kept():
    assert growth("few") < max(60, 0.7 * growth("all"))
