# Catalogue 43 to 54: the losses DiscoPOP found (Lu et al. 2024, arXiv:2406.08414) in the form
# of its released code: temperatures and thresholds act on beta * margin over 0.05. The `_old`
# forms act on the bare margin; at beta 0.05 the two are one.
import torch
from torch import relu, sigmoid

from registry import oracle, softplus, std, var

OF_MARGIN = [{"beta": 0.01}, {"beta": 0.5}]
BOTH = [{"beta": 0.01}, {"beta": 0.5, "tau": 0.2}]
PAPER = "Lu et al. 2024, arXiv:2406.08414"


def blend(weight, first, second):
    return weight * first + (1 - weight) * second


@oracle("cell", PAPER, beta=0.05, settings=OF_MARGIN)
def cell(x, p):
    z = p.beta * x.rho
    return (torch.exp(-z) + softplus(-z)) / 2


@oracle("lrml", PAPER + ", (5)", beta=0.05, tau=0.05, settings=BOTH)
def lrml(x, p):
    z = p.beta * x.rho
    return blend(sigmoid(z / p.tau), torch.exp(-z), softplus(-z))


@oracle("lrml_old", PAPER + ", modulated by the bare margin", beta=0.05, settings=OF_MARGIN)
def lrml_old(x, p):
    z = p.beta * x.rho
    return blend(sigmoid(x.rho), torch.exp(-z), softplus(-z))


@oracle("padll", PAPER, beta=0.05, settings=OF_MARGIN)
def padll(x, p):
    decay = torch.where(x.rho < 0, 0.45, 0.9)
    return decay * softplus(-p.beta * x.rho)


def focused(x, z):
    """The condition compares the policy's log-probabilities, not the margin."""
    return torch.where(x.a > x.b, softplus(-z) / 2, 2 * relu(1 - z))


@oracle("pfl", PAPER, beta=0.05, settings=OF_MARGIN)
def pfl(x, p):
    return focused(x, p.beta * x.rho)


@oracle("pfl_old", PAPER + ", without beta")
def pfl_old(x, p):
    return focused(x, x.rho)


@oracle("aql", PAPER, beta=0.05, tau=0.05, settings=BOTH)
def aql(x, p):
    z = p.beta * x.rho
    threshold = 0.5 + 0.01 * (sigmoid((z / p.tau).mean()) - 0.5)
    return blend(sigmoid(-(z / p.tau - threshold)), softplus(-z), relu(1 - z))


@oracle("aql_old", PAPER + ", threshold on the bare margin", beta=0.05, settings=OF_MARGIN)
def aql_old(x, p):
    z = p.beta * x.rho
    threshold = 0.5 + 0.01 * (sigmoid(x.rho.mean()) - 0.5)
    return blend(sigmoid(-p.beta * (x.rho - threshold)), softplus(-z), relu(1 - z))


def feedback(y, z):
    threshold = std(y) * sigmoid(-y).mean()
    threshold = threshold + 0.05 * (sigmoid(y.mean()) - threshold)
    return blend(sigmoid(0.1 * torch.abs(y - threshold)), softplus(-z), relu(1 - z))


@oracle("aqfl", PAPER, beta=0.05, tau=0.05, settings=BOTH)
def aqfl(x, p):
    z = p.beta * x.rho
    return feedback(z / p.tau, z)


@oracle("aqfl_old", PAPER + ", on the bare margin", beta=0.05, settings=OF_MARGIN)
def aqfl_old(x, p):
    return feedback(x.rho, p.beta * x.rho)


def dynamic(weight, z):
    return blend(weight, softplus(-z / 0.9), torch.exp(-z * 0.9))


@oracle("dbaql", PAPER, beta=0.05, tau=0.05, settings=BOTH)
def dbaql(x, p):
    z = p.beta * x.rho
    return dynamic(sigmoid(var(z / p.tau)), z)


# A plotting copy in the same repository has exp(+0.9 z); the training code has the minus.
@oracle("dbaql_old", PAPER + ", on the bare margin", beta=0.05, settings=OF_MARGIN)
def dbaql_old(x, p):
    return dynamic(sigmoid(var(x.rho)), p.beta * x.rho)
