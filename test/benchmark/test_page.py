# Whether the pages show the results that are committed, and how rows are judged. Nothing here looks
# at what the results are.
import unittest

import page


class Pages(unittest.TestCase):
    maxDiff = None

    def test_they_show_the_results(self):
        for path, text in page.pages():
            with self.subTest(path.name, fix="run test/benchmark/page.py"):
                self.assertEqual(path.read_text(encoding="utf-8"), text)

    def test_every_row_has_its_result(self):
        saved = page.results()
        for row in page.ROWS:
            with self.subTest(row.what):
                self.assertGreater(row.measured(saved[row.benchmark][1:]), 0)

    def test_lines_say_with_what_they_were_measured(self):
        for name, (head, *lines) in page.results().items():
            with self.subTest(name):
                self.assertTrue(head["machine"] and head["cores"] and head["versions"]["disco"])
                self.assertEqual({line["benchmark"] for line in [head, *lines]}, {name})


class Row(unittest.TestCase):
    LINES = [{"objective": "a", "pairs": pairs, "ratio": 10 - pairs} for pairs in (1, 2, 3, 9)]

    def row(self, unit, least, aim):
        return page.Row("", "", page.each("ratio", objective="a", pairs=(1, 3)), least, aim, unit)

    def test_the_worst_case_counts(self):
        self.assertEqual(self.row("x", 1, 2).measured(self.LINES), 7)
        self.assertEqual(self.row("ms", 1, 2).measured(self.LINES), 9)

    def test_verdicts(self):
        for unit, verdicts in (
            ("x", {1: "**falls short**", 2: "yes", 3: "yes", 4: "aim"}),
            ("ms", {5: "**falls short**", 4: "yes", 3: "yes", 2: "aim"}),
        ):
            least, aim = (2, 4) if unit == "x" else (4, 2)
            for value, verdict in verdicts.items():
                self.assertEqual(self.row(unit, least, aim).verdict(value), verdict, (unit, value))
        self.assertEqual(self.row("x", 2, None).verdict(9), "yes")

    def test_texts(self):
        texts = {page.text_of(*x) for x in ((7.526, "x"), (3582.4, "/s"), (0.0217, "ms"))}
        self.assertEqual(texts, {"7.53x", "3,582/s", "0.0217 ms"})


if __name__ == "__main__":
    unittest.main()
