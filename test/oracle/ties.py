# Metamorphic ties: two objectives that are one function under some parameters. Both sides go
# through discoc; no formula takes part.
import torch

from compare import differences
from pairs import all_batches
from registry import ORACLES

# (objective, its parameters, the other, its parameters)
SAME = [
    ("lrml", {"beta": 0.05}, "lrml_old", {"beta": 0.05}),
    ("aqfl", {"beta": 0.05}, "aqfl_old", {"beta": 0.05}),
    ("dbaql", {"beta": 0.05}, "dbaql_old", {"beta": 0.05}),
    ("pfl", {"beta": 1}, "pfl_old", {}),
    ("cdpo", {"beta": 0.3, "label_smoothing": 0}, "dpo", {"beta": 0.3}),
    ("robust", {"beta": 0.3, "label_smoothing": 0}, "dpo", {"beta": 0.3}),
    ("rdpo", {"beta": 0.3, "lam": 0}, "dpo", {"beta": 0.3}),
    ("dpop", {"beta": 0.3, "lam": 0}, "dpo", {"beta": 0.3}),
    ("ld_dpo", {"beta": 0.3, "alpha": 1}, "dpo", {"beta": 0.3}),
    ("tdpo2", {"beta": 0.3, "alpha": 0}, "dpo", {"beta": 0.3}),
    ("fdpo_reverse_kl", {"beta": 0.3}, "dpo", {"beta": 0.3}),
    ("online_dpo", {"beta": 0.3}, "dpo", {"beta": 0.3}),
    ("adaptive_beta", {"beta": 0.3, "alpha": 0}, "dpo", {"beta": 0.3}),
    ("rpo", {"beta": 0.3, "alpha": 0}, "dpo", {"beta": 0.3}),
    ("dpo_sft", {"beta": 0.3, "gamma": 0}, "dpo", {"beta": 0.3}),
    ("cpo", {"beta": 0.3}, "reference_free_dpo", {"beta": 0.3}),
    ("cpo_simpo", {"beta": 3, "gamma": 1, "alpha": 0}, "simpo", {"beta": 3, "gamma": 1}),
    ("mpo", {"preference_weight": 0, "quality_weight": 0, "generation_weight": 1}, "sft", {}),
    ("mpo", {"preference_weight": 0, "quality_weight": 1, "generation_weight": 0}, "bco_pair", {}),
]


def check(discoc, names, report):
    typical, start, extreme = (all_batches({})[i] for i in (3, 6, -2))
    for one, values, other, others in SAME:
        if not {one, other} <= names:
            continue
        for batch in (typical, start, extreme):
            got = discoc(ORACLES[one], batch, values)
            want = discoc(ORACLES[other], batch, others)
            rows = torch.ones(batch.size, dtype=torch.float64)
            want.forward = want.backward = rows * max(abs(want.loss), 1.0)
            want.next = got.next = {}
            report.add(f"{one} is {other} on {batch.name}", differences(got, want, batch))
