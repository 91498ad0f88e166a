# Published implementations driven on our batches: TRL's trainers and Liger's chunked losses, their
# own code from PyPI. A trainer is a namespace with the few attributes its loss reads; its model is
# a stub that returns the batch's token log-probabilities.
import collections
import contextlib
import dataclasses
import importlib.metadata
import types
from typing import Callable

import torch
from liger_kernel.chunked_loss.cpo_loss import LigerFusedLinearCPOFunction
from liger_kernel.chunked_loss.dpo_loss import LigerFusedLinearDPOFunction
from liger_kernel.chunked_loss.orpo_loss import LigerFusedLinearORPOFunction
from liger_kernel.chunked_loss.simpo_loss import LigerFusedLinearSimPOFunction
from trl import DPOTrainer, KTOTrainer
from trl.experimental.cpo import CPOTrainer
from trl.experimental.orpo import ORPOTrainer
from trl.trainer import dpo_trainer, kto_trainer

# A stub is no module: there is no checkpointing to switch off.
for module in (dpo_trainer, kto_trainer):
    module.disable_gradient_checkpointing = lambda *_: contextlib.nullcontext()

DOUBLE = torch.float64
VERSIONS = {package: importlib.metadata.version(package) for package in ("trl", "liger-kernel")}


@dataclasses.dataclass
class Implementation:
    objective: str
    label: str  # what it is, with its version
    run: Callable  # (View, parameters) -> the loss over the batch, a scalar
    dtype: torch.dtype  # the precision the code itself insists on


IMPLEMENTATIONS = []


def implementation(objective, label, run, dtype=DOUBLE):
    package = label.split()[0]
    label = label.replace(package, f"{package} {VERSIONS[package]}", 1)
    IMPLEMENTATIONS.append(Implementation(objective, label, run, dtype))


def accelerator():
    same = lambda tensor: tensor
    return types.SimpleNamespace(
        device=torch.device("cpu"), gather_for_metrics=same, gather=same, use_distributed=False
    )


# ---------------------------------------------------------------------------------------------- TRL


def stub(log_probs, mask):
    """A model whose forward pass gives these log-probabilities of the labels, 0 elsewhere."""
    rest = {"entropy", "mean_logits", "log_sum_sq_probs", "is_top1"}
    zeros = {name: torch.zeros_like(log_probs) for name in rest} | {"is_top1": mask.bool()}
    outputs = types.SimpleNamespace(log_probs=log_probs * mask, **zeros)
    return lambda **_: outputs


def stacked(per_side, width):
    """[2B, T]: chosen rows, then rejected rows, padded at the right, as TRL's collator does."""
    pad = lambda x: torch.nn.functional.pad(x, (0, width - x.shape[1]))
    return torch.cat([pad(per_side["chosen"]), pad(per_side["rejected"])])


def trl_dpo(loss_types, dtype=DOUBLE, **names):
    """DPOTrainer._compute_loss. `names` maps its attributes to functions of our parameters."""

    def run(x, p):
        width = max(x.policy[side].shape[1] for side in x.policy)
        mask = stacked({s: m.long() for s, m in x.mask.items()}, width)
        policy, reference = (stacked(y, width).to(dtype) for y in (x.policy, x.reference))
        attributes = dict(
            model=types.SimpleNamespace(training=True),
            ref_model=stub(reference, mask),
            accelerator=accelerator(),
            aux_loss_enabled=False,
            precompute_ref_logps=False,
            ld_alpha=None,
            f_divergence_type="reverse_kl",
            f_alpha_divergence_coef=0.5,
            loss_types=loss_types,
            loss_weights=[1.0] * len(loss_types),
            label_smoothing=0.0,
            use_weighting=False,
            _metrics=collections.defaultdict(lambda: collections.defaultdict(list)),
            _total_train_tokens=0,
            _tp_size=1,
            args=types.SimpleNamespace(
                discopop_tau=getattr(p, "tau", 0.05), gradient_checkpointing_kwargs=None
            ),
        )
        attributes["beta"] = getattr(p, "beta", 0.1)
        attributes |= {name: value(p) for name, value in names.items()}
        trainer = types.SimpleNamespace(**attributes)
        # One prompt token in front of every completion; a completion token is its own label.
        prompt = torch.zeros(len(mask), 1, dtype=torch.long)
        completion_mask = torch.cat([prompt, mask], 1)
        inputs = dict(
            completion_mask=completion_mask,
            input_ids=torch.ones_like(completion_mask),
            attention_mask=torch.ones_like(completion_mask),
        )
        return DPOTrainer._compute_loss(trainer, stub(policy, mask), inputs, False)

    return run


