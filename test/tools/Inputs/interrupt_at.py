"""Runs a command, sends it SIGINT at the first line with a text, and says how it ended.

usage: interrupt_at.py TEXT COMMAND...
"""
import signal
import subprocess
import sys

text, command = sys.argv[1], sys.argv[2:]
process = subprocess.Popen(
    command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
)
for line in process.stdout:
    print(line, end="")
    if text in line:
        process.send_signal(signal.SIGINT)
        text = "\0"
print("exit code", process.wait())
