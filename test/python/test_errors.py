# What is wrong is said in Python's exceptions: findings of the compiler as discoc prints them, and
# inputs that an objective does not take.
import os
import pathlib
import subprocess
import tempfile
import unittest
import warnings

import torch
from batches import logps, paths

import disco

BAD = """objective mine {
  param beta = 0.1;
  loss = -log_sigmoid(beta * margn);
}
"""


class Compile(unittest.TestCase):
    def test_findings_are_those_of_discoc(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "mine.dpo")
            path.write_text(BAD)
            printed = subprocess.run(
                [os.environ["DISCOC"], str(path), "--check"], capture_output=True, text=True
            ).stderr
            with self.assertRaises(disco.CompileError) as raised:
                disco.compile(path)
        self.assertEqual(str(raised.exception), printed.rstrip())
        self.assertEqual(
            [(f.severity, f.id, f.line, f.column) for f in raised.exception.findings],
            [("error", "UndeclaredFunction", 3, 11), ("error", "UndeclaredName", 3, 30)],
        )
        self.assertEqual({f.file for f in raised.exception.findings}, {str(path)})

    def test_text_is_called_input(self):
        with self.assertRaisesRegex(disco.CompileError, "^<input>:1:22: error: "):
            disco.compile("objective x { loss = m; }")

    def test_warnings(self):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            disco.compile("objective x { param unused = 1; loss = softplus(-margin); }")
        self.assertEqual([w.category for w in caught], [disco.CompileWarning])
        self.assertIn("<input>:1:21: warning: ", str(caught[0].message))

    def test_missing_file(self):
        with self.assertRaisesRegex(FileNotFoundError, "nowhere.dpo: cannot be read"):
            disco.compile(pathlib.Path("nowhere.dpo"))
        for name in ("nowhere.dpo", "loss = margin", ""):
            with self.assertRaisesRegex(FileNotFoundError, f"^'{name}' is no file, no shipped"):
                disco.compile(name)

    def test_file_that_is_no_text(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"\x89dpoc\r\n\n" + bytes(40000))
            file.flush()
            with self.assertRaisesRegex(OSError, "is no text, expected an objective file"):
                disco.compile(file.name)

    def test_text_that_is_no_unicode(self):
        with self.assertRaisesRegex(disco.CompileError, "^<input>:1:22: .*InvalidEncoding"):
            disco.compile("objective x { loss = \udc80; }")

    def test_include_is_a_list(self):
        with self.assertRaisesRegex(TypeError, "include is str, expected a list of folders"):
            disco.compile("dpo", include="folder")

    def test_folder(self):
        with self.assertRaisesRegex(OSError, "is a directory"):
            disco.compile(pathlib.Path("."))

    def test_parameters(self):
        for settings, error, said in (
            ({"gamma": 1}, ValueError, "no parameter `gamma`; it has beta"),
            ({"beta": -1}, ValueError, r"^beta=-1.0: outside the range \[0.001, 10\]"),
            ({"beta": float("nan")}, ValueError, "^beta=nan: `nan` is not a finite number"),
            ({"beta": "much"}, TypeError, "parameter `beta` is str, expected a number"),
            ({"beta": 10**400}, ValueError, "parameter `beta` is too large"),
        ):
            with self.subTest(settings), self.assertRaisesRegex(error, said):
                disco.compile("dpo", **settings)

    def test_used_objectives_are_found_in_folders(self):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "half.dpo").write_text(
                "objective half { loss = 0.5 * softplus(-margin); }"
            )
            text = "objective x { use half; loss = 2 * half; }"
            with self.assertRaises(disco.CompileError):
                disco.compile(text)
            loss = disco.compile(text, include=[folder])(*logps())
        whole = disco.compile("objective y { loss = softplus(-margin); }")(*logps())
        torch.testing.assert_close(loss, whole)


