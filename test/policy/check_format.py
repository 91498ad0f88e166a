# C++ sources are what `tools/dev format` would write.
import re
import shutil
import subprocess
import sys

import policy

# The version in Debian 12; others break lines differently.
FORMATTER = "clang-format-14"


def run(check):
    if not shutil.which(FORMATTER):
        print(f"skipped: no {FORMATTER} on PATH")
        sys.exit(policy.SKIPPED)
    names = check.files(".h", ".cpp")
    command = [FORMATTER, "--dry-run", "--ferror-limit=1", *names]
    result = subprocess.run(command, cwd=check.source, capture_output=True, text=True)
    for name, line in re.findall(r"^(\S+?):(\d+):\d+: warning:", result.stderr, re.MULTILINE):
        check.find(name, line, "`tools/dev format` would change this line")


if __name__ == "__main__":
    policy.main(run)
