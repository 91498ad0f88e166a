# The DPO step of bench-step with TRL's DPOTrainer from PyPI, on the same pairs, machine, threads
# and precision: in turns, 50 timed steps each. Prints a JSON line for each turn, and one with the
# median of the rounds' ratios. Run inside .venv with
# tools/requirements-test.txt installed:
#   python test/benchmark/step_trl.py build/release/bin/bench-step
import json
import logging
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

THREADS, STEPS, WARM = int(os.environ.get("DISCO_THREADS", "2")), 60, 10
ROUNDS = 5
os.environ.update(OMP_NUM_THREADS=str(THREADS), HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error")
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)


def make_pairs(count, seed=0):
    """Pairs of about 150 tokens: a prompt of 40 to 60, completions of 80 to 110."""
    draw = random.Random(seed)
    tokens = lambda low, high: [draw.randrange(510) for _ in range(draw.randint(low, high))]
    return [
        {
            "prompt_ids": tokens(40, 60),
            "chosen_ids": tokens(80, 110),
            "rejected_ids": tokens(80, 110),
        }
        for _ in range(count)
    ]


def trl_times(pairs):
    import torch
    from datasets import Dataset
    from tokenizers import Tokenizer, models
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast, TrainerCallback
    from trl import DPOConfig, DPOTrainer

    torch.set_num_threads(THREADS)
    # Word-level, so that the tokens are exactly the numbers we made.
    vocabulary = {f"t{i}": i for i in range(510)} | {"<pad>": 510, "<eos>": 511}
    from tokenizers import pre_tokenizers

    raw = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="<pad>", eos_token="<eos>")
    model = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=512,
            n_positions=256,
            n_embd=128,
            n_layer=4,
            n_head=4,
            resid_pdrop=0,
            embd_pdrop=0,
            attn_pdrop=0,
        )
    )
    text = lambda ids: " ".join(f"t{i}" for i in ids)
    rows = [
        {
            "prompt": text(p["prompt_ids"]),
            "chosen": " " + text(p["chosen_ids"]),
            "rejected": " " + text(p["rejected_ids"]),
        }
        for p in pairs
    ]
    times, cpu = [], []

    class Clock(TrainerCallback):
        def on_step_begin(self, *_, **__):
            self.started, self.cpu = time.perf_counter(), time.process_time()

        def on_step_end(self, *_, **__):
            times.append(1000 * (time.perf_counter() - self.started))
            cpu.append(1000 * (time.process_time() - self.cpu))

    with tempfile.TemporaryDirectory() as folder:
        trainer = DPOTrainer(
            model=model,
            processing_class=tokenizer,
            train_dataset=Dataset.from_list(rows),
            callbacks=[Clock()],
            args=DPOConfig(
                output_dir=folder,
                per_device_train_batch_size=4,
                max_steps=STEPS,
                learning_rate=1e-4,
                precompute_ref_log_probs=True,
                bf16=False,
                fp16=False,
                gradient_checkpointing=False,
                use_cpu=True,
                report_to=[],
                save_strategy="no",
                logging_steps=1000,
                disable_tqdm=True,
                max_length=256,
            ),
        )
        trainer.train()
    return times[WARM:], statistics.mean(cpu[WARM:])


def main():
    pairs = make_pairs(64)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(pairs, file)
        file.flush()
        ratios, cpu_ratios = [], []
        for _ in range(ROUNDS):
            line = subprocess.run(
                [sys.argv[1], file.name, str(THREADS), str(STEPS)],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            print(line.strip(), flush=True)
            ours = json.loads(line)
            times, cpu = trl_times(pairs)
            trl = statistics.median(times)
            print(
                json.dumps(
                    {
                        "benchmark": "step",
                        "engine": "trl",
                        "threads": THREADS,
                        "median_ms": round(trl, 3),
                        "p20_ms": round(sorted(times)[len(times) // 5], 3),
                        "cpu_ms": round(cpu, 3),
                    }
                ),
                flush=True,
            )
            ratios.append(trl / ours["median_ms"])
            cpu_ratios.append(cpu / ours["cpu_ms"])
    # Wall time is the number; processor time says the same on a machine that is busy otherwise.
    print(
        json.dumps(
            {
                "benchmark": "step",
                "threads": THREADS,
                "goal": 2,
                "rounds": ROUNDS,
                "trl_over_disco": round(statistics.median(ratios), 2),
                "trl_over_disco_cpu": round(statistics.median(cpu_ratios), 2),
            }
        )
    )


if __name__ == "__main__":
    main()
