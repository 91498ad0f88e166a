# The comparison itself: what it must report and what it must let pass. Run by CTest as oracle-self.
import copy
import math
import sys
import types
import unittest

try:
    import torch
except ImportError as error:
    print(f"skipped: {error}; `tools/dev setup` installs what the oracles need")
    sys.exit(77)

from compare import differences, evaluate, mismatch
from pairs import make
from registry import softplus


def dpo(x, p):
    return softplus(-p.beta * x.rho)


class Differences(unittest.TestCase):
    def setUp(self):
        self.batch = make("pairs", 1, 3, (2, 5), 1.0, 0.25, {})
        self.want = evaluate(dpo, self.batch, types.SimpleNamespace(beta=0.1))
        self.got = copy.deepcopy(self.want)

    def found(self):
        return [what for what, _ in differences(self.got, self.want, self.batch)]

    def test_equal_evaluations_agree(self):
        self.assertEqual(self.found(), [])

    def test_a_digit_of_the_loss(self):
        self.got.loss = self.got.loss * (1 + 1e-8)
        self.assertEqual(self.found(), ["loss"])

    def test_one_pair(self):
        self.got.losses[1] += 1e-8
        self.assertEqual(self.found(), ["losses"])

    def test_one_token(self):
        self.got.gradients["rejected"][2, 0] *= 1 + 1e-7
        self.assertEqual(self.found(), ["rejected gradients"])

    def test_a_gradient_of_the_other_sign(self):
        self.got.gradients["chosen"] = -self.got.gradients["chosen"]
        self.assertEqual(self.found(), ["chosen gradients"])

    def test_padding_does_not_count(self):
        side = next(s for s in self.batch.mask if not self.batch.mask[s].all())
        self.got.gradients[side][~self.batch.mask[side]] = 7
        self.assertEqual(self.found(), [])

    def test_a_state_that_is_missing_or_not_asked_for(self):
        self.want.next, self.got.next = {"mean": 0.5}, {"steps": 1.0}
        self.assertEqual(self.found(), ["next mean", "next steps"])

    def test_not_a_number_agrees_with_its_like_alone(self):
        one = torch.ones(1)
        self.assertIsNone(mismatch([math.nan], [math.nan], one))
        self.assertIsNone(mismatch([math.inf], [math.inf], one))
        self.assertIsNotNone(mismatch([math.nan], [0.0], one))
        self.assertIsNotNone(mismatch([0.0], [math.nan], one))
        self.assertIsNotNone(mismatch([-math.inf], [math.inf], one))

    def test_terms_that_cancel_have_room_for_their_rounding(self):
        self.assertIsNone(mismatch([1e-10], [0.0], torch.tensor([1e5])))
        self.assertIsNotNone(mismatch([1e-10], [0.0], torch.tensor([1.0])))

    def test_shapes(self):
        self.assertIsNotNone(mismatch([0.0], [0.0, 0.0], torch.ones(2)))


class Gradients(unittest.TestCase):
    def test_every_token_of_a_response_has_the_gradient_of_its_sum(self):
        batch = make("pairs", 2, 4, (1, 6), 1.0, 0.0, {})
        out = evaluate(dpo, batch, types.SimpleNamespace(beta=0.1))
        chosen = out.gradients["chosen"][batch.mask["chosen"]]
        self.assertTrue(torch.allclose(chosen, torch.full_like(chosen, -0.1 / 2 / 4)))


if __name__ == "__main__":
    unittest.main()
