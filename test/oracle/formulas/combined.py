# Catalogue 7, 10 to 20, 22, 62, 79: sums of losses, weights, token-level forms, and losses that
# keep numbers from step to step.
import torch

from formulas.anchored import bco_pair
from formulas.margin import dpo
from formulas.reference_free import token_nll
from registry import oracle, softplus, std

BETA = [{"beta": 0.01}, {"beta": 2.0}]


# ----------------------------------------------------------------------------------------- with SFT


@oracle(
    "dpo_sft",
    "LLaMA-Factory ff6d4d1, pref_ftx: NLL is each chosen response's mean",
    beta=0.1,
    gamma=1.0,
    settings=[{"beta": 1.0, "gamma": 0.05}],
)
def dpo_sft(x, p):
    return dpo(x, p) - p.gamma * x.a / x.la


# Pang et al. 2024 (arXiv:2404.19733) average each response over its length: `dpo_sft`. The name
# `rpo` is TRL's, whose NLL is averaged over all chosen tokens of the batch.
@oracle(
    "rpo",
    "TRL 0.24 rpo_alpha, TRL 1.16 loss_type=['sigmoid', 'sft']",
    beta=0.1,
    alpha=1.0,
    settings=[{"beta": 1.0, "alpha": 0.05}],
)
def rpo(x, p):
    return dpo(x, p) + p.alpha * token_nll(x)


@oracle(
    "mpo",
    "Wang et al. 2024, arXiv:2411.10442, as TRL 1.16 mixes losses",
    beta=0.1,
    preference_weight=0.8,
    quality_weight=0.2,
    generation_weight=1.0,
    settings=[
        {"beta": 1.0, "preference_weight": 0.0, "quality_weight": 3.0, "generation_weight": 0.1}
    ],
)
def mpo(x, p):
    preference = p.preference_weight * dpo(x, p) + p.quality_weight * bco_pair(x, p)
    return preference + p.generation_weight * token_nll(x)


# ----------------------------------------------------------------------------------------- weighted


POSITIVE = lambda unit: 0.25 + 2 * unit


@oracle(
    "madpo",
    "TRL pull request 5804, after arXiv:2510.05342",
    beta=0.1,
    settings=BETA,
    columns={"weight": POSITIVE},
)
def madpo(x, p):
    return x.column("weight") * dpo(x, p)


# WPO's paper detaches the weight and aligns it over the vocabulary; open-instruct does neither.
@oracle(
    "wpo_open_instruct",
    "open-instruct 008fc86, wpo_loss, after arXiv:2406.11827",
    beta=0.1,
    settings=BETA,
)
def wpo_open_instruct(x, p):
    return dpo(x, p) * torch.clamp(torch.exp(x.a / x.la + x.b / x.lb), max=1)


@oracle(
    "xpo",
    "TRL 0.24 XPOTrainer, after Xie et al. 2024, arXiv:2405.21046",
    beta=0.1,
    alpha=1e-5,
    settings=[{"beta": 1.0, "alpha": 0.1}],
    columns={"reference_is_chosen": torch.round},
)
def xpo(x, p):
    from_reference = x.column("reference_is_chosen")
    return dpo(x, p) + p.alpha * (from_reference * x.a + (1 - from_reference) * x.b)


@oracle("online_dpo", "TRL 1.16 OnlineDPOTrainer loss_type='sigmoid'", beta=0.1, settings=BETA)
def online_dpo(x, p):
    return dpo(x, p)


@oracle(
    "fdpo_reverse_kl", "Wang et al. 2023, arXiv:2309.16240, f(t) = t log t", beta=0.1, settings=BETA
)
def fdpo_reverse_kl(x, p):
    return dpo(x, p)


# ----------------------------------------------------------------------------------------- by token


# LLaMA-Factory discounts the policy alone; the paper and TRL discount the reference as well.
@oracle(
    "ld_dpo",
    "Liu et al. 2024, arXiv:2409.06411",
    tokens=True,
    beta=0.1,
    alpha=0.5,
    settings=[{"beta": 1.0, "alpha": 0.0}, {"beta": 0.02, "alpha": 1.0}],
)
def ld_dpo(x, p):
    shared = torch.minimum(x.la, x.lb)[:, None]

    def discounted(side):
        position = torch.arange(x.mask[side].shape[1])[None, :]
        weight = torch.where(position < shared, 1.0, p.alpha) * x.mask[side]
        return (weight * (x.policy[side] - x.reference[side])).sum(1)

    return softplus(-p.beta * (discounted("chosen") - discounted("rejected")))


@oracle(
    "humanline",
    "HALOs 4831988, get_sequence_rewards, after arXiv:2509.24207",
    tokens=True,
    beta=0.1,
    low=-1.0,
    high=1.5,
    settings=[{"beta": 1.0, "low": -0.25, "high": 0.125}],
)
def humanline(x, p):
    def clamped(side):
        ratio = torch.clamp(x.policy[side] - x.reference[side], p.low, p.high)
        return (ratio * x.mask[side]).sum(1)

    return softplus(-p.beta * (clamped("chosen") - clamped("rejected")))


