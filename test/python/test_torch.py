# What torch asks of an operator: its own checks of registration, derivatives by differences in
# float64, one opaque operator under torch.compile, and no surprise under its modes.
import unittest

import torch
from batches import arrays, logps

import disco

NAMES = ("dpo", "lrml", "aqfl", "aot", "simpo", "sft", "tdpo1", "bco_running", "madpo")


class Operator(unittest.TestCase):
    def arguments(self, name, dtype):
        objective = disco.compile(name)
        inputs = list(arrays(objective, dtype=dtype).values())
        return objective, (inputs, objective._key, objective._numbers(0.25, None))

    def test_opcheck(self):
        for name in NAMES:
            for dtype in (torch.float32, torch.float64):
                objective, arguments = self.arguments(name, dtype)
                with self.subTest(name, dtype=dtype):
                    operators = torch.ops.disco
                    torch.library.opcheck(operators.loss_and_gradients.default, arguments)
                    at = (*arguments[:2], torch.tensor(arguments[2], dtype=torch.float64))
                    torch.library.opcheck(operators.loss_and_gradients_at.default, at)
                    detached = ([x.detach() for x in arguments[0]], *arguments[1:])
                    torch.library.opcheck(operators.report.default, detached)

    def test_gradcheck(self):
        for name in NAMES:
            objective = disco.compile(name)
            batch = arrays(objective, dtype=torch.float64)
            policy = [n for n, x in batch.items() if x.requires_grad]
            function = lambda *x: objective(**batch | dict(zip(policy, x)))  # noqa: E731
            with self.subTest(name):
                self.assertTrue(torch.autograd.gradcheck(function, [batch[n] for n in policy]))

    def test_direct_calls_are_checked(self):
        _, (inputs, key, numbers) = self.arguments("dpo", torch.float32)
        call = torch.ops.disco.loss_and_gradients
        for bad in (
            (inputs[:3], key, numbers),
            ([*inputs[:3], inputs[3][:2]], key, numbers),
            ([*inputs[:3], inputs[3].double()], key, numbers),
            ([x.long() for x in inputs], key, numbers),
            ([x[None] for x in inputs], key, numbers),
            (inputs, key + 1, numbers),
            (inputs, key, numbers[1:]),
        ):
            with self.assertRaises(RuntimeError):
                call(*bad)


class Compile(unittest.TestCase):
    def test_one_opaque_operator(self):
        graphs = []

        def backend(graph, _):
            graphs.append(graph)
            return graph.forward

        objective = disco.compile("lrml")
        compiled = torch.compile(lambda *x: objective(*x) * 2, backend=backend, fullgraph=True)
        batch = logps()
        torch.testing.assert_close(compiled(*batch), objective(*batch) * 2)
        (graph,) = graphs
        called = [node.target for node in graph.graph.nodes if node.op == "call_function"]
        ours = [target for target in called if "disco" in str(target)]
        self.assertEqual(len(ours), 1, called)

    def test_gradients(self):
        objective = disco.compile("lrml")
        compiled = torch.compile(objective, backend="aot_eager", fullgraph=True)
        for pairs in (5, 9):  # the second makes the size a symbol
            batch = logps(pairs)
            ours = torch.autograd.grad(compiled(*batch) * 3, batch[:2])
            torch.testing.assert_close(
                ours, torch.autograd.grad(objective(*batch) * 3, batch[:2])
            )


    def test_progress_and_states_as_tensors_compile_once(self):
        text = (
            "objective x { state mean = 1; next mean = mean + 1;"
            " loss = (1 - progress) * softplus(mean - margin); }"
        )
        objective, graphs = disco.compile(text), []

        def backend(graph, _):
            graphs.append(graph)
            return graph.forward

        call = lambda *x, **inputs: objective(*x, **inputs)  # noqa: E731
        compiled = torch.compile(call, backend=backend, fullgraph=True)
        batch, states = logps(), objective.initial_states
        for step in range(12):
            progress = step / 12
            loss = compiled(
                *batch,
                progress=torch.tensor(progress),
                states={name: torch.tensor(value) for name, value in states.items()},
            )
            torch.testing.assert_close(
                loss, objective(*batch, progress=progress, states=states), rtol=1e-6, atol=1e-6
            )
            states = objective.next(*batch, progress=progress, states=states)
        self.assertEqual(states, {"mean": 13.0})
        self.assertEqual(len(graphs), 1)


class Beside(unittest.TestCase):
    def test_triton_brings_its_own_llvm(self):
        try:
            from triton._C import libtriton
        except ImportError as missing:
            self.skipTest(f"no triton: {missing}")
        self.assertTrue(libtriton.ir)
        objective = disco.compile("objective beside { loss = softplus(-0.3 * margin); }")
        pc, pr, rc, rr = logps()
        expected = torch.nn.functional.softplus(-0.3 * ((pc - rc) - (pr - rr))).mean()
        torch.testing.assert_close(objective(pc, pr, rc, rr), expected)


class Modes(unittest.TestCase):
    def test_fake_tensors(self):
        from torch._subclasses.fake_tensor import FakeTensorMode

        objective = disco.compile("dpo")
        with FakeTensorMode() as mode:
            loss = objective(*(mode.from_tensor(x.detach()) for x in logps()))
        self.assertEqual(loss.shape, ())
        self.assertIsInstance(loss, torch._subclasses.FakeTensor)

    def test_dispatch_mode_sees_the_operator(self):
        from torch.utils._python_dispatch import TorchDispatchMode

        seen = []

        class Watch(TorchDispatchMode):
            def __torch_dispatch__(self, function, types, args=(), kwargs=None):
                seen.append(str(function))
                return function(*args, **(kwargs or {}))

        with Watch():
            disco.compile("dpo")(*logps())
        self.assertIn("disco.loss_and_gradients.default", seen)

    def test_subclasses(self):
        class Named(torch.Tensor):
            pass

        batch = [x.as_subclass(Named) for x in logps()]
        torch.testing.assert_close(
            disco.compile("dpo")(*batch).as_subclass(torch.Tensor),
            disco.compile("dpo")(*logps()),
        )

    def test_inference_mode(self):
        with torch.inference_mode():
            loss = disco.compile("dpo")(*logps())
        self.assertTrue(loss.is_inference())

    def test_batched_backward(self):
        batch = logps()
        loss = disco.compile("dpo")(*batch)
        (once,) = torch.autograd.grad(loss, batch[0], retain_graph=True)
        (rows,) = torch.autograd.grad(
            loss, batch[0], torch.tensor([1.0, 2.0]), is_grads_batched=True
        )
        torch.testing.assert_close(rows, torch.stack([once, 2 * once]))


if __name__ == "__main__":
    unittest.main()
