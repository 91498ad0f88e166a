# The tables of results in README.md, here and of the repository, from the lines in results/: what
# was asked for, what was measured, and whether it falls short. `tools/dev bench --save` writes
# both, this file alone does the second; test_page.py says whether they show the results.
import json
import pathlib
from collections.abc import Callable
from typing import NamedTuple

HERE = pathlib.Path(__file__).resolve().parent
BEGIN = "<!-- From test/benchmark/results: `tools/dev bench --save` writes it. -->"
END = "<!-- End of the results. -->"


class Row(NamedTuple):
    what: str
    benchmark: str
    cases: Callable[[list[dict]], list[float]]  # from the lines of the benchmark
    least: float
    aim: float | None
    unit: str  # "x": times faster; "/s": a second; "ms", "us": of time

    @property
    def more_is_better(self):
        return self.unit in ("x", "/s")

    def measured(self, lines):
        """The worst of the cases."""
        return (min if self.more_is_better else max)(self.cases(lines))

    def verdict(self, value):
        reaches = lambda goal: value >= goal if self.more_is_better else value <= goal  # noqa: E731
        if not reaches(self.least):
            return "**falls short**"
        return "aim" if self.aim is not None and reaches(self.aim) else "yes"


def each(field, **wanted):
    """A field of the lines that have it and these values; a pair of values bounds a number."""

    def matches(line, name, value):
        if isinstance(value, tuple):
            return value[0] <= line.get(name, -1) <= value[1]
        return line.get(name) == value

    return lambda lines: [
        line[field]
        for line in lines
        if field in line and all(matches(line, *want) for want in wanted.items())
    ]


SMALL, LARGE = (1, 256), 1 << 20
PYTHON = "LRML from Python, 16 to 256 pairs, against {}"
# The goals of the compiler, then what else is measured.
ROWS = [
    Row("LRML through autograd in C++, 2 to 64 pairs, against eager in C++", "objective",
        each("ratio", objective="lrml", pairs=(1, 64)), 6, 7, "x"),
    Row("AQFL, the same", "objective",
        each("ratio", objective="aqfl", pairs=(1, 64)), 15, 20, "x"),
    Row(PYTHON.format("eager"), "python",
        each("eager_over_disco", objective="lrml", pairs=SMALL), 3.5, 4.2, "x"),
    Row(PYTHON.format("`torch.compile`"), "python",
        each("torch.compile_over_disco", objective="lrml", pairs=SMALL), 3.5, 4.2, "x"),
    Row("through torch's stable ABI, against eager", "python",
        each("eager_over_disco stable ABI", objective="lrml", pairs=SMALL), 1.8, 2.2, "x"),
    Row("through torch's stable ABI, against `torch.compile`", "python",
        each("torch.compile_over_disco stable ABI", objective="lrml", pairs=SMALL), 1.8, 2.2, "x"),
    Row("LRML at 2^20 pairs, against eager", "python",
        each("eager_over_disco", objective="lrml", pairs=LARGE), 6, 8, "x"),
    Row("LRML at 2^20 pairs, against `torch.compile`", "python",
        each("torch.compile_over_disco", objective="lrml", pairs=LARGE), 2, 3, "x"),
    Row("text of LRML to a kernel, warm, CPU time, median", "compile",
        each("cpu_ms_median", objective="lrml"), 20, 12, "ms"),
    Row("text of any shipped objective to a kernel, 95th percentile", "compile",
        each("cpu_ms_p95", objective="all"), 60, None, "ms"),
    Row("LRML from the cache, mapped and ready", "compile",
        each("cache_hit_cpu_us_median", objective="lrml"), 200, 50, "us"),
    Row("a new loss to its first gradient, warm, against `torch.compile`", "python",
        each("torch.compile_over_disco", measure="new loss"), 60, 120, "x"),
    Row("the same, against `torch.compile` from its disk cache", "python",
        each("disk cache_over_disco", measure="new loss"), 2, 4, "x"),
    Row("candidates of a search screened, compiled and loaded, 2 cores", "generation",
        each("candidates_per_second"), 60, 120, "/s"),
    Row("interpreter: programs, LRML on 65 points with gradient, one core", "interpreter",
        each("programs_per_second", objective="lrml", precision="double"), 20000, None, "/s"),
    Row("front of the funnel: programs, text to probes, one core", "funnel",
        each("median"), 3000, None, "/s"),
    Row("DPO step against TRL, GPT-2 shape, 4 layers, width 128", "step",
        each("trl_over_disco"), 2, None, "x"),
]  # fmt: skip


def results():
    """The lines of each benchmark that has been saved; the first says with what they were
    measured."""
    return {
        path.stem: [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for path in sorted((HERE / "results").glob("*.jsonl"))
    }


def text_of(value, unit):
    digits = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return digits + unit if unit in ("x", "/s") else f"{digits} {unit}"


def table(saved):
    lines = ["| what | measured | at least | aim | reached | command |"]
    lines.append("|---|---|---|---|---|---|")
    for row in ROWS:
        if row.benchmark not in saved:
            lines.append(f"| {row.what} | not yet | | | | |")
            continue
        value = row.measured(saved[row.benchmark][1:])
        aim = "" if row.aim is None else text_of(row.aim, row.unit)
        command = f"`tools/dev bench {row.benchmark}`"
        lines.append(
            f"| {row.what} | {text_of(value, row.unit)} | {text_of(row.least, row.unit)} | {aim} "
            f"| {row.verdict(value)} | {command} |"
        )
    return "\n".join(lines)


def machines(saved):
    """What the results were measured with, and which of them with that."""
    groups = {}
    for name, (head, *_) in saved.items():
        text = (
            f"{head['cores']} cores of an {head['machine']}, {head['system']}, "
            + ", ".join(f"{n} {v}" for n, v in head["versions"].items())
            + f"; {head['date']}, commit {head['commit']}"
        )
        groups.setdefault(text, []).append(name)
    return "\n".join(f"- {', '.join(names)}: {text}" for text, names in groups.items())


def pages():
    """The files that show results, as they should be."""
    saved = results()
    blocks = {
        HERE / "README.md": f"{table(saved)}\n\nMeasured with\n{machines(saved)}",
        HERE.parents[1] / "README.md": table(saved),
    }
    for path, block in blocks.items():
        before, found, rest = path.read_text(encoding="utf-8").partition(BEGIN)
        _, ended, after = rest.partition(END)
        if not (found and ended):
            raise SystemExit(f"{path}: no place for the results, between\n{BEGIN}\n{END}")
        yield path, f"{before}{BEGIN}\n\n{block}\n\n{END}{after}"


def write():
    for path, text in pages():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
