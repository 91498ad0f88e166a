# TRL's DPOTrainer with our objectives against TRL's own losses: the same tiny random model, data
# and seed must give the same numbers, step after step.
import logging
import os
import pathlib
import tempfile
import unittest
import warnings

os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

try:
    import trl
    from datasets import Dataset, disable_progress_bars
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast, PrinterCallback
except ImportError as missing:
    raise unittest.SkipTest(f"needs the wheels of tools/requirements-test.txt: {missing}")

import torch

import disco
import disco.trl

disable_progress_bars()
torch.set_num_threads(1)
WORDS = 30
COMPARED = (
    "loss", "grad_norm", "rewards/chosen", "rewards/rejected", "rewards/accuracies",
    "rewards/margins", "logps/chosen", "logps/rejected", "logits/chosen", "entropy",
)  # fmt: skip


def tokenizer():
    vocabulary = {f"t{i}": i for i in range(WORDS)} | {"<pad>": WORDS, "<eos>": WORDS + 1}
    raw = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="<pad>", eos_token="<eos>")


def model(seed=0):
    torch.manual_seed(seed)
    size = dict(vocab_size=WORDS + 2, n_positions=64, n_embd=16, n_layer=1, n_head=2)
    off = dict(resid_pdrop=0, embd_pdrop=0, attn_pdrop=0)
    return GPT2LMHeadModel(GPT2Config(**size, **off, initializer_range=0.5))


def data(**columns):
    torch.manual_seed(1)
    words = lambda low, high: " ".join(  # noqa: E731
        f"t{i}" for i in torch.randint(WORDS, (int(torch.randint(low, high, ())),))
    )
    rows = [
        {"prompt": words(2, 5), "chosen": " " + words(2, 9), "rejected": " " + words(2, 9)}
        for _ in range(16)
    ]
    for name, values in columns.items():
        rows = [row | {name: value} for row, value in zip(rows, values)]
    return Dataset.from_list(rows)


