# Catalogue 1 to 34: losses of the margin, or of each side's log-ratio, that look at one pair at a
# time.
import torch
from torch import relu, sigmoid

from registry import oracle, softplus

TEMPERATURES = [{"beta": 0.01}, {"beta": 2.0}]


@oracle("dpo", "Rafailov et al. 2023, arXiv:2305.18290, (7)", beta=0.1, settings=TEMPERATURES)
def dpo(x, p):
    return softplus(-p.beta * x.rho)


SMOOTHED = [{"beta": 1.0, "label_smoothing": 0.0}, {"beta": 0.02, "label_smoothing": 0.45}]


@oracle(
    "cdpo",
    "Mitchell 2023, A note on DPO with noisy preferences",
    settings=SMOOTHED,
    beta=0.1,
    label_smoothing=0.1,
)
def cdpo(x, p):
    e = p.label_smoothing
    return (1 - e) * softplus(-p.beta * x.rho) + e * softplus(p.beta * x.rho)


@oracle(
    "robust",
    "Chowdhury et al. 2024, arXiv:2403.00409",
    settings=SMOOTHED,
    beta=0.1,
    label_smoothing=0.1,
)
def robust(x, p):
    e = p.label_smoothing
    kept, flipped = softplus(-p.beta * x.rho), softplus(p.beta * x.rho)
    return ((1 - e) * kept - e * flipped) / (1 - 2 * e)


@oracle("reference_free_dpo", "TRL 0.24 with reference_free=True", beta=0.1, settings=TEMPERATURES)
def reference_free_dpo(x, p):
    return softplus(-p.beta * (x.a - x.b))


@oracle("dpo_norm", "Tulu 3, arXiv:2411.15124", beta=5.0, settings=TEMPERATURES)
def dpo_norm(x, p):
    return softplus(-p.beta * (x.u / x.la - x.v / x.lb))


# The paper's sign, which SamPO's `lenN` has too: a chosen response that is longer anyway is pushed
# less. The alpha-DPO and gammaPO repositories subtract the lengths instead.
@oracle(
    "rdpo",
    "Park et al. 2024, arXiv:2403.19159",
    beta=0.1,
    lam=0.01,
    settings=[{"beta": 1.0, "lam": 0.0}, {"beta": 0.02, "lam": 0.2}],
)
def rdpo(x, p):
    return softplus(-(p.beta * x.rho + p.lam * (x.la - x.lb)))


# At a ratio of exactly 0, where training starts, PaddleNLP's clip passes no gradient, SamPO's
# maximum half of it; this follows SamPO, which quotes the paper's authors.
@oracle(
    "dpop",
    "Pal et al. 2024, arXiv:2402.13228",
    beta=0.1,
    lam=5.0,
    settings=[{"beta": 0.3, "lam": 50.0}, {"beta": 1.0, "lam": 0.0}],
)
def dpop(x, p):
    return softplus(-p.beta * (x.rho - p.lam * torch.maximum(torch.zeros_like(x.a), x.ra - x.a)))


# f-DPO's score is f'(ratio); a constant in it falls out of the difference of the two sides.
@oracle(
    "fdpo_forward_kl",
    "Wang et al. 2023, arXiv:2309.16240, f(t) = -log t",
    beta=0.1,
    settings=TEMPERATURES,
)
def fdpo_forward_kl(x, p):
    return softplus(-p.beta * (torch.exp(-x.v) - torch.exp(-x.u)))


@oracle(
    "fdpo_js",
    "Wang et al. 2023, arXiv:2309.16240, f'(t) = log(2t / (1 + t))",
    beta=0.1,
    settings=TEMPERATURES,
)
def fdpo_js(x, p):
    return softplus(-p.beta * (softplus(-x.v) - softplus(-x.u)))


