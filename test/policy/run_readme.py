# Runs the commands of README.md and compares what they print with what it shows. In a `console`
# block a line after `$ ` is a command (`> ` goes on with it after a backslash), the lines below are
# its output; `...` stands for any text, alone on a line for any lines, and numbers agree when they
# agree to 2 %. Commands run in a scratch folder that looks like the checkout, so that what they
# write is thrown away, the cache of compiled code included.
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
TOLERANCE = 0.02
# The command that runs this very test, and what it would start over.
NOT_RUN = ("tools/dev test", "tools/dev setup", "tools/dev build", "git clone")


def commands(text):
    """(command, expected lines) of every console block, in order."""
    found = []
    for block in BLOCK.findall(text):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((re.sub(r"\s+#.*$", "", line[2:]).strip(), []))
            elif line.startswith("> ") and found and found[-1][0].endswith("\\"):
                found[-1] = (found[-1][0][:-1] + line[2:].strip(), [])
            elif found:
                found[-1][1].append(line.rstrip())
    return found


def same_line(expected, actual):
    """Equal, but for `...`, spacing and small differences of numbers."""
    pattern, numbers = "", []
    for part in re.split(rf"(\.\.\.|{NUMBER.pattern}|\s+)", expected.strip()):
        if part == "...":
            pattern += ".*?"
        elif NUMBER.fullmatch(part):
            pattern += f"({NUMBER.pattern})"
            numbers.append(float(part))
        elif part.isspace():
            pattern += r"\s+"
        else:
            pattern += re.escape(part)
    match = re.fullmatch(pattern, actual.strip())
    if not match:
        return False
    return all(
        abs(float(a) - e) <= TOLERANCE * max(abs(e), abs(float(a)))
        for e, a in zip(numbers, match.groups())
    )


def same_text(expected, actual):
    if not expected:
        return not actual
    if expected[0].strip() == "...":
        return any(same_text(expected[1:], actual[i:]) for i in range(len(actual) + 1))
    return (
        bool(actual) and same_line(expected[0], actual[0]) and same_text(expected[1:], actual[1:])
    )


def run(source, build, scratch):
    for name in os.listdir(source):
        if name not in (".git", "build", "data", "runs"):
            os.symlink(os.path.join(source, name), os.path.join(scratch, name))
    environment = dict(
        os.environ,
        PATH=f"{build}/bin:{os.environ['PATH']}",
        NO_COLOR="1",
        COLUMNS="100",
        DISCO_CACHE=f"{scratch}/cache",
    )
    failures = 0
    for command, expected in commands((pathlib.Path(source) / "README.md").read_text()):
        if command.startswith(NOT_RUN):
            continue
        actual_command, folder = command, scratch
        if command == "tools/dev demo":
            # It builds, so it needs the checkout itself; its results go to the scratch folder.
            actual_command, folder = f"tools/dev demo {scratch}/demo", source
        print(f"$ {command}", flush=True)
        result = subprocess.run(
            ["bash", "-c", actual_command], cwd=folder, env=environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        actual = [
            line for line in result.stdout.replace(scratch + "/", "").splitlines() if line.strip()
        ]
        if result.returncode != 0 or (expected and not same_text(expected, actual)):
            failures += 1
            print(
                f"README.md shows:\n{os.linesep.join(expected)}\n\n"
                f"it printed (exit {result.returncode}):"
            )
            print(os.linesep.join(actual), flush=True)
    return failures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", required=True)
    parser.add_argument("--build", required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        failures = run(
            os.path.realpath(arguments.source), os.path.realpath(arguments.build), scratch
        )
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