class Inputs(unittest.TestCase):
    def check(self, error, said, *batch, name="dpo", **inputs):
        for path, objective in paths(name):
            with self.subTest(said, path=path), self.assertRaisesRegex(error, said):
                objective(*batch, **inputs)

    def test_dtype(self):
        pc, pr, rc, rr = logps()
        self.check(TypeError, "`policy_chosen_logps` is torch.float16, expected torch.float32",
                   pc.half(), pr, rc, rr)  # fmt: skip
        self.check(TypeError, "`policy_rejected_logps` is torch.float64, others are torch.float32",
                   pc, pr.double(), rc, rr)  # fmt: skip
        self.check(TypeError, "is torch.int64, expected torch.float32", pc, pr, rc.long(), rr)
        self.check(TypeError, "is list, expected a tensor", pc, pr, rc, [1.0] * 5)

    def test_device(self):
        pc, pr, rc, rr = logps()
        self.check(ValueError, "`reference_chosen_logps` is on meta; .* run on the CPU",
                   pc, pr, rc.to("meta"), rr)  # fmt: skip

    def test_shape(self):
        pc, pr, rc, rr = logps()
        self.check(ValueError, r"`policy_chosen_logps` has shape \[5, 1\], expected \[pairs\]",
                   pc[:, None], pr, rc, rr)  # fmt: skip
        self.check(ValueError, r"has shape \[\]", pc, pr, rc, rr[0])
        self.check(TypeError, "torch.sparse_coo, expected a dense tensor",
                   pc, pr, rc.to_sparse(), rr)  # fmt: skip
        self.check(TypeError, "is nested, expected a dense tensor",
                   pc, pr, rc, torch.nested.as_nested_tensor([rr]))  # fmt: skip

    def test_length(self):
        pc, pr, rc, rr = logps()
        self.check(ValueError, "`reference_rejected_logps` has 4 pairs, but `policy_chosen_logps` "
                   "has 5", pc, pr, rc, rr[:4])  # fmt: skip

    def test_largest_batch(self):
        many = [torch.zeros(1).expand(2**31) for _ in range(4)]  # no memory behind it
        self.check(ValueError, "`policy_chosen_logps` has 2147483648 pairs, at most 2147483647 are "
                   "evaluated at once", *many)  # fmt: skip

    def test_unread_inputs_are_checked_too(self):
        pc, pr, rc, rr = logps()
        self.check(ValueError, "has 4 pairs", pc, pr, rc[:4], name="reference_free_dpo")

    def test_grad_where_none_is_given(self):
        pc, pr, rc, rr = logps()
        self.check(ValueError, "`reference_chosen_logps` requires grad, .*; detach it",
                   pc, pr, rc.requires_grad_(), rr)  # fmt: skip

    def test_grad_of_columns_and_lengths(self):
        pc, pr, _, _ = logps()
        ones, grad = torch.ones(5), torch.ones(5, requires_grad=True)
        self.check(ValueError, "`rejected_length` requires grad", pc, pr, name="simpo",
                   chosen_length=ones, rejected_length=grad)  # fmt: skip
        text = "objective x { column w; loss = w * softplus(-margin); }"
        self.check(ValueError, "`w` requires grad", *logps(), name=text, w=grad)

    def test_forward_mode(self):
        pc, pr, rc, rr = (x.detach() for x in logps())
        for path, objective in paths("dpo"):
            function = lambda x: objective(x, pr, rc, rr)  # noqa: E731
            with self.subTest(path), self.assertRaisesRegex(RuntimeError, "gradients by backward"):
                torch.func.jvp(function, (pc,), (torch.ones(5),))
            with self.subTest(path), torch.autograd.forward_ad.dual_level():
                dual = torch.autograd.forward_ad.make_dual(pc, torch.ones(5))
                with self.assertRaisesRegex(RuntimeError, "gradients by backward only"):
                    function(dual)

    def test_names(self):
        pc, pr, rc, rr = logps()
        self.check(TypeError, "also reads `reference_rejected_logps`", pc, pr, rc)
        self.check(TypeError, "has no input `referense`", pc, pr, rc, rr, referense=rr)
        self.check(TypeError, "multiple values|given twice", pc, pr, rc, rr,
                   reference_chosen_logps=rc)  # fmt: skip

    def test_progress(self):
        self.check(ValueError, r"`progress` is 1, expected a number in \[0, 1\)", *logps(),
                   progress=1.0)  # fmt: skip
        self.check(ValueError, "`progress` is nan", *logps(), progress=float("nan"))
        self.check(TypeError, "`progress` is str, expected a number", *logps(), progress="half")
        self.check(ValueError, r"`progress` has shape \[2\], expected one number", *logps(),
                   progress=torch.zeros(2))  # fmt: skip
        self.check(RuntimeError, r"`progress` is 5, expected a number in \[0, 1\)", *logps(),
                   progress=torch.tensor(5.0))  # fmt: skip

    def test_states(self):
        self.check(ValueError, "`states` has `sum`, objective `dpo` keeps none", *logps(),
                   states={"sum": 0.0})  # fmt: skip
        self.check(ValueError, "`states` has `mean`, .* keeps `mean`, `steps`", *logps(),
                   name="bco_running", states={"mean": 0.0})  # fmt: skip
        self.check(TypeError, "state `steps` is str, expected a number", *logps(),
                   name="bco_running", states={"mean": 0.0, "steps": "two"})  # fmt: skip
        self.check(TypeError, "`states` is list, expected a dictionary", *logps(),
                   name="bco_running", states=[0.0, 1.0])  # fmt: skip

    def test_offsets(self):
        tokens = torch.zeros(3)
        text = "objective x { loss = token_sum(policy_chosen_token_logps) + margin; }"
        rest = {"rejected_token_offsets": torch.zeros(6, dtype=torch.int64)}
        for error, said, offsets in (
            (TypeError, "`chosen_token_offsets` is torch.float32", torch.zeros(6)),
            (ValueError, "but `chosen_token_offsets` has 1", torch.tensor([0, 3])),
            (RuntimeError, "does not rise from 0", torch.tensor([0, 1, 3, 2, 3, 3])),
            (RuntimeError, "does not rise from 0", torch.tensor([1, 1, 3, 3, 3, 3])),
            (RuntimeError, "ends at 2, but .* 3 tokens", torch.tensor([0, 1, 2, 2, 2, 2])),
        ):
            self.check(error, said, *logps(), name=text, policy_chosen_token_logps=tokens,
                       chosen_token_offsets=offsets, **rest)  # fmt: skip


if __name__ == "__main__":
    unittest.main()