@oracle(
    "fdpo_alpha",
    "TRL 1.16, f'(t) = (t^(alpha - 1) - 1) / (alpha - 1), exponent at most 80",
    beta=0.1,
    alpha=0.5,
    settings=[{"beta": 0.5, "alpha": 0.9}, {"beta": 0.02, "alpha": 0.2}],
)
def fdpo_alpha(x, p):
    k = p.alpha - 1
    score = lambda ratio: torch.exp(torch.clamp(k * ratio, max=80.0)) / k
    return softplus(-p.beta * (score(x.u) - score(x.v)))


@oracle(
    "hinge",
    "SLiC, arXiv:2305.10425; RSO, Liu et al. 2023, arXiv:2309.06657",
    beta=0.1,
    settings=[{"beta": 0.5}, {"beta": 0.025}],
)
def hinge(x, p):
    return relu(1 - p.beta * x.rho)


@oracle(
    "slic_hf",
    "Zhao et al. 2023, arXiv:2305.10425, regularised by the chosen NLL",
    delta=1.0,
    lam=0.1,
    settings=[{"delta": 10.0, "lam": 0.0}, {"delta": 0.0, "lam": 2.0}],
)
def slic_hf(x, p):
    return relu(p.delta - x.a + x.b) - p.lam * x.a


@oracle(
    "cpo_hinge",
    "TRL 1.16, CPOTrainer loss_type='hinge'",
    beta=0.1,
    settings=[{"beta": 0.5}, {"beta": 0.025}],
)
def cpo_hinge(x, p):
    return relu(1 - p.beta * (x.a - x.b))


@oracle(
    "repo", "Wu et al. 2025, arXiv:2503.07426", gamma=0.3, settings=[{"gamma": 0.0}, {"gamma": 2.5}]
)
def repo(x, p):
    return relu(-(x.a / x.la - x.b / x.lb - p.gamma))


@oracle("ipo", "Azar et al. 2023, arXiv:2310.12036, (17), on sums", beta=0.1, settings=TEMPERATURES)
def ipo(x, p):
    return (x.rho - 1 / (2 * p.beta)) ** 2


@oracle(
    "ipo_avg",
    "Azar et al. 2023, arXiv:2310.12036, (17), on means over tokens",
    beta=0.1,
    settings=TEMPERATURES,
)
def ipo_avg(x, p):
    return (x.u / x.la - x.v / x.lb - 1 / (2 * p.beta)) ** 2


@oracle("cpo_ipo", "TRL 1.16, CPOTrainer loss_type='ipo'", beta=0.1, settings=TEMPERATURES)
def cpo_ipo(x, p):
    return (x.a / x.la - x.b / x.lb - 1 / (2 * p.beta)) ** 2


@oracle(
    "sppo_hard",
    "Wu et al. 2024, arXiv:2405.00675, (4.7) with P in {0, 1}",
    beta=0.1,
    settings=TEMPERATURES,
)
def sppo_hard(x, p):
    return (x.u - 1 / (2 * p.beta)) ** 2 + (x.v + 1 / (2 * p.beta)) ** 2


# The published code adds a batch mean of squares to every pair; the mean over pairs is the same as
# with each pair's own squares, and so is its gradient.
@oracle("cal_dpo", "Xiao et al. 2024, arXiv:2412.14516", beta=0.1, settings=TEMPERATURES)
def cal_dpo(x, p):
    target = 1 / (2 * p.beta)
    return softplus(-x.rho) + 0.5 * ((x.u - target) ** 2 + (x.v + target) ** 2)


@oracle(
    "exo_pair",
    "Ji et al. 2024, arXiv:2402.00856, (16)",
    beta=0.1,
    epsilon=0.001,
    settings=[{"beta": 1.0, "epsilon": 0.2}, {"beta": 0.01, "epsilon": 1e-6}],
)
def exo_pair(x, p):
    eps = torch.tensor(p.epsilon, dtype=torch.float64)
    z = p.beta * x.rho
    won = sigmoid(z) * (-softplus(-z) - torch.log1p(-eps))
    return won + sigmoid(-z) * (-softplus(z) - torch.log(eps))