SMOOTHING = {"label_smoothing": lambda p: p.label_smoothing}
for objective, loss_type, names in [
    ("dpo", "sigmoid", {}),
    ("dpo_norm", "sigmoid_norm", {}),
    ("robust", "robust", SMOOTHING),
    ("hinge", "hinge", {}),
    ("ipo_avg", "ipo", {}),
    ("exo_pair", "exo_pair", {"label_smoothing": lambda p: p.epsilon}),
    ("nca_pair", "nca_pair", {}),
    ("bco_pair", "bco_pair", {}),
    ("sppo_hard", "sppo_hard", {}),
    ("aot", "aot", {}),
    ("aot_unpaired", "aot_unpaired", {}),
    ("apo_zero", "apo_zero", {}),
    ("apo_down", "apo_down", {}),
    ("lrml", "discopop", {}),
    ("sft", "sft", {}),
    ("ld_dpo", "sigmoid", {"ld_alpha": lambda p: p.alpha}),
    ("fdpo_reverse_kl", "sigmoid", {"f_divergence_type": lambda p: "reverse_kl"}),
    ("fdpo_forward_kl", "sigmoid", {"f_divergence_type": lambda p: "forward_kl"}),
    ("fdpo_js", "sigmoid", {"f_divergence_type": lambda p: "js_divergence"}),
]:
    extra = "".join(f", {name}" for name in names if name != "label_smoothing")
    implementation(objective, f"trl DPOTrainer {loss_type}{extra}", trl_dpo([loss_type], **names))

implementation(
    "rpo",
    "trl DPOTrainer sigmoid + sft",
    trl_dpo(["sigmoid", "sft"], loss_weights=lambda p: [1.0, p.alpha]),
)
MPO_WEIGHTS = lambda p: [p.preference_weight, p.quality_weight, p.generation_weight]
implementation(
    "mpo",
    "trl DPOTrainer sigmoid + bco_pair + sft",
    trl_dpo(["sigmoid", "bco_pair", "sft"], loss_weights=MPO_WEIGHTS),
)
# Its table of exponent caps knows no float64.
implementation(
    "fdpo_alpha",
    "trl DPOTrainer sigmoid, alpha_divergence",
    trl_dpo(
        ["sigmoid"],
        torch.float32,
        f_divergence_type=lambda p: "alpha_divergence",
        f_alpha_divergence_coef=lambda p: p.alpha,
    ),
    torch.float32,
)


def trl_kto(x, p):
    """KTOTrainer._compute_loss on 2B labelled rows."""
    width = max(x.policy[side].shape[1] for side in x.policy)
    mask = stacked({s: m.long() for s, m in x.mask.items()}, width)
    policy, reference = (stacked(y, width) for y in (x.policy, x.reference))
    trainer = types.SimpleNamespace(
        model=types.SimpleNamespace(training=True),
        ref_model=stub(reference, mask),
        beta=p.beta,
        accelerator=accelerator(),
        aux_loss_enabled=False,
        precompute_ref_logps=False,
        calculate_KL=False,
        loss_type="apo_zero_unpaired",
        desirable_weight=1.0,
        undesirable_weight=1.0,
        _compute_kl_logps=lambda *_: None,
        _total_train_tokens=0,
        _tp_size=1,
        _metrics=collections.defaultdict(lambda: collections.defaultdict(list)),
        args=types.SimpleNamespace(gradient_checkpointing_kwargs=None),
    )
    completion_mask = torch.cat([torch.zeros(len(mask), 1, dtype=torch.long), mask], 1)
    inputs = dict(
        completion_mask=completion_mask,
        input_ids=torch.ones_like(completion_mask),
        attention_mask=torch.ones_like(completion_mask),
        label=torch.tensor([True] * x.size + [False] * x.size),
    )
    return KTOTrainer._compute_loss(trainer, stub(policy, mask), inputs, False)


implementation("apo_zero_unpaired", "trl KTOTrainer apo_zero_unpaired", trl_kto)


