# Lists that must be complete: every operation, builtin, input and diagnostic kind is specified and
# tested, every labelled rule of grammars/SPEC.md is cited where it is kept, no citation dangles.
import re

import policy

# A labelled rule of the specification: a bold label, such as **T3**, that opens what it labels.
LABEL = re.compile(r"\*\*([A-Z]{1,2}\d{1,2})\*\*")
# How code and tests cite one or several: "SPEC T3", "SPEC T3, T4".
CITATION = re.compile(r"\bSPEC ((?:[A-Z]{1,2}\d{1,2})(?:(?:, | and )[A-Z]{1,2}\d{1,2})*)")
CODE = (".h", ".cpp", ".td", ".def", ".g4", ".py")
TESTS = (".dpo", ".mlir", ".test", ".cpp", ".h", ".py", ".json")


def rows(text, macro):
    """First arguments of the rows of a .def file."""
    return re.findall(rf"^\s*{macro}\(\s*(\w+)", text, re.MULTILINE)


def all_text(check, prefix, suffixes):
    names = [n for n in check.files(*suffixes) if n.startswith(prefix)]
    return {name: check.text(name) for name in names}


def check_words(check, definitions, macro, where, texts, pattern, column=0, without=()):
    """Every row's word (first argument, or the string after it) matches `pattern` in some text."""
    text = check.text(definitions)
    words = rows(text, macro)
    if column == 1:
        words = re.findall(rf'^\s*{macro}\(\s*\w+\s*,\s*"(\w+)"', text, re.MULTILINE)
    words = [word for word in words if word not in without]
    if not words:
        check.find(definitions, 1, f"no rows of {macro} found")
    for word in words:
        wanted = re.compile(pattern.format(word=re.escape(word)))
        if not any(wanted.search(t) for t in texts):
            line = text.count("\n", 0, re.search(rf"\b{word}\b", text).start()) + 1
            check.find(definitions, line, f"`{word}` does not appear in {where}")


def check_language_lists(check):
    spec = [check.text("grammars/SPEC.md")]
    tests = list(all_text(check, "test/", TESTS).values())
    # Texts of the language: programs, and the data of conformance and oracle.
    programs = list(all_text(check, "test/", (".dpo",)).values())
    programs += all_text(check, "test/conformance/", (".json", ".py")).values()
    builtins = ("dsl/Builtins.def", "DISCO_BUILTIN")
    check_words(check, *builtins, "grammars/SPEC.md", spec, r"`[^`\n]*\b{word}\b[^`\n]*`")
    check_words(check, *builtins, "any program of a test as a call", programs, r"\b{word}\(")
    inputs = ("dsl/Inputs.def", "DISCO_INPUT")
    check_words(check, *inputs, "grammars/SPEC.md", spec, r"`{word}`")
    check_words(check, *inputs, "any test", tests, r"\b{word}\b")


def check_operations(check):
    """Every operation has a record in the dialect, an adjoint or a reason for none, and a test."""
    dialect = list(all_text(check, "compiler/", (".td", ".cpp", ".def")).values())
    tests = list(all_text(check, "test/", (".mlir",)).values())
    ops = ("dsl/Ops.def", "DISCO_OP")
    check_words(check, *ops, "compiler/", dialect, r'"{word}"|\b{word}Op\b')
    stand_ins = stood_in_for(check.text("compiler/emit/EmitObj.cpp"), check.text(ops[0]))
    check_words(check, *ops, "test/*.mlir", tests, r"\bobj\.{word}\b", 1, stand_ins)


def stood_in_for(emitter, definitions):
    """Mnemonics of operations that become something else in the dialect (an argument, a sum over
    sorted values): those for which EmitObj.cpp names a stand-in, `using InputOp = BatchSizeOp;`."""
    names = re.findall(r"^using (\w+)Op = \w+Op;", emitter, re.MULTILINE)
    mnemonics = dict(re.findall(r'^DISCO_OP\((\w+), "(\w+)"', definitions, re.MULTILINE))
    return [mnemonics[name] for name in names if name in mnemonics]


def check_diagnostics(check):
    """Every kind has a rejected (or warned about) program that is held to its id and exact place,
    and is reported somewhere."""
    kinds = ("dsl/support/DiagnosticKinds.def", "DISCO_(?:ERROR|WARNING)")
    programs = all_text(check, "test/diagnostics/", (".dpo", ".test"))
    place = r"(?m)^\W*CHECK[A-Z-]*:.*:\d+:\d+: (?:error|warning): .*\[{word}\]"
    check_words(check, *kinds, "test/diagnostics with its place", list(programs.values()), place)
    code = [
        t for n, t in all_text(check, "", (".cpp", ".def")).items() if not n.startswith("test/")
    ]
    check_words(check, *kinds, "any code that reports it", code, r"\bDiagnosticKind::{word}\b")
    for name, text in programs.items():
        rejected = re.search(r"RUN:.*\bnot %discoc", text) is not None
        if name.endswith(".dpo") and rejected != name.startswith("test/diagnostics/fail-"):
            check.find(name, 1, "named fail-* if and only if the program is rejected")


def check_labels(check):
    spec_text = check.text("grammars/SPEC.md")
    labels = LABEL.findall(spec_text)
    for label in sorted({x for x in labels if labels.count(x) > 1}):
        check.find("grammars/SPEC.md", 0, f"label {label} stands twice")
    cited, tested = set(), set()
    for name, text in all_text(check, "", CODE + (".dpo", ".mlir", ".test")).items():
        if name.startswith("test/policy/"):
            continue
        for match in CITATION.finditer(text):
            for label in re.findall(r"[A-Z]{1,2}\d{1,2}", match.group(1)):
                cited.add(label)
                if name.startswith("test/"):
                    tested.add(label)
                if label not in labels:
                    line = text.count("\n", 0, match.start()) + 1
                    check.find(
                        name, line, f"cites SPEC {label}, which grammars/SPEC.md does not have"
                    )
    for label in labels:
        line = spec_text.count("\n", 0, spec_text.index(f"**{label}**")) + 1
        if label not in cited:
            check.find("grammars/SPEC.md", line, f"{label} is cited by no code and no test")
        elif label not in tested:
            check.find("grammars/SPEC.md", line, f"{label} is cited by no test")


def check_objectives(check):
    """Every shipped objective states its source and is named in the specification's list."""
    for name in check.files(".dpo"):
        if name.startswith("grammars/objectives/"):
            opening = re.split(r"^objective ", check.text(name), maxsplit=1, flags=re.MULTILINE)[0]
            if not re.search(r"arXiv|doi|https?://", opening):
                check.find(name, 1, "a shipped objective opens with a comment naming its source")


def run(check):
    check_language_lists(check)
    check_operations(check)
    check_diagnostics(check)
    check_labels(check)
    check_objectives(check)


if __name__ == "__main__":
    policy.main(run)
