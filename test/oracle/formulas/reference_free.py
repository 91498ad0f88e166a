# Catalogue 58, 72 to 76, 82, and SimPER: losses that need no reference, most on log-probabilities
# averaged over the tokens of a response.
import torch

from registry import oracle, softplus

AVERAGED = [{"beta": 10.0, "gamma": 0.0}, {"beta": 0.5, "gamma": 3.0}]


def token_nll(x):
    """Cross-entropy over all chosen tokens of the batch, as TRL's trainers average it: long
    responses count more. A batch value."""
    return -x.a.sum() / x.la.sum()


@oracle("sft", "TRL 1.16, loss_type='sft'")
def sft(x, p):
    return token_nll(x).expand(x.size)


@oracle(
    "cpo",
    "Xu et al. 2024, arXiv:2401.08417, the preference term alone",
    beta=0.1,
    settings=[{"beta": 0.01}, {"beta": 2.0}],
)
def cpo(x, p):
    return softplus(-p.beta * (x.a - x.b))


@oracle("simpo", "Meng et al. 2024, arXiv:2405.14734, (6)", beta=2.0, gamma=0.5, settings=AVERAGED)
def simpo(x, p):
    return softplus(-(p.beta * x.a / x.la - p.beta * x.b / x.lb - p.gamma))


@oracle(
    "cpo_simpo",
    "TRL 1.16, CPOTrainer loss_type='simpo' with cpo_alpha",
    beta=2.0,
    gamma=0.5,
    alpha=1.0,
    settings=[{"beta": 10.0, "gamma": 0.0, "alpha": 0.05}],
)
def cpo_simpo(x, p):
    return simpo(x, p) + p.alpha * token_nll(x)


@oracle(
    "alphapo",
    "Gupta et al. 2025, arXiv:2501.03884",
    beta=2.0,
    gamma=0.5,
    alpha=0.25,
    settings=[{"beta": 10.0, "gamma": 0.0, "alpha": 0.1}],
)
def alphapo(x, p):
    reward = lambda mean_logp: (1 - torch.exp(-p.alpha * mean_logp)) / p.alpha
    return softplus(-(p.beta * reward(x.a / x.la) - p.beta * reward(x.b / x.lb) - p.gamma))


# The geometric mean of the token probabilities: 1 / perplexity.
@oracle("simper", "Xiao et al. 2025, arXiv:2502.00883")
def simper(x, p):
    inverse_perplexity = lambda logps, length: torch.exp(logps / length)
    return -inverse_perplexity(x.a, x.la) + inverse_perplexity(x.b, x.lb)


def log_odds(mean_logp):
    """log p / (1 - p) of p = e^mean_logp; expm1 keeps 1 - p exact where p is close to 1."""
    return mean_logp - torch.log(-torch.expm1(mean_logp))


# TRL takes the NLL over prompt and response and averages it over all tokens; this follows the paper
# and LLaMA-Factory, whose NLL is the mean log-probability of the response.
@oracle(
    "orpo", "Hong et al. 2024, arXiv:2403.07691", beta=0.1, settings=[{"beta": 1.0}, {"beta": 0.01}]
)
def orpo(x, p):
    won, lost = x.a / x.la, x.b / x.lb
    return -won + p.beta * softplus(-(log_odds(won) - log_odds(lost)))


# An f-divergence between the softmax of the two rewards and one that prefers chosen by e^10. The
# published scripts call the margin gamma_beta_ratio: beta multiplies it as well.
@oracle(
    "fpo_alpha",
    "Han et al. 2024, arXiv:2410.21662, alpha-divergence, the released simpo_trainer.py",
    beta=2.0,
    gamma=0.5,
    alpha=0.5,
    settings=[{"beta": 10.0, "gamma": 0.0}, {"alpha": 0.9}, {"beta": 0.5, "alpha": 0.1}],
)
def fpo_alpha(x, p):
    rewards = p.beta * torch.stack([x.a / x.la - p.gamma, x.b / x.lb])
    energy = torch.tensor([[0.0], [-10.0]], dtype=torch.float64)
    t = torch.exp(torch.log_softmax(rewards, 0) - energy)
    divergence = (t ** (1 - p.alpha) - (1 - p.alpha) * t - p.alpha) / (p.alpha * (p.alpha - 1))
    return (energy.exp() * divergence).sum(0)
