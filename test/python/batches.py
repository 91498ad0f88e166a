# Batches for objectives of any kind: what each one reads, drawn from one seed; objectives on each
# of the paths that a call can take; and what the interpreter makes of a batch.
import json
import os
import subprocess
import tempfile
from unittest import mock

import torch

import disco
from disco import _operators

PAIRS = 5


def arrays(objective, names=None, pairs=PAIRS, dtype=torch.float32, seed=0, grad=True):
    """What the objective reads (or these names), by name; the policy's require grad."""
    torch.manual_seed(seed)
    lengths = {side: torch.randint(1, 7, (pairs,)) for side in ("chosen", "rejected")}
    made = {}
    for name in objective.inputs if names is None else names:
        side = "rejected" if "rejected" in name else "chosen"
        tokens = int(lengths[side].sum())
        if name.endswith("_offsets"):
            ends = lengths[side].cumsum(0)
            made[name] = torch.cat([ends.new_zeros(1), ends])
        elif name.endswith("_length"):
            made[name] = lengths[side].to(dtype)
        elif name.endswith("_token_kl"):
            made[name] = torch.rand(tokens, dtype=dtype)
        elif name.endswith("_token_logps"):
            made[name] = -3 * torch.rand(tokens, dtype=dtype) - 0.01
        elif name.endswith("_logps"):
            made[name] = -3 * lengths[side].to(dtype) - torch.rand(pairs, dtype=dtype)
        else:
            made[name] = torch.rand(pairs, dtype=dtype)
        policy = name.startswith("policy") or name.endswith("_token_kl")
        made[name].requires_grad_(grad and policy)
    return made


def as_double(batch):
    """The same batch in float64, with gradients of its own."""
    return {
        name: x.detach().double().requires_grad_(x.requires_grad) if x.is_floating_point() else x
        for name, x in batch.items()
    }


def interpreted(source, batch, progress=0.0, **parameters):
    """What `discoc --run` prints of an objective, by its name or its text, computed in double by
    the interpreter: a dictionary, with numbers of tokens end to end as in the batch."""
    step, columns = {"progress": progress}, {}
    for name, x in batch.items():
        numbers = x.tolist()
        if not name.startswith(("policy_", "reference_", "chosen_", "rejected_")):
            columns[name] = numbers
        elif name.endswith(("_token_logps", "_token_kl")):
            side = "rejected" if "rejected" in name else "chosen"
            ends = batch[f"{side}_token_offsets"].tolist()
            step[name] = [numbers[i:j] for i, j in zip(ends, ends[1:])]
        elif name.endswith(("_logps", "_length")):
            step[name] = numbers
        elif not name.endswith("_offsets"):
            columns[name] = numbers
    is_text = "{" in source
    command = [os.environ["DISCOC"], "-" if is_text else source]
    command += [f"-D{name}={value!r}" for name, value in parameters.items()]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(step | {"columns": columns}, file)
        file.flush()
        ran = subprocess.run([*command, f"--run={file.name}"], input=source if is_text else "",
                             capture_output=True, text=True)  # fmt: skip
    if ran.returncode != 0:
        raise RuntimeError(ran.stderr)
    found = json.loads(ran.stdout)
    for name, numbers in found["gradients"].items():
        if name.endswith(("_token_logps", "_token_kl")):
            found["gradients"][name] = [x for pair in numbers for x in pair]
    return found


def logps(pairs=PAIRS, dtype=torch.float32, seed=0):
    """The four positional inputs; the policy's require grad."""
    generator = torch.Generator().manual_seed(seed)  # its own: tests call this from threads

    def normal():
        return torch.randn(pairs, dtype=dtype, generator=generator)

    reference = [-50 + 20 * normal() for _ in range(2)]
    policy = [(x + 3 * normal()).requires_grad_() for x in reference]
    return [*policy, *reference]


PATHS = {
    "autograd function": _operators.Caller,
    "stable ABI": _operators.StableCaller,
    "general": lambda compiled: lambda *logps, **inputs: NotImplemented,
}


def paths(source, **parameters):
    """(path, objective that takes it), for every path."""
    for path, caller in PATHS.items():
        with mock.patch.object(_operators, "Caller", caller):
            yield path, disco.compile(source, **parameters)
