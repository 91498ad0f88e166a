# Catalogue 60 to 71: each side against an anchor of its own, and optimal transport between sorted
# sides.
import torch
from torch import sigmoid

from registry import oracle, softplus

TEMPERATURES = [{"beta": 0.01}, {"beta": 2.0}]


@oracle(
    "nca_pair", "Chen et al. 2024, arXiv:2402.05369, for pairs", beta=0.1, settings=TEMPERATURES
)
def nca_pair(x, p):
    won, lost = p.beta * x.u, p.beta * x.v
    return softplus(-won) + (softplus(won) + softplus(lost)) / 2


# TRL up to 0.24, DiscoPOP and LLaMA-Factory shift both rewards by a running mean: `bco_running`.
@oracle(
    "bco_pair",
    "Jung et al. 2024, arXiv:2404.04656, without reward shift",
    beta=0.1,
    settings=TEMPERATURES,
)
def bco_pair(x, p):
    return softplus(-p.beta * x.u) + softplus(p.beta * x.v)


# Published as 2B losses, whose mean this is. The KL estimates are not detached and clamp(min=0)
# passes gradient at 0; TRL dropped the form after 0.8.
@oracle(
    "kto_pair",
    "TRL 0.8, loss_type='kto_pair', after Ethayarajh et al. 2024, arXiv:2402.01306, (7)",
    beta=0.1,
    settings=TEMPERATURES,
)
def kto_pair(x, p):
    won_kl, lost_kl = x.u.mean().clamp(min=0), x.v.mean().clamp(min=0)
    won = 1 - sigmoid(p.beta * (x.u - lost_kl))
    return (won + 1 - sigmoid(p.beta * (won_kl - x.v))) / 2


@oracle(
    "apo_zero", "D'Oosterlinck et al. 2024, arXiv:2408.06266, (7)", beta=0.1, settings=TEMPERATURES
)
def apo_zero(x, p):
    return 1 - sigmoid(p.beta * x.u) + sigmoid(p.beta * x.v)


# Rows of single responses: a pair is two of them, so that its loss is their mean.
@oracle(
    "apo_zero_unpaired",
    "TRL 1.16, KTOTrainer loss_type='apo_zero_unpaired'",
    beta=0.1,
    settings=TEMPERATURES,
)
def apo_zero_unpaired(x, p):
    return (1 - sigmoid(p.beta * x.u) + sigmoid(p.beta * x.v)) / 2


@oracle(
    "apo_down", "D'Oosterlinck et al. 2024, arXiv:2408.06266, (8)", beta=0.1, settings=TEMPERATURES
)
def apo_down(x, p):
    return sigmoid(p.beta * x.u) + 1 - sigmoid(p.beta * x.rho)


@oracle("aot", "Melnyk et al. 2024, arXiv:2406.05882, paired", beta=0.1, settings=TEMPERATURES)
def aot(x, p):
    policy, reference = (torch.sort(y, stable=True)[0] for y in (x.a - x.b, x.ra - x.rb))
    return softplus(-p.beta * (policy - reference))


@oracle(
    "aot_unpaired",
    "Melnyk et al. 2024, arXiv:2406.05882, unpaired",
    beta=0.1,
    settings=TEMPERATURES,
)
def aot_unpaired(x, p):
    won, lost = (torch.sort(y, stable=True)[0] for y in (x.u, x.v))
    return softplus(-p.beta * (won - lost))
