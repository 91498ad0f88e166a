"""TRL's DPOTrainer with a compiled objective in place of its losses.

Data, models, the forward passes, logging and saving are TRL's own; only the loss and the rewards
come from the objective.
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterator

import torch
import trl
from torch import Tensor

from disco._objective import Objective

_STATES_FILE = "objective_states.json"  # in a checkpoint


class DPOTrainer(trl.DPOTrainer):
    """`trl.DPOTrainer` that minimises `objective`; everything else is passed on to TRL.

    `rewards/...` are the objective's rewards, and `objective/NAME` its metrics. Columns of the
    objective are taken from the data set's columns of that name. States advance with every training
    step and are kept in checkpoints. `beta` is the objective's: set it in disco.compile.

    Raises ValueError for settings of DPOConfig that the objective takes the place of, and for what
    the objective needs and TRL cannot give.
    """

    def __init__(self, *args, objective: Objective, **kwargs):
        self.objective = objective
        self.objective_states = dict(objective.initial_states)
        super().__init__(*args, **kwargs)
        self._refuse_settings()
        if objective.columns:
            self.data_collator = _with_columns(self.data_collator, objective.columns)

    def _refuse_settings(self) -> None:
        defaults = {"loss_type": ["sigmoid"], "f_divergence_type": "reverse_kl"}
        defaults |= {"label_smoothing": 0.0, "use_weighting": False, "ld_alpha": None}
        defaults |= {"loss_weights": None}
        changed = [n for n, value in defaults.items() if getattr(self.args, n) != value]
        beta = self.objective.parameters.get("beta")
        if self.args.beta not in (beta, type(self.args).beta):
            changed.append("beta")
        if changed:
            raise ValueError(
                f"DPOConfig sets {', '.join(changed)}, which the objective decides; leave it out, "
                "and give the objective's own parameters to disco.compile"
            )
        reads = self.objective.inputs
        if any(name.endswith("_token_kl") for name in reads):
            raise ValueError(
                f"objective `{self.objective.name}` reads the KL divergence of whole next-token "
                "distributions, which TRL's model outputs do not have"
            )
        if self.precompute_ref_logps and any(
            name.startswith("reference_") and name.endswith("_token_logps") for name in reads
        ):
            raise ValueError(
                f"objective `{self.objective.name}` reads the reference per token; unset "
                "precompute_ref_log_probs, which keeps sums only"
            )
        if self.objective.couples_pairs or self.objective.initial_states:
            parts = {
                "gradient_accumulation_steps": self.args.gradient_accumulation_steps,
                "the number of processes": self.accelerator.num_processes,
            }
            for setting, count in parts.items():
                if count > 1:
                    raise ValueError(
                        f"objective `{self.objective.name}` reads the batch of a whole optimiser "
                        f"step, for its statistics or states; {setting} is {count}, which would "
                        "give it parts of that: set it to 1"
                    )

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        known = self._signature_columns
        known += [name for name in self.objective.columns if name not in known]

    # TRL's own loss is computed beside ours, from the same log-probabilities, for the metrics that
    # come with it; no gradient is taken of it.
    def _compute_loss(self, model, inputs, return_outputs):
        inputs = dict(inputs)
        columns = {n: inputs.pop(n) for n in self.objective.columns if n in inputs}
        with self._recorded_outputs() as outputs:
            theirs = super()._compute_loss(model, inputs, return_outputs)
        batch = self._batch(inputs, [o.log_probs for o in outputs]) | columns
        batch = {name: x.to("cpu") for name, x in batch.items()}
        step = {"progress": self.state.global_step / max(self.state.max_steps, 1)}
        step["progress"] = min(step["progress"], 1 - 2**-20)
        step["states"] = self.objective_states
        loss = self.objective(**batch, **step).to(self.accelerator.device)
        if self.aux_loss_enabled:
            loss = loss + self.router_aux_loss_coef * outputs[0].aux_loss
        constants = {name: x.detach() for name, x in batch.items()}
        self._log_rewards(self.objective.report(**constants, **step))
        if self.model.training and self.objective_states:
            self.objective_states = self.objective.next(**constants, **step)
        return (loss, theirs[1]) if return_outputs else loss

    @contextlib.contextmanager
    def _recorded_outputs(self) -> Iterator[list]:
        """What the policy, then the reference model, give out meanwhile."""
        outputs = []

        def record(_module, _arguments, output):
            if getattr(output, "log_probs", None) is not None:
                outputs.append(output)

        models = [m for m in (self.model, self.ref_model) if m is not None]
        hooks = [m.register_forward_hook(record) for m in models]
        try:
            yield outputs
        finally:
            for hook in hooks:
                hook.remove()

    def _batch(self, inputs: dict, log_probs: list[Tensor]) -> dict[str, Tensor]:
        """The objective's inputs, from token log-probabilities [2 pairs, tokens] of the policy and
        then the reference: chosen rows first, 0 outside the completions."""
        mask = inputs["completion_mask"]
        shifted = mask[:, 1:].bool()
        batch = {}
        for name, rows in zip(("policy", "reference"), log_probs):
            rows = rows[:, -shifted.shape[1] :].float()
            for side, part, tokens in zip(("chosen", "rejected"), rows.chunk(2), shifted.chunk(2)):
                batch[f"{name}_{side}_logps"] = part.sum(dim=1)
                batch[f"{name}_{side}_token_logps"] = part[tokens]
        for side, tokens in zip(("chosen", "rejected"), shifted.chunk(2)):
            ends = tokens.sum(dim=1).cumsum(dim=0)
            batch[f"{side}_token_offsets"] = torch.cat([ends.new_zeros(1), ends])
            if self.precompute_ref_logps:
                batch[f"reference_{side}_logps"] = inputs[f"ref_{side}_logps"].float()
        for side, rows in zip(("chosen", "rejected"), mask.chunk(2)):
            batch[f"{side}_length"] = rows.sum(dim=1).clamp(min=1).float()
        return batch

    def _log_rewards(self, report) -> None:
        metrics = self._metrics["train" if self.model.training else "eval"]
        gather = lambda x: self.accelerator.gather(x.to(self.accelerator.device))  # noqa: E731
        chosen, rejected = gather(report.chosen_rewards), gather(report.rejected_rewards)
        rewards = {
            "chosen": chosen,
            "rejected": rejected,
            "accuracies": (chosen > rejected).float(),
            "margins": chosen - rejected,
        }
        for name, values in rewards.items():
            metrics[f"rewards/{name}"][-1] = values.mean().item()
        for name, value in report.metrics.items():
            metrics[f"objective/{name}"].append(value)

    def _save_checkpoint(self, model, trial) -> None:
        super()._save_checkpoint(model, trial)
        if self.objective_states and self.args.should_save:
            folder = os.path.join(
                self._get_output_dir(trial=trial), f"checkpoint-{self.state.global_step}"
            )
            with open(os.path.join(folder, _STATES_FILE), "w", encoding="utf-8") as file:
                json.dump(self.objective_states, file)

    def _load_from_checkpoint(self, resume_from_checkpoint, model=None) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        if self.objective_states:
            path = os.path.join(resume_from_checkpoint, _STATES_FILE)
            try:
                with open(path, encoding="utf-8") as file:
                    states = json.load(file)
            except (OSError, ValueError) as error:
                raise ValueError(
                    f"cannot resume objective `{self.objective.name}`, which keeps states: {error}"
                ) from None
            wanted = sorted(self.objective.initial_states)
            if not isinstance(states, dict) or sorted(states) != wanted:
                raise ValueError(
                    f"{path} has not the states of objective `{self.objective.name}`: "
                    + ", ".join(wanted)
                )
            self.objective_states = states


def _with_columns(collate: Callable, columns: tuple[str, ...]) -> Callable:
    """A collator that also stacks these columns, [pairs] each, where the examples have them."""

    def collated(examples):
        batch = collate(examples)
        for name in columns:
            if name in examples[0]:
                batch[name] = torch.tensor([float(example[name]) for example in examples])
        return batch

    return collated
