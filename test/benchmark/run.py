# Runs benchmarks, one at a time, and prints their JSON lines, before them one with the machine and
# the versions. `tools/dev bench` calls it. With --save they are kept in results/, too, and the
# pages that show them are written anew; a benchmark that fails keeps what it had.
#   run.py [--save] [--build FOLDER] [NAME ...]
import argparse
import datetime
import importlib.metadata
import json
import os
import pathlib
import platform
import re
import subprocess
import sys

import page

ROOT = page.HERE.parents[1]


def commands(build):
    """What runs each benchmark, in the order they run in."""
    program = lambda name: str(build / "bin" / f"bench-{name}")  # noqa: E731
    folder = ROOT / "grammars" / "objectives"
    objectives = sorted(str(path) for path in folder.glob("*.dpo"))
    parents = [str(folder / f"{name}.dpo") for name in ("dpo", "lrml", "aqfl", "ipo")]
    script = lambda name: [sys.executable, str(page.HERE / name)]  # noqa: E731
    return {
        "front-end": [program("front-end"), *objectives],
        "interpreter": [program("interpreter"), *objectives],
        "funnel": [program("funnel"), *objectives],
        "compile": [program("compile"), *objectives],
        "objective": [program("objective")],
        "generation": [program("generation"), "2000", *parents],
        "python": [*script("python.py"), "--discoc", str(build / "bin" / "discoc")],
        "step": [*script("step_trl.py"), program("step")],
    }


def output(*command):
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return ran.stdout.strip()


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    return names[0] if names else platform.machine()


def versions(build):
    """Of what takes part, as far as it is installed."""
    found = {"disco": output(build / "bin" / "discoc", "--version").removeprefix("discoc ")}
    configured = (build / "CMakeCache.txt").read_text(encoding="utf-8")
    if llvm := re.search(r"^LLVM_DIR:\w+=.*?(\d+)", configured, re.MULTILINE):
        found["LLVM"] = output(f"llvm-config-{llvm.group(1)}", "--version")
    found["Python"] = platform.python_version()
    for package in ("torch", "trl"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            pass
    return found


def head(name, build):
    git = ["git", "-c", "safe.directory=*"]
    commit = output(*git, "rev-parse", "--short", "HEAD")
    changed = output(*git, "status", "--porcelain", "-uno", "--", ":!*.md", ":!*.jsonl")
    return {
        "benchmark": name,
        "command": f"tools/dev bench {name}",
        "date": datetime.date.today().isoformat(),
        "commit": commit + (" and changes" if changed else ""),
        "machine": processor(),
        "cores": os.cpu_count(),
        "system": platform.freedesktop_os_release()["PRETTY_NAME"],
        "load": round(os.getloadavg()[0], 2),
        "versions": versions(build),
    }


def run(name, command, build):
    """The lines of one benchmark, printed as they come; None where it fails."""
    lines = [json.dumps(head(name, build))]
    print(lines[0], flush=True)
    # Nothing is found that an earlier run has compiled.
    environment = os.environ | {"PYTHONPATH": str(build / "python"), "DISCO_CACHE": ""}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    ) as process:
        for line in process.stdout:
            is_ours = line.startswith('{"benchmark"')  # peers print, too
            print(line, end="", flush=True, file=sys.stdout if is_ours else sys.stderr)
            if is_ours:
                lines.append(line.rstrip("\n"))
    if process.returncode != 0:
        print(f"benchmark {name}: error: ended with {process.returncode}", file=sys.stderr)
        return None
    return lines


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--save", action="store_true", help="keep the results and write the pages")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("names", nargs="*", help="all where none is named")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    known = commands(build)
    unknown = [name for name in arguments.names if name not in known]
    if unknown:
        parser.error(f"no benchmark `{unknown[0]}`; there are {', '.join(known)}")
    failed = False
    for name in arguments.names or known:
        print(f"== {name}", file=sys.stderr)
        lines = run(name, known[name], build)
        failed |= lines is None
        if lines and arguments.save:
            path = page.HERE / "results" / f"{name}.jsonl"
            path.parent.mkdir(exist_ok=True)
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if arguments.save:
        page.write()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
