# Makes the wheel, installs it into a fresh environment that has torch and nothing else, and uses it
# there: no LLVM on the machine's paths, none in the process, and no symbol of the one inside.
import argparse
import importlib.metadata
import os
import pathlib
import re
import subprocess
import sys
import tempfile

SMOKE = """
import os, torch, disco
assert disco.backend == BACKEND, disco.backend
assert "site-packages" in disco.__file__, disco.__file__
pc, pr, rc, rr = torch.randn(4, 8)
pc.requires_grad_()
loss = disco.compile("lrml.dpo", beta=0.05)(pc, pr, rc, rr)
loss.backward()
z = (0.05 * ((pc - rc) - (pr - rr))).detach().requires_grad_()
m = torch.sigmoid(z / 0.05)
expected = (-torch.nn.functional.logsigmoid(z) * (1 - m) + torch.exp(-z) * m).mean()
expected.backward()
torch.testing.assert_close(loss, expected)
torch.testing.assert_close(pc.grad, 0.05 * z.grad)
try:
    disco.compile("objective x { loss = m; }")
except disco.CompileError as error:
    assert "UndeclaredName" in str(error), error
loaded = open("/proc/self/maps").read()
assert "libLLVM" not in loaded and "libMLIR" not in loaded
assert "site-packages/disco/libantlr4-runtime.so" in loaded
children = open(f"/proc/self/task/{os.getpid()}/children").read().split()
workers = [os.readlink(f"/proc/{child}/exe") for child in children]
assert len(workers) == 1 and workers[0].endswith("site-packages/disco/disco-codegen"), workers
"""


def run(*command, **options):
    result = subprocess.run(
        [str(c) for c in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        **options,
    )  # fmt: skip
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{result.stdout}")
    return result.stdout


def with_dependencies(name, found):
    """Distributions that `name` needs on this machine, by name."""
    if name.lower() in found:
        return found
    try:
        found[name.lower()] = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return found
    for requirement in found[name.lower()].requires or []:
        if "extra ==" not in requirement and not requirement.startswith(("nvidia", "triton")):
            with_dependencies(re.match(r"[\w.-]+", requirement).group(), found)
    return found


def link_torch(folder):
    """Links torch and what it needs, and no other package, into the folder."""
    folder.mkdir()
    for distribution in with_dependencies("torch", {}).values():
        for file in distribution.files:
            top = pathlib.Path(file.parts[0])
            if str(top) != ".." and not (folder / top).exists():
                (folder / top).symlink_to(distribution.locate_file(top))


def check_binaries(package):
    modules = sorted(package.glob("_*.so"))
    assert len(modules) == 2, modules
    for module in [*modules, package / "libdisco-codegen.so", package / "disco-codegen"]:
        needed = run("readelf", "-d", module)
        assert not re.search(r"libLLVM|libMLIR", needed), needed
        paths = re.findall(r"\((?:RUNPATH|RPATH)\).*\[(.*)\]", needed)
        assert paths in ([], ["$ORIGIN"]), paths
        symbols = run("nm", "-D", "--defined-only", module)
        leaked = [line for line in symbols.splitlines() if re.search(r"llvm|mlir|antlr", line)]
        assert not leaked, leaked[:5]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", type=pathlib.Path, required=True)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    if importlib.util.find_spec("setuptools") is None:
        print("skipped: .venv has no setuptools")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
        stage = scratch / "stage"
        run("cp", "-r", arguments.build / "python", stage)
        run(*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", scratch, stage)
        (wheel,) = scratch.glob("*.whl")
        print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB")

        environment = scratch / "environment"
        run(sys.executable, "-m", "venv", "--without-pip", environment)
        python = environment / "bin" / "python3"
        run(*pip, "--python", python, "install", "--no-deps", "--no-index", wheel)
        link_torch(scratch / "torch-only")
        (packages,) = environment.glob("lib/python3*/site-packages")
        (packages / "torch-only.pth").write_text(f"{scratch / 'torch-only'}\n")

        check_binaries(packages / "disco")
        clean = {"PATH": os.defpath, "OMP_NUM_THREADS": "1"}
        smoke = lambda backend: run(  # noqa: E731
            python, "-c", SMOKE.replace("BACKEND", repr(backend)), cwd=scratch, env=clean
        )
        smoke("autograd")
        # As on a machine with another torch, for which the fast path was not built.
        for module in (packages / "disco").glob("_fast*.so"):
            module.unlink()
        smoke("stable")


if __name__ == "__main__":
    main()
