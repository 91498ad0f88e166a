# Which folder may include what, and which library may refer to what. The table is the
# architecture: dsl knows only the
# standard library, MLIR stays in compiler/, torch in trainer/ proper, and a folder sees only the
# layers below it.
import re
import subprocess

import policy

# Folder -> folders of this repository it may include from. The longest matching entry counts.
FOLDERS = {
    "dsl": ["dsl"],
    "runtime": ["runtime", "dsl/support", "dsl/Digest.h"],
    "compiler": ["compiler", "dsl", "runtime"],
    "trainer": ["trainer", "compiler/Compiler.h", "dsl", "runtime"],
    "trainer/data": ["trainer/data", "dsl/support"],
    "trainer/search": ["trainer/search", "trainer/data", "trainer/Job.h", "dsl"],
}

# External headers, and the only places that may include them (prefixes of paths). Tests may include
# anything.
EXTERNAL = {
    r"antlr4-runtime|grammars/": ["dsl/Parser.cpp", "dsl/AstBuilder"],
    r"mlir/|llvm/|llvm-c/": ["compiler/", "tools/disco-opt/"],
    r"torch/|ATen/|c10/": ["trainer/", "tools/gpu/", "tools/python/"],
    r"pybind11/": ["tools/python/"],
    r"nlohmann/": ["runtime/Manifest.cpp", "trainer/", "tools/"],
    r"curl/": ["trainer/search/"],
    r"SQLiteCpp/|sqlite3": ["trainer/search/"],
    r"yaml-cpp/": ["trainer/", "tools/disco/"],
    r"spdlog/|fmt/": ["trainer/", "tools/"],
    r"CLI/": ["tools/"],
    r"gtest/|gmock/": [],
}
TORCH_FREE = ("trainer/data/", "trainer/search/")

# Headers other layers include; they and what they include show standard types only.
PUBLIC = [
    "dsl/Dsl.h",
    "runtime/Kernel.h",
    "compiler/Compiler.h",
    "trainer/Objective.h",
    "trainer/Job.h",
]

# Static library -> namespaces, mangled, that none of its symbols may mention.
LIBRARIES = {
    "disco_dsl": ["4mlir", "4llvm", "5torch", "3c10", "8nlohmann"],
    "disco_runtime": ["4mlir", "4llvm", "5torch", "3c10", "6antlr4"],
    "disco_compiler": ["5torch", "3c10", "6antlr4"],
    "disco_service": ["4mlir", "4llvm", "5torch", "3c10", "6antlr4"],
    "disco_data": ["4mlir", "4llvm", "5torch", "3c10", "6antlr4"],
    "disco_search": ["4mlir", "4llvm", "5torch", "3c10", "6antlr4"],
}
# Program -> shared libraries it must not need.
PROGRAMS = {
    "discoc": ["libtorch", "libc10", "libcurl", "libsqlite"],
    "disco-opt": ["libtorch", "libc10", "libantlr4", "libcurl", "libsqlite"],
}

# Functions that start a program or load one, and the only files that call them. An objective, an
# answer or a row of data is parsed and nothing more (attack row E2).
STARTS = re.compile(
    r"(?<![\w.>])(?:::|std::)?(system|popen|exec[lv]p?e?|execveat|fexecve|posix_spawnp?|v?fork|"
    r"dlm?open)\s*\("
)
STARTERS = {
    "trainer/search/ChildProcess.cpp": ["fork", "execve"],
    "runtime/CudaDriver.cpp": ["dlopen"],
    "tools/discoc/Linker.cpp": ["posix_spawnp"],
    "compiler/service/WorkerProcess.cpp": ["posix_spawn"],
}
# Who may ask for a child process: its command is the run's own, and its arguments are paths made
# of job keys.
CHILD_PROCESS = "trainer/search/ChildProcess.h"
CHILD_USERS = ["trainer/search/ChildProcess.cpp", "trainer/search/JobRunner.h"]
# Libraries that see candidate texts, which refer to none of those functions at all.
SEALED = ["disco_support", "disco_dsl", "disco_compiler", "disco_data"]

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)


