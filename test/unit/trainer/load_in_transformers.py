#!/usr/bin/env python3
"""Loads a model directory that Disco saved into Hugging Face transformers; compares tokens, logits.

DIR holds the model and expected.json, written by Disco: {"texts": [...], "ids": [[...]],
"logits": [[[...]]]}, the ids of each text and the logits of every position. Ids must be equal;
logits within 1e-4. Exits 77 (skip) without transformers.
"""

import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
TOLERANCE = 1e-4


def main(directory):
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError as missing:
        print(f"skipped: {missing} (tools/requirements-test.txt has it)")
        return 77
    expected = json.load(open(os.path.join(directory, "expected.json"), encoding="utf-8"))
    tokenizer = AutoTokenizer.from_pretrained(directory)
    model = AutoModelForCausalLM.from_pretrained(directory).float().eval()
    assert expected["texts"], "expected.json has no texts"
    worst = 0.0
    for text, ids, logits in zip(
        expected["texts"], expected["ids"], expected["logits"], strict=True
    ):
        theirs = tokenizer(text, add_special_tokens=False)["input_ids"]
        if theirs != ids:
            print(f"tokens of {text!r} differ: transformers {theirs}, disco {ids}")
            return 1
        if tokenizer.decode(ids, clean_up_tokenization_spaces=False) != text:
            print(f"{text!r} does not survive encoding and decoding")
            return 1
        with torch.no_grad():
            out = model(torch.tensor([ids])).logits[0]
        difference = (out - torch.tensor(logits)).abs().max().item()
        if not difference <= TOLERANCE:
            print(f"logits of {text!r} differ by {difference:g}, more than {TOLERANCE:g}")
            return 1
        worst = max(worst, difference)
    print(f"{len(expected['texts'])} texts: equal tokens, logits within {worst:.2g}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
