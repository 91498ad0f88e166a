"""Oracle for the tokenizer tests: what Hugging Face's `tokenizers` makes of the same input.

usage: huggingface_tokens.py encode TOKENIZER.json TEXTS.json   prints [[ids], ...]
       huggingface_tokens.py decode TOKENIZER.json IDS.json     prints [text, ...]
       huggingface_tokens.py train VOCAB_SIZE TEXTS.json        prints the merges
"""

import json
import sys

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

mode, what, data = sys.argv[1], sys.argv[2], json.load(open(sys.argv[3], encoding="utf-8"))
if mode == "encode":
    tokenizer = Tokenizer.from_file(what)
    print(json.dumps([tokenizer.encode(text).ids for text in data]))
elif mode == "decode":
    tokenizer = Tokenizer.from_file(what)
    print(json.dumps([tokenizer.decode(ids) for ids in data]))
else:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=int(what) - 1,  # all but the end of text
        min_frequency=2,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(data, trainer)
    print(json.dumps(json.loads(tokenizer.to_str())["model"]["merges"]))