def includes(check, name):
    text = check.text(name)
    for match in INCLUDE.finditer(text):
        yield text.count("\n", 0, match.start(1)) + 1, match.group(1)


def allowed_folders(name):
    best = max((f for f in FOLDERS if name.startswith(f + "/")), key=len, default=None)
    return FOLDERS[best] if best else None


def check_includes(check):
    for name in check.files(".h", ".cpp", ".def"):
        if name.startswith("test/"):
            continue
        folders = allowed_folders(name)
        for line, target in includes(check, name):
            if folders is not None and (check.source / target).is_file():
                if not any(target == f or target.startswith(f + "/") for f in folders):
                    check.find(
                        name,
                        line,
                        f"`{target}` is not below this folder, which may include "
                        f"{', '.join(folders)}",
                    )
            for pattern, places in EXTERNAL.items():
                if re.match(pattern, target) and not (check.source / target).is_file():
                    torch_free = pattern.startswith("torch") and name.startswith(TORCH_FREE)
                    if torch_free or not name.startswith(tuple(places)):
                        where = ", ".join(places) or "tests"
                        check.find(name, line, f"`{target}` may be included only in {where}")


def check_public_headers(check):
    for public in PUBLIC:
        pending, seen = [public], set()
        while pending:
            name = pending.pop()
            if name in seen or not (check.source / name).is_file():
                continue
            seen.add(name)
            for line, target in includes(check, name):
                ours = (check.source / target).is_file()
                if not ours and any(re.match(pattern, target) for pattern in EXTERNAL):
                    check.find(
                        name,
                        line,
                        f"`{target}` reaches every user of {public}, which shows "
                        "standard types only",
                    )
                pending.append(target)


def check_symbols(check):
    for library, namespaces in LIBRARIES.items():
        for archive in check.build.rglob(f"lib{library}.a"):
            symbols = subprocess.run(
                ["nm", "--format=posix", str(archive)], capture_output=True, text=True, check=True
            ).stdout
            for namespace in namespaces:
                hits = re.findall(rf"^_Z\w*?{namespace}\w*", symbols, re.MULTILINE)
                if hits:
                    check.find(
                        archive.name,
                        0,
                        f"symbol `{hits[0]}` is of a library this layer must " "not know",
                    )


def check_programs(check):
    for program, libraries in PROGRAMS.items():
        path = check.build / "bin" / program
        if not path.is_file():
            continue
        dynamic = subprocess.run(
            ["readelf", "-d", str(path)], capture_output=True, text=True, check=True
        ).stdout
        for needed in re.findall(r"\(NEEDED\).*\[(.+?)\]", dynamic):
            if needed.startswith(tuple(libraries)):
                check.find(
                    f"bin/{program}", 0, f"links {needed}, which this program must run without"
                )


def check_starters(check):
    for name in check.files(".h", ".cpp"):
        if name.startswith("test/"):
            continue
        text = check.text(name)
        for match in STARTS.finditer(text):
            if match.group(1) not in STARTERS.get(name, []):
                line = text.count("\n", 0, match.start(1)) + 1
                check.find(name, line, f"`{match.group(1)}` starts a program; nothing here may")
        for line, target in includes(check, name):
            if target == CHILD_PROCESS and name not in CHILD_USERS:
                check.find(name, line, f"only {', '.join(CHILD_USERS)} may start processes")


def check_sealed(check):
    for library in SEALED:
        for archive in check.build.rglob(f"lib{library}.a"):
            symbols = subprocess.run(
                ["nm", "--undefined-only", "--format=posix", str(archive)],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            for symbol in re.findall(r"^(\w+) U", symbols, re.MULTILINE):
                if STARTS.match(symbol + "("):
                    check.find(archive.name, 0, f"refers to `{symbol}`, which starts a program")


def run(check):
    check_starters(check)
    check_includes(check)
    check_public_headers(check)
    if check.build:
        check_symbols(check)
        check_programs(check)
        check_sealed(check)


if __name__ == "__main__":
    policy.main(run)
