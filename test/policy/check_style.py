# House style that a machine can see; CONTRIBUTING.md has the reasons. Each rule below is one
# function or one row of a table.
import re

import policy

CODE = (".h", ".cpp", ".td", ".def", ".py", ".cmake", ".g4", ".sh")
PROSE = (".md", ".txt", ".yaml", ".yml", ".json", ".dpo", ".mlir", ".test", ".html", ".js", ".css")
EXTENSIONLESS = ("tools/dev", "tools/gpu/lane", ".ci/run")

SHELL = "a shell, or evaluated text: start programs with an argument list"
MARKUP = "text becomes markup: use textContent"
# Tests may start their oracles through a shell, and look for what must not be in a page.
ALLOWED_IN_TESTS = (SHELL, MARKUP)

# (files, what must not stand there, why). test/policy/ spells them out and is not searched.
FORBIDDEN = [
    (
        CODE + PROSE + EXTENSIONLESS,
        r"(?<![\w.])/(?:work|home|root|Users)/",
        "a path of one machine",
    ),
    (
        CODE + EXTENSIONLESS + (".txt", ".yaml", ".json"),
        r"--(?:extra-)?index-url|--trusted-host|deb\.debian|pypi\.org|registry\.npm|pythonhosted",
        "a package host: use the ordinary client",
    ),
    (
        CODE + PROSE + EXTENSIONLESS,
        r"\b(?:TODO|FIXME|XXX|HACK)\b",
        "a promise: do it, or state the limit",
    ),
    (
        (".h", ".cpp", ".py", ".js", ".html"),
        r"(?:inner|outer)HTML|document\.write\b",
        MARKUP,
    ),
    (
        (".h", ".cpp"),
        r"(?<![\w.>:])(?:std::|::)?(?:system|popen)\s*\(",
        SHELL,
    ),
    ((".py",), r"os\.system|shell\s*=\s*True|(?<!\.)\b(?:eval|exec)\(", SHELL),
    (
        (".h", ".cpp"),
        r'"\s*(?:SELECT|INSERT|UPDATE|DELETE)\b[^"]*"\s*\+|\+\s*"\s*(?:WHERE|VALUES)\b',
        "SQL from pieces: bind parameters",
    ),
    ((".h", ".cpp"), r"\busing namespace std\s*;|-ffast-math", "not in this code base"),
]

# Folders that explain themselves: every folder with sources of its own at the top two levels.
README_FOLDERS = [
    "compiler",
    "dsl",
    "grammars",
    "recipes",
    "runtime",
    "test",
    "test/benchmark",
    "tools",
    "tools/python",
    "trainer",
    "trainer/data",
    "trainer/search",
]

# C++ is held to its line length by clang-format.
LONG_LINE = 100
LONG_FILE = 600


def comment_opens(name, text):
    lines = text.split("\n")
    if lines and lines[0].startswith("#!"):
        lines = lines[1:]
    first = next((line for line in lines if line.strip()), "")
    marks = {".py": "#", ".sh": "#", ".cmake": "#", ".txt": "#", ".yaml": "#"}
    suffix = next((s for s in marks if name.endswith(s)), None)
    if suffix or name in EXTENSIONLESS:
        return first.startswith(("#", '"""'))
    return first.startswith(("//", "/*", "(*"))


def check_forbidden(check):
    for name in check.files():
        text = None
        for files, pattern, why in FORBIDDEN:
            if not name.endswith(tuple(files)) or name.startswith("test/policy/"):
                continue
            if why in ALLOWED_IN_TESTS and name.startswith("test/"):
                continue
            text = check.text(name) if text is None else text
            for match in re.finditer(pattern, text):
                line = text.count("\n", 0, match.start()) + 1
                check.find(name, line, f"`{match.group(0).strip()}`: {why}")


def check_openings(check):
    for name in check.files(
        ".h", ".cpp", ".td", ".def", ".py", ".cmake", ".g4", "CMakeLists.txt", *EXTENSIONLESS
    ):
        # X.cpp beside X.h goes on with what X.h opened; a folder of unit tests is a list of files.
        beside_header = (check.source / name).with_suffix(".h").is_file()
        unit_list = name.startswith("test/unit/") and name.endswith("CMakeLists.txt")
        if (name.endswith(".cpp") and beside_header) or unit_list:
            continue
        if not comment_opens(name, check.text(name)):
            check.find(name, 1, "a file opens with a comment on what it is for")


def check_lengths(check):
    for name in check.files(".h", ".cpp", ".py"):
        lines = check.text(name).split("\n")
        if len(lines) > LONG_FILE:
            check.find(name, len(lines), f"over {LONG_FILE} lines: which second idea moved in?")
        for number, line in enumerate(lines, 1):
            if name.endswith(".py") and len(line) > LONG_LINE:
                check.find(name, number, f"{len(line)} columns; the limit is {LONG_LINE}")


def check_readmes(check):
    for folder in README_FOLDERS:
        if (check.source / folder).is_dir() and not (check.source / folder / "README.md").is_file():
            check.find(folder, 0, "no README.md: mental model, how to add one thing, why it is so")


def check_links(check):
    for name in check.files(".md"):
        text = check.text(name)
        for match in re.finditer(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text):
            if not ((check.source / name).parent / match.group(1)).exists():
                line = text.count("\n", 0, match.start()) + 1
                check.find(name, line, f"link to `{match.group(1)}`, which does not exist")


def run(check):
    check_forbidden(check)
    check_openings(check)
    check_lengths(check)
    check_readmes(check)
    check_links(check)


if __name__ == "__main__":
    policy.main(run)
