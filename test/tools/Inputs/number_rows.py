"""Adds a field to each row of a .jsonl file: 0.5, 1, 1.5, 2 and again.

usage: number_rows.py FILE FIELD
"""
import json
import sys

path, field = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    rows = [json.loads(line) for line in file]
with open(path, "w", encoding="utf-8") as file:
    for index, row in enumerate(rows):
        print(json.dumps({**row, field: 0.5 * (1 + index % 4)}), file=file)
