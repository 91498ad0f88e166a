# How the text tests run: which files are tests, what %discoc and its like stand for, and which
# features a test may REQUIRE.
# Run one folder with `lit build/release/test/<folder>`, one file by adding `--filter <name>`.
import glob
import os
import shutil

import lit.formats

config.name = "disco"
config.suffixes = [".dpo", ".mlir", ".test"]
config.excludes = ["Inputs", "unit", "conformance", "benchmark", "policy"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.disco_build_dir, "test")
config.test_format = lit.formats.ShTest(execute_external=False)


def shared_data():
    """The folder of real data sets, or None; tests that need it say REQUIRES: shared-data."""
    folder = os.environ.get("DISCO_SHARED_DATA") or os.path.join(
        config.disco_source_dir, "..", "shared", "data"
    )
    return os.path.realpath(folder) if os.path.isdir(folder) else None


def find_ptxas():
    """NVIDIA's assembler: the one packaged in the triton wheel, else one on PATH, else None."""
    wheels = os.path.join(
        config.disco_source_dir, ".venv", "lib", "python3*", "site-packages", "triton"
    )
    packaged = sorted(glob.glob(os.path.join(wheels, "backends", "nvidia", "bin", "ptxas")))
    return packaged[0] if packaged else shutil.which("ptxas")


# Longer names first: lit replaces in this order, and %disco is the beginning of %discoc.
def tool(name):
    """The path of one of our programs."""
    return os.path.join(config.disco_bin_dir, name)


config.substitutions += [
    ("%disco-opt", tool("disco-opt")),
    ("%discoc", tool("discoc")),
    ("%disco", tool("disco")),
    ("%objectives", os.path.join(config.disco_source_dir, "grammars", "objectives")),
    ("%recipes", os.path.join(config.disco_source_dir, "recipes")),
    ("%root", config.disco_source_dir),
    ("%runtime-library", os.path.join(config.disco_build_dir, "runtime", "libdisco_runtime.a")),
    ("%python", config.disco_python),
]
path = [config.disco_bin_dir, config.disco_llvm_tools, os.environ.get("PATH", "")]
config.environment["PATH"] = os.pathsep.join(path)
config.environment["NO_COLOR"] = "1"
config.environment["DISCO_CACHE"] = os.path.join(config.test_exec_root, "cache")
# Two test processes share two cores; a test must not depend on how many threads a library would
# take.
config.environment["OMP_NUM_THREADS"] = "1"

if config.disco_with_compiler:
    config.available_features.add("compiler")
if config.disco_with_torch:
    config.available_features.add("torch")
if "address" in config.disco_cxx_flags:
    config.available_features.add("asan")

ptxas = find_ptxas()
if ptxas:
    config.available_features.add("ptxas")
    config.substitutions.append(("%ptxas", ptxas))
else:
    lit_config.note(
        "tests that assemble PTX are skipped: no ptxas in the triton wheel of .venv nor on PATH"
    )

data = shared_data()
if data:
    config.available_features.add("shared-data")
    config.environment["DISCO_SHARED_DATA"] = data
    config.substitutions.append(("%shared-data", data))
else:
    lit_config.note(
        "tests on real data are skipped: neither DISCO_SHARED_DATA nor ../shared/data is a folder"
    )
