# Each policy finds what it is for and leaves its neighbour alone: small trees in a temporary
# folder, right and wrong.
import pathlib
import tempfile
import unittest

import check_coverage
import check_layering
import check_style
import policy
import run_readme


def findings(run, files):
    """What one policy says about a tree of the given files (path -> text)."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = pathlib.Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        check = policy.Policy(folder)
        run(check)
        return check.findings


class Layering(unittest.TestCase):
    def test_external_headers_stay_in_their_folder(self):
        for name, header in [
            ("dsl/Checker.cpp", "antlr4-runtime.h"),
            ("runtime/Kernel.cpp", "llvm/ADT/Twine.h"),
            ("trainer/search/Archive.cpp", "torch/torch.h"),
            ("trainer/data/Jsonl.cpp", "mlir/IR/MLIRContext.h"),
            ("compiler/Compiler.cpp", "ATen/ATen.h"),
            ("dsl/Printer.cpp", "nlohmann/json.hpp"),
        ]:
            found = findings(check_layering.check_includes, {name: f"#include <{header}>\n"})
            self.assertEqual(len(found), 1, name)
            self.assertTrue(found[0].startswith(f"{name}:1: `{header}`"), found[0])
        for name, header in [
            ("dsl/Parser.cpp", "antlr4-runtime.h"),
            ("compiler/Pipeline.cpp", "llvm/ADT/Twine.h"),
            ("trainer/Model.cpp", "torch/torch.h"),
            ("trainer/search/Archive.cpp", "SQLiteCpp/SQLiteCpp.h"),
        ]:
            self.assertEqual(
                findings(check_layering.check_includes, {name: f"#include <{header}>\n"}), []
            )

    def test_folders_see_only_what_is_below(self):
        below = {"dsl/Program.h": "", "compiler/Pipeline.cpp": '\n#include "dsl/Program.h"\n'}
        self.assertEqual(findings(check_layering.check_includes, below), [])
        above = {"compiler/Compiler.h": "", "dsl/Facts.cpp": '\n#include "compiler/Compiler.h"\n'}
        self.assertEqual(len(findings(check_layering.check_includes, above)), 1)
        sibling = {
            "trainer/Model.h": "",
            "trainer/search/Funnel.cpp": '#include "trainer/Model.h"\n',
        }
        self.assertEqual(len(findings(check_layering.check_includes, sibling)), 1)

    def test_public_headers_are_followed(self):
        tree = {
            "dsl/Dsl.h": '#include "dsl/Ast.h"\n',
            "dsl/Ast.h": "#include <vector>\n#include <antlr4-runtime.h>\n",
        }
        found = findings(check_layering.check_public_headers, tree)
        self.assertEqual([f.split(": ")[0] for f in found], ["dsl/Ast.h:2"])


    def test_only_the_search_starts_programs(self):
        allowed = {
            "trainer/search/ChildProcess.cpp": "pid_t p = fork(); execve(a, b, c);\n",
            "trainer/search/Archive.cpp": "database.exec(x); statement->exec(); forklift();\n",
            "trainer/search/JobRunner.h": '#include "trainer/search/ChildProcess.h"\n',
        }
        self.assertEqual(findings(check_layering.check_starters, allowed), [])
        for name, text in [
            ("dsl/Checker.cpp", "execvp(a, b);\n"),
            ("trainer/search/Funnel.cpp", "::posix_spawn(p);\n"),
            ("trainer/search/ChildProcess.cpp", "system(a);\n"),
            ("runtime/CudaDriver.cpp", "fork();\n"),
            ("trainer/search/Funnel.cpp", '#include "trainer/search/ChildProcess.h"\n'),
        ]:
            self.assertEqual(len(findings(check_layering.check_starters, {name: text})), 1, text)


class Style(unittest.TestCase):
    def test_forbidden_texts(self):
        for name, text in [
            ("a.md", "see /" "work/main\n"),
            ("a.cpp", "// TODO later\n"),
            ("a.html", "x.innerHTML = y\n"),
            ("a.cpp", "int r = system(command);\n"),
            ("a.cpp", "auto *f = ::popen(c, m);\n"),
            ("a.cpp", 'q = "SELECT a FROM t WHERE b = \'" + name;\n'),
            ("a.py", "subprocess.run(c, shell=True)\n"),
            ("a.txt", "--extra-index-url x\n"),
        ]:
            self.assertEqual(len(findings(check_style.check_forbidden, {name: text})), 1, text)
        for name, text in [
            ("a.md", "the working folder, work/main\n"),
            ("a.cpp", "object.system(1); fileSystem(); ecosystem (x);\n"),
            ("a.cpp", 'db.exec("SELECT a FROM t WHERE b = ?");\n'),
        ]:
            self.assertEqual(findings(check_style.check_forbidden, {name: text}), [], text)

    def test_files_open_with_a_comment(self):
        good = {"a.h": "// What for.\n", "b.py": "#!/usr/bin/env python3\n# What for.\n"}
        self.assertEqual(findings(check_style.check_openings, good), [])
        bad = {"a.h": "#pragma once\n", "b.py": "import os\n"}
        self.assertEqual(len(findings(check_style.check_openings, bad)), 2)

    def test_links_lead_somewhere(self):
        tree = {
            "README.md": "[a](dsl/README.md) [b](gone.md) [c](https://example.org/)\n",
            "dsl/README.md": "",
        }
        found = findings(check_style.check_links, tree)
        self.assertEqual(len(found), 1)
        self.assertIn("gone.md", found[0])


class Readme(unittest.TestCase):
    def test_commands_and_output_are_read(self):
        text = "```console\n$ a --b  # why\nout\n$ c \\\n> d\n```\n```\n$ not this\n```\n"
        self.assertEqual(run_readme.commands(text), [("a --b", ["out"]), ("c d", [])])

    def test_output_is_compared(self):
        for expected, actual, same in [
            (["loss 0.6931"], ["loss   0.69315"], True),
            (["loss 0.6931"], ["loss 0.75"], False),
            (["took ... s"], ["took 12.5 s"], True),
            (["a", "...", "b"], ["a", "x", "y", "b"], True),
            (["a", "...", "b"], ["a", "x", "y"], False),
            (["a"], ["a", "more"], False),
            (["reward 1"], ["reward -1"], False),
        ]:
            self.assertEqual(run_readme.same_text(expected, actual), same, (expected, actual))


class Coverage(unittest.TestCase):
    def test_rows_of_a_list(self):
        text = '#ifndef DISCO_OP\n#define DISCO_OP(NAME, M)\n#endif\nDISCO_OP(Neg, "neg", 1)\n'
        self.assertEqual(check_coverage.rows(text, "DISCO_OP"), ["Neg"])

    def test_an_operation_with_a_stand_in_needs_no_text_of_the_dialect(self):
        tree = {
            "dsl/Ops.def": 'DISCO_OP(Neg, "neg", 1, Pointwise)\n'
            'DISCO_OP(Column, "column", 0, Leaf)\n',
            "compiler/emit/EmitObj.cpp": "NegOp ColumnOp\n",
            "test/a.mlir": "obj.neg\n",
        }
        found = findings(check_coverage.check_operations, tree)
        self.assertEqual(len(found), 1, found)
        tree["compiler/emit/EmitObj.cpp"] += "using ColumnOp = NegOp;\n"
        self.assertEqual(findings(check_coverage.check_operations, tree), [])

    def test_a_shipped_objective_names_its_source(self):
        for opening, count in [
            ("// A multi-objective loss (arXiv:2505.10892).\n", 0),
            ("// A loss.\n", 1),
        ]:
            tree = {"grammars/objectives/o.dpo": opening + "objective o { loss = margin; }\n"}
            found = findings(check_coverage.check_objectives, tree)
            self.assertEqual(len(found), count, found)

    def test_a_kind_is_held_to_its_place(self):
        tree = {
            "dsl/support/DiagnosticKinds.def": 'DISCO_ERROR(Odd, "odd")\n',
            "dsl/Checker.cpp": "report(DiagnosticKind::Odd);\n",
        }
        for text, count in [
            ("// RUN: not %discoc %s\n// CHECK: :4:3: error: odd [Odd]\n", 0),
            ("// RUN: not %discoc %s\n// CHECK: error: odd [Odd]\n", 1),
            ("// RUN: %discoc %s\n// CHECK: :4:3: error: odd [Odd]\n", 1),
        ]:
            files = {**tree, "test/diagnostics/fail-odd.dpo": text}
            found = findings(check_coverage.check_diagnostics, files)
            self.assertEqual(len(found), count, (text, found))

    def test_a_rule_is_cited_by_a_test(self):
        spec = {"grammars/SPEC.md": "- **T1** a rule\n"}
        code = {"dsl/Checker.cpp": "// SPEC T1\n"}
        test = {"test/unit/dsl/CheckerTest.cpp": "// SPEC T1\n"}
        self.assertEqual(findings(check_coverage.check_labels, {**spec, **code, **test}), [])
        found = findings(check_coverage.check_labels, {**spec, **code})
        self.assertEqual(len(found), 1, found)
        wrong = {"dsl/Graph.cpp": "// SPEC T9\n"}
        self.assertEqual(len(findings(check_coverage.check_labels, {**spec, **test, **wrong})), 1)


if __name__ == "__main__":
    unittest.main()
