# Metamorphic ties: two objectives that are one function under some parameters and columns. Both
# sides go through discoc; no formula takes part.
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
    ("beta_dpo", {"beta": 0.3, "alpha": 0}, "dpo", {"beta": 0.3}),
    ("alpha_dpo", {"beta": 0.3, "alpha": 0, "gamma": 0}, "cpo", {"beta": 0.3}),
    ("madpo", {"beta": 0.3}, "dpo", {"beta": 0.3}),
    ("rpo", {"beta": 0.3, "alpha": 0}, "dpo", {"beta": 0.3}),
    ("dpo_sft", {"beta": 0.3, "gamma": 0}, "dpo", {"beta": 0.3}),
    ("dpo_bco", {"beta": 0.3, "weight": 0}, "dpo", {"beta": 0.3}),
    ("cpo", {"beta": 0.3}, "reference_free_dpo", {"beta": 0.3}),
    ("cpo_simpo", {"beta": 3, "gamma": 1, "alpha": 0}, "simpo", {"beta": 3, "gamma": 1}),
    ("mpo", {"preference_weight": 0, "quality_weight": 0, "generation_weight": 1}, "sft", {}),
    ("mpo", {"preference_weight": 0, "quality_weight": 1, "generation_weight": 0}, "bco_pair", {}),
    ("sppo_soft", {"beta": 0.3}, "sppo_hard", {"beta": 0.3}),
    ("nemo_rpo_sq", {"beta": 1, "scale": 1}, "ipo", {"beta": 0.25}),
    ("inpo", {"ratio": 1, "eta": 0.25}, "ipo", {"beta": 0.25}),
    ("mnpo", {"ratio": 1, "eta": 0.25}, "inpo", {"ratio": 1, "eta": 0.25}),
]
# What the columns must hold for that; any other column is drawn as its oracle says.
FIXED = {
    "weight": 1.0,
    "chosen_probability": 1.0,
    "rejected_probability": 0.0,
    "chosen_reward": 2.5,
    "rejected_reward": 0.5,
}


def check(discoc, names, report, part):
    for one, values, other, others in SAME[part]:
        if not {one, other} <= names:
            continue
        columns = ORACLES[one].columns | ORACLES[other].columns
        columns |= {k: lambda unit, v=v: torch.full_like(unit, v) for k, v in FIXED.items()}
        for batch in all_batches(columns):
            if batch.name not in ("7 pairs", "start, 3", "extreme"):
                continue
            got = discoc(ORACLES[one], batch, values)
            want = discoc(ORACLES[other], batch, others)
            rows = torch.ones(batch.size)
            want.forward = want.backward = rows * max(abs(want.loss), 1.0)
            want.next = got.next = {}
            report.add(f"{one} is {other} on {batch.name}", differences(got, want, batch))
