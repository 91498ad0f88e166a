"""Runs a command; checks its exit code, a text on standard error, and nothing on standard output.

  expect-error.py EXIT-CODE TEXT COMMAND...
"""
import subprocess
import sys

code, text, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
done = subprocess.run(command, capture_output=True, text=True)
print(done.stdout, done.stderr)
sys.exit(0 if done.returncode == code and text in done.stderr and not done.stdout else 1)