def trl_cpo(loss_type, averaged, nll=False):
    def run(x, p):
        trainer = types.SimpleNamespace(
            accelerator=accelerator(),
            loss_type=loss_type,
            beta=p.beta,
            label_smoothing=0.0,
            alpha=getattr(p, "alpha", 0.0) if not nll else 0.0,
            simpo_gamma=getattr(p, "gamma", 0.0),
        )
        sums = (x.a / x.la, x.b / x.lb) if averaged else (x.a, x.b)
        return CPOTrainer.cpo_loss(trainer, *sums)[0].mean()

    return run


implementation("cpo", "trl CPOTrainer sigmoid", trl_cpo("sigmoid", False))
implementation("cpo_hinge", "trl CPOTrainer hinge", trl_cpo("hinge", False))
implementation("cpo_ipo", "trl CPOTrainer ipo", trl_cpo("ipo", True))
implementation("simpo", "trl CPOTrainer simpo", trl_cpo("simpo", True))
implementation("alphapo", "trl CPOTrainer simpo, alpha", trl_cpo("simpo", True))


def trl_cpo_simpo(x, p):
    """As CPOTrainer.get_batch_loss_metrics adds it: cross-entropy over all chosen tokens."""
    nll = -x.policy["chosen"][x.mask["chosen"]].mean()
    return trl_cpo("simpo", True, nll=True)(x, p) + p.alpha * nll


implementation("cpo_simpo", "trl CPOTrainer simpo + its NLL", trl_cpo_simpo)


def trl_orpo(x, p):
    """ORPOTrainer.odds_ratio_loss, which casts to float32, and the NLL of each response."""
    trainer = types.SimpleNamespace(accelerator=accelerator(), beta=p.beta)
    won, lost = x.a / x.la, x.b / x.lb
    return -ORPOTrainer.odds_ratio_loss(trainer, won, lost)[0].mean() - won.mean()


implementation("orpo", "trl ORPOTrainer odds_ratio_loss", trl_orpo, torch.float32)


# -------------------------------------------------------------------------------------------- Liger


def liger_dpo(loss_type, **names):
    def run(x, p):
        target = torch.zeros(2 * x.size, 1)  # only its number of rows is read
        keywords = {name: value(p) for name, value in names.items()}
        return LigerFusedLinearDPOFunction.preference_loss_fn(
            x.a, x.b, target, x.ra, x.rb, beta=p.beta, loss_type=loss_type, **keywords
        )[0]

    return run


for objective, loss_type, names in [
    ("dpo", "sigmoid", {}),
    ("hinge", "hinge", {}),
    ("exo_pair", "exo_pair", {"label_smoothing": lambda p: p.epsilon}),
    ("nca_pair", "nca_pair", {}),
    ("robust", "robust", SMOOTHING),
    ("bco_pair", "bco_pair", {}),
    ("sppo_hard", "sppo_hard", {}),
    ("apo_zero", "apo_zero", {}),
    ("apo_down", "apo_down", {}),
    ("lrml", "discopop", {"discopop_tau": lambda p: p.tau}),
]:
    implementation(objective, f"liger-kernel DPO {loss_type}", liger_dpo(loss_type, **names))


def liger_free(function, averaged, **names):
    """Liger's reference-free losses; its ORPO adds the NLL elsewhere."""

    def run(x, p):
        sums = (x.a / x.la, x.b / x.lb) if averaged else (x.a, x.b)
        keywords = {name: value(p) for name, value in names.items()}
        target = torch.zeros(2 * x.size, 1)
        return function.preference_loss_fn(*sums, target, beta=p.beta, **keywords)[0]

    return run


implementation("cpo", "liger-kernel CPO", liger_free(LigerFusedLinearCPOFunction, False))
implementation(
    "simpo",
    "liger-kernel SimPO",
    liger_free(LigerFusedLinearSimPOFunction, True, gamma=lambda p: p.gamma),
)
# Its log1p(-exp(x)) loses digits for probabilities near 1 that expm1 keeps: float32's tolerance.
implementation(
    "orpo",
    "liger-kernel ORPO + the response's NLL",
    lambda x, p: liger_free(LigerFusedLinearORPOFunction, True)(x, p) - (x.a / x.la).mean(),
    torch.float32,
)