def kl_sums(x):
    return [(x.kl[side] * x.mask[side]).sum(1) for side in ("chosen", "rejected")]


@oracle("tdpo1", "Zeng et al. 2024, arXiv:2404.11999", tokens=True, beta=0.1, settings=BETA)
def tdpo1(x, p):
    won, lost = kl_sums(x)
    return softplus(-p.beta * (x.rho - (lost - won)))


@oracle(
    "tdpo2",
    "Zeng et al. 2024, arXiv:2404.11999",
    tokens=True,
    beta=0.1,
    alpha=0.5,
    settings=[{"beta": 1.0, "alpha": 0.0}, {"beta": 0.02, "alpha": 2.0}],
)
def tdpo2(x, p):
    won, lost = kl_sums(x)
    return softplus(-p.beta * (x.rho - p.alpha * (lost - won.detach())))


# ----------------------------------------------------------------------------------------- stateful


def moved(old, new):
    """An exponential moving average that keeps nine tenths."""
    return 0.9 * old + 0.1 * new.detach()


# The paper also drops pairs by chance; here every pair is kept. The released code moves the running
# margin before it is read, so that the first step already sees a tenth of its own margin.
@oracle(
    "beta_dpo",
    "Wu et al. 2024, arXiv:2407.08639, as the released trainers.py orders it",
    beta=0.1,
    alpha=0.6,
    settings=[{"beta": 1.0, "alpha": 0.05}, {"alpha": 2.0}],
    state={"mean_margin": 0.0},
)
def beta_dpo(x, p, state):
    margin = x.rho.mean().detach()
    running = moved(state["mean_margin"], margin)
    scale = torch.clamp(p.beta * (1 + p.alpha * (margin - running)), min=1e-3)
    return softplus(-scale * x.rho), {"mean_margin": running}


@oracle(
    "adaptive_beta",
    "TRL issue 5211, with the running margin of the steps before",
    beta=0.1,
    alpha=0.6,
    settings=[{"beta": 1.0, "alpha": 0.0}, {"alpha": 2.0}],
    state={"mean_margin": 0.0},
)
def adaptive_beta(x, p, state):
    margin = x.rho.mean().detach()
    scale = torch.clamp(p.beta * (1 + p.alpha * (margin - state["mean_margin"])), min=1e-3)
    return softplus(-scale * x.rho), {"mean_margin": moved(state["mean_margin"], margin)}


# With a spread of 0, as at the first step, the released code divides 0 by 0; here the normalised
# margin is 0 then.
@oracle(
    "alpha_dpo",
    "Wu et al. 2024, arXiv:2410.10148, as the released dpo_trainer.py orders it",
    beta=0.1,
    alpha=0.1,
    gamma=0.0,
    settings=[{"beta": 2.5, "alpha": 0.5, "gamma": 0.3}],
    state={"mean": 0.0, "spread": 0.0},
)
def alpha_dpo(x, p, state):
    rho = x.rho.detach()
    mean, spread = moved(state["mean"], rho.mean()), moved(state["spread"], std(rho))
    normal = (rho - mean) / spread if spread > 0 else torch.zeros_like(rho)
    losses = softplus(-p.beta * (x.a - x.b - (p.alpha * normal + p.gamma)))
    return losses, {"mean": mean, "spread": spread}


def running_delta(x, p, state):
    """The mean of the batch means of all rewards so far, this batch included."""
    rewards = p.beta * torch.cat([x.u, x.v]).detach()
    total = state["mean"] * state["steps"] + rewards.mean()
    return total / (state["steps"] + 1)


@oracle(
    "bco_running",
    "Jung et al. 2024, arXiv:2404.04656, as TRL 0.24 keeps the reward shift",
    beta=0.1,
    settings=BETA,
    state={"mean": 0.0, "steps": 0.0},
)
def bco_running(x, p, state):
    delta = running_delta(x, p, state)
    losses = softplus(-(p.beta * x.u - delta)) + softplus(p.beta * x.v - delta)
    return losses, {"mean": delta, "steps": state["steps"] + 1}


@oracle(
    "dpo_bco",
    "LLaMA-Factory ff6d4d1, pref_bco_weight",
    beta=0.1,
    weight=1.0,
    settings=[{"beta": 1.0, "weight": 0.2}],
    state={"bco_running.mean": 0.0, "bco_running.steps": 0.0},
)
def dpo_bco(x, p, state):
    inner = {name: state[f"bco_running.{name}"] for name in ("mean", "steps")}
    shifted, following = bco_running(x, p, inner)
    losses = (dpo(x, p) + p.weight * shifted) / (1 + p.weight)
    return losses, {f"bco_running.{name}": value for name, value in following.items()}
