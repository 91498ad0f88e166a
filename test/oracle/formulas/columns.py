# Catalogue 35, 37 to 42, 56, 57: regressions on what a data set says about each pair besides its
# text.
import torch

from registry import oracle, softplus

PROBABILITY = lambda unit: unit
REWARD = lambda unit: 8 * unit - 4
LOGP = lambda unit: -60 * unit
TARGET = lambda unit: torch.round(2 * unit - 1)
REWARDS = {"chosen_reward": REWARD, "rejected_reward": REWARD}
HISTORY = {"history_chosen_logps": LOGP, "history_rejected_logps": LOGP}
HISTORIES = {f"history{i}_{side}_logps": LOGP for i in (0, 1) for side in ("chosen", "rejected")}


# The paper regresses on the previous policy, which is the reference model here; eta is 1 / beta.
@oracle(
    "sppo_soft",
    "Wu et al. 2024, arXiv:2405.00675, (4.7)",
    beta=0.1,
    settings=[{"beta": 0.01}, {"beta": 2.0}],
    columns={"chosen_probability": PROBABILITY, "rejected_probability": PROBABILITY},
)
def sppo_soft(x, p):
    target = lambda side: (x.column(f"{side}_probability") - 0.5) / p.beta
    return (x.u - target("chosen")) ** 2 + (x.v - target("rejected")) ** 2


def reward_gap(x, p):
    return p.scale * (x.column("chosen_reward") - x.column("rejected_reward"))


NEMO = dict(beta=0.2, scale=1.0, settings=[{"beta": 1.0, "scale": 0.1}], columns=REWARDS)


@oracle("nemo_rpo_sq", "NeMo-Aligner af2b3bd, rpo_sq, after Nemotron-4, arXiv:2406.11704", **NEMO)
def nemo_rpo_sq(x, p):
    return (p.beta * x.rho - reward_gap(x, p)) ** 2


def divergence(first, second):
    """KL between two coins given by their log-odds."""
    first_log, second_log = (torch.stack([-softplus(-z), -softplus(z)]) for z in (first, second))
    return (first_log.exp() * (first_log - second_log)).sum(0)


@oracle("nemo_rpo_bwd_kl", "NeMo-Aligner af2b3bd, rpo_bwd_kl, after arXiv:2406.11704", **NEMO)
def nemo_rpo_bwd_kl(x, p):
    return divergence(reward_gap(x, p), p.beta * x.rho)


@oracle("nemo_rpo_fwd_kl", "NeMo-Aligner af2b3bd, rpo_fwd_kl, after arXiv:2406.11704", **NEMO)
def nemo_rpo_fwd_kl(x, p):
    return divergence(p.beta * x.rho, reward_gap(x, p))


def gap(x, name):
    return x.column(f"{name}_chosen_logps") - x.column(f"{name}_rejected_logps")


def mixed_gap(x, p):
    weighted = p.weight0 * gap(x, "history0") + p.weight1 * gap(x, "history1")
    return weighted / (p.weight0 + p.weight1)


def toward_opponents(x, p, opponents):
    policy = x.a - x.b - p.ratio * (x.ra - x.rb) - (1 - p.ratio) * opponents
    return (policy - 1 / (2 * p.eta)) ** 2


@oracle(
    "inpo",
    "Zhang et al. 2024, arXiv:2407.00617",
    ratio=0.3333,
    eta=0.0075,
    settings=[{"ratio": 0.0, "eta": 0.5}, {"ratio": 1.0, "eta": 5.0}],
    columns=HISTORY,
)
def inpo(x, p):
    return toward_opponents(x, p, gap(x, "history"))


@oracle(
    "mnpo",
    "Wu et al. 2025, arXiv:2509.23102, two opponents",
    ratio=0.3333,
    eta=0.0075,
    weight0=1.0,
    weight1=1.0,
    settings=[{"ratio": 0.1, "eta": 0.5, "weight0": 0.25, "weight1": 2.0}],
    columns=HISTORIES,
)
def mnpo(x, p):
    return toward_opponents(x, p, mixed_gap(x, p))


@oracle(
    "ht_mnpo",
    "Wu et al. 2025, arXiv:2509.23102, (18)",
    eta=0.0075,
    scale=1.0,
    weight0=1.0,
    weight1=1.0,
    settings=[{"eta": 2.0, "scale": 3.0, "weight0": 0.25, "weight1": 2.0}],
    columns=HISTORIES | {"target": REWARD},
)
def ht_mnpo(x, p):
    return (x.a - x.b - mixed_gap(x, p) - p.eta * p.scale * x.column("target")) ** 2


@oracle(
    "ronpo",
    "RONPO, the practical pairwise regression of its trainer",
    alpha=1.0,
    tau=0.05,
    settings=[{"alpha": 0.5, "tau": 1.0}],
    columns=HISTORY | {"target": TARGET},
)
def ronpo(x, p):
    anchored = p.alpha * p.tau * (x.ra - x.rb) + (1 - p.alpha * p.tau) * gap(x, "history")
    return (x.a - x.b - anchored - p.alpha * x.column("target")) ** 2


@oracle(
    "nbpo",
    "NBPO, finite-temperature regression, (26)",
    eta=0.0075,
    settings=[{"eta": 2.0}],
    columns=HISTORY | {"target": REWARD},
)
def nbpo(x, p):
    return (x.a - x.b - gap(x, "history") - p.eta * x.column("target")) ** 2


@oracle(
    "mopo",
    "Agnihotri et al. 2025, arXiv:2505.10892, (7)",
    columns={"importance": lambda unit: 3 * unit},
)
def mopo(x, p):
    return -x.column("importance") * x.a
