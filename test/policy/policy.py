# What the policy scripts share: the list of source files, and reporting. A policy prints
# `path:line: what is wrong` for each finding and exits 1, so that it reads like a compiler.
import argparse
import pathlib
import subprocess
import sys

# What CTest takes for a skipped test.
SKIPPED = 77
# What .gitignore leaves out, for a tree that came without git.
NOT_SOURCES = {"build", "data", "runs"}


class Policy:
    def __init__(self, source, build=None):
        self.source = pathlib.Path(source).resolve()
        self.build = pathlib.Path(build).resolve() if build else None
        self.findings = []
        self._all_files = self._list_files()

    def _list_files(self):
        # Whoever owns the checkout, listing its files is safe.
        git = ["git", "-c", "safe.directory=*", "-C", str(self.source)]
        listing = subprocess.run(
            [*git, "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True
        )
        if listing.returncode == 0:
            names = listing.stdout.splitlines()
        else:
            paths = (p.relative_to(self.source) for p in self.source.rglob("*"))
            names = [
                str(p)
                for p in paths
                if p.parts[0] not in NOT_SOURCES and not p.parts[0].startswith(".")
            ]
        return sorted(n for n in set(names) if (self.source / n).is_file())

    def files(self, *suffixes):
        """Paths, from the source folder, of files git has or would add."""
        return [n for n in self._all_files if not suffixes or n.endswith(suffixes)]

    def text(self, name):
        return (self.source / name).read_text(encoding="utf-8", errors="replace")

    def find(self, name, line, message):
        self.findings.append(f"{name}:{line}: {message}")


def main(check):
    """Runs one policy on the tree named on the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", required=True)
    parser.add_argument("--build", help="a build of that tree; enables the checks on built files")
    arguments = parser.parse_args()
    policy = Policy(arguments.source, arguments.build)
    check(policy)
    for finding in policy.findings:
        print(finding)
    sys.exit(1 if policy.findings else 0)