class Trained(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def trainer(self, objective=None, dataset=None, **settings):
        settings = dict(
            output_dir=self.folder.name, per_device_train_batch_size=4, max_steps=3,
            learning_rate=0.01, lr_scheduler_type="constant", use_cpu=True, bf16=False,
            gradient_checkpointing=False, report_to=[], save_strategy="no", logging_steps=1,
            disable_tqdm=True, max_length=64,
        ) | settings  # fmt: skip
        options = dict(
            model=model(0), ref_model=model(1), processing_class=tokenizer(),
            train_dataset=dataset or data(), args=trl.DPOConfig(**settings),
        )  # fmt: skip
        if objective is None:
            trainer = trl.DPOTrainer(**options)
        else:
            trainer = disco.trl.DPOTrainer(objective=objective, **options)
        trainer.remove_callback(PrinterCallback)
        return trainer

    def logged(self, *args, **settings):
        trainer = self.trainer(*args, **settings)
        trainer.train()
        return [row for row in trainer.state.log_history if "loss" in row]


class SameNumbers(Trained):
    def check(self, objective, ours=None, **theirs):
        expected = self.logged(**theirs)
        found = self.logged(objective, **(ours or {}))
        self.assertEqual(len(found), 3)
        self.assertNotEqual(found[0]["loss"], found[2]["loss"])
        for step, (one, other) in enumerate(zip(found, expected)):
            for name in COMPARED:
                # Each step of Adam amplifies the rounding of the one before.
                delta = (2e-6 + 2e-6 * abs(other[name])) * 10**step
                with self.subTest(name, step=step):
                    self.assertAlmostEqual(one[name], other[name], delta=delta)

    def test_dpo(self):
        self.check(disco.compile("dpo", beta=0.2), loss_type="sigmoid", beta=0.2)

    def test_dpo_with_precomputed_reference(self):
        settings = {"precompute_ref_log_probs": True}
        self.check(disco.compile("dpo"), ours=settings, loss_type="sigmoid", **settings)

    def test_hinge(self):
        self.check(disco.compile("hinge"), loss_type="hinge")

    def test_lrml(self):
        self.check(
            disco.compile("lrml", beta=0.1, tau=0.05), loss_type="discopop", discopop_tau=0.05
        )

    def test_ipo(self):
        self.check(disco.compile("ipo_avg"), loss_type="ipo")

    def test_token_level_objective(self):
        text = (
            "objective x { let c = token_sum(policy_chosen_token_logps - "
            "reference_chosen_token_logps); let r = token_sum(policy_rejected_token_logps - "
            "reference_rejected_token_logps); loss = softplus(-0.1 * (c - r)); "
            "reward chosen = 0.1 * c; reward rejected = 0.1 * r; }"
        )
        self.check(disco.compile(text), loss_type="sigmoid")


class Inputs(Trained):
    def test_columns_come_from_the_data(self):
        text = "objective x { column w; loss = w * softplus(-0.1 * margin); metric weight = w; }"
        rows = self.logged(disco.compile(text), dataset=data(w=[3.0] * 16))
        plain = self.logged(disco.compile("dpo"))
        self.assertAlmostEqual(rows[0]["objective/weight"], 3)
        self.assertAlmostEqual(rows[0]["loss"], 3 * plain[0]["loss"], delta=2e-4)

    def test_progress_and_states_advance_by_steps(self):
        text = (
            "objective x { state steps = 0; next steps = steps + 1; loss = softplus(-margin); "
            "metric done = progress; metric before = steps; }"
        )
        rows = self.logged(disco.compile(text))
        self.assertEqual([row["objective/before"] for row in rows], [0, 1, 2])
        for row, expected in zip(rows, (0, 1 / 3, 2 / 3)):
            self.assertAlmostEqual(row["objective/done"], expected, places=5)

    def test_states_survive_a_checkpoint(self):
        text = (
            "objective x { state steps = 0; next steps = steps + 1; loss = softplus(-margin); "
            "metric before = steps; }"
        )
        settings = {"save_strategy": "steps", "save_steps": 2}
        self.trainer(disco.compile(text), **settings, max_steps=2).train()
        (checkpoint,) = pathlib.Path(self.folder.name).glob("checkpoint-2")
        trainer = self.trainer(disco.compile(text), **settings)
        trainer.train(resume_from_checkpoint=str(checkpoint))
        self.assertEqual(trainer.state.log_history[-2]["objective/before"], 2)

    def test_a_checkpoint_without_its_states_is_refused(self):
        text = "objective x { state n = 0; next n = n + 1; loss = softplus(-margin - n); }"
        settings = {"save_strategy": "steps", "save_steps": 1}
        self.trainer(disco.compile(text), **settings, max_steps=1).train()
        (checkpoint,) = pathlib.Path(self.folder.name).glob("checkpoint-1")
        states = checkpoint / "objective_states.json"
        for change, said in (
            (lambda: states.write_text('{"m": 0}'), "has not the states of objective `x`: n"),
            (lambda: states.write_text("{"), "cannot resume objective `x`, which keeps states"),
            (states.unlink, "cannot resume objective `x`, .*No such file"),
        ):
            change()
            with self.assertRaisesRegex(ValueError, said):
                self.trainer(disco.compile(text), **settings).train(
                    resume_from_checkpoint=str(checkpoint)
                )

    def test_evaluation_leaves_states_alone(self):
        text = "objective x { state n = 0; next n = n + 1; loss = softplus(-margin - n); }"
        trainer = self.trainer(disco.compile(text))
        trainer.evaluate(trainer.train_dataset)
        self.assertEqual(trainer.objective_states, {"n": 0})


class Refused(Trained):
    def test_what_trl_would_decide(self):
        for settings, said in (
            ({"loss_type": "ipo"}, "loss_type"),
            ({"beta": 0.3}, "beta"),
            ({"f_divergence_type": "forward_kl"}, "f_divergence_type"),
        ):
            with self.assertRaisesRegex(ValueError, f"DPOConfig sets {said}"):
                self.trainer(disco.compile("dpo"), **settings)

    def test_what_trl_does_not_give(self):
        with self.assertRaisesRegex(ValueError, "reads the KL divergence"):
            self.trainer(disco.compile("tdpo1"))
        for name in ("bco_running", "aqfl"):  # one keeps states, one has statistics
            with self.assertRaisesRegex(ValueError, "gradient_accumulation_steps is 2, .* parts"):
                self.trainer(disco.compile(name), gradient_accumulation_steps=2)
        self.trainer(disco.compile("dpo"), gradient_accumulation_steps=2)


if __name__ == "__main__":
    unittest.main()
