"""Objectives for preference optimisation, compiled: a text in, a differentiable loss out.

    objective = disco.compile("lrml.dpo", beta=0.05)
    loss = objective(policy_chosen, policy_rejected, reference_chosen, reference_rejected)
    loss.backward()

`disco.trl` trains with them; it is imported by itself, since it needs TRL.
"""

from disco._build import VERSION as __version__
from disco._compile import CompileError, CompileWarning, Finding, compile, shipped
from disco._objective import Objective, Report
from disco._operators import BACKEND as backend

__all__ = [
    "CompileError",
    "CompileWarning",
    "Finding",
    "Objective",
    "Report",
    "__version__",
    "backend",
    "compile",
    "shipped",
]
