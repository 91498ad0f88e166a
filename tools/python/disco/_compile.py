"""From a text to an Objective, and the compiler's findings as exceptions."""

import os
import typing
import warnings
from collections.abc import Sequence

import torch  # noqa: F401  (its libraries are what _core is linked to)

from disco import _core
from disco._objective import Objective

_core.set_worker(os.path.join(os.path.dirname(os.path.abspath(__file__)), "disco-codegen"))
os.register_at_fork(after_in_child=_core.after_fork)


class Finding(typing.NamedTuple):
    """One finding of the compiler. Lines count from 1, columns are bytes from 1."""

    severity: str  # "error" or "warning"
    id: str  # as in brackets, e.g. "UndeclaredName"
    message: str
    file: str
    line: int
    column: int


class CompileError(ValueError):
    """The text is no objective, or the compiler refuses it; str() is what discoc prints."""

    __module__ = "disco"

    def __init__(self, text: str, findings: Sequence[Finding] = ()):
        super().__init__(text)
        self.findings = tuple(findings)


class CompileWarning(UserWarning):
    """What the compiler warns of; str() is what discoc prints."""

    __module__ = "disco"


def compile(
    source: str | os.PathLike,
    /,
    *,
    include: Sequence[str | os.PathLike] = (),
    in_process: bool = False,
    **parameters: float,
) -> Objective:
    """Compiles an objective for this CPU.

    `source` is the path of a `.dpo` file, the name of a shipped objective (with or without
    ".dpo"), or the text itself, known by its braces. A file comes before a shipped objective of
    its name. `include` lists folders in which `use NAME` finds NAME.dpo. `parameters` are set over
    the author's values; setting them costs no new compilation in torch.compile's graphs.

    Code comes from the cache ($DISCO_CACHE, none where that is empty, $XDG_CACHE_HOME/disco or
    ~/.cache/disco) or from a worker process, which this one starts when it first needs it. With
    `in_process` it is generated here, where an error inside LLVM, or a compilation that takes more
    than 2 seconds of CPU time, ends this process.

    Raises CompileError for what discoc would refuse, with its text and places, and ValueError or
    TypeError for a parameter that the objective does not have or allow.
    """
    if isinstance(include, (str, bytes, os.PathLike)):
        raise TypeError(f"include is {type(include).__name__}, expected a list of folders")
    folders = [os.fspath(folder) for folder in include]
    checked = _checked(source, folders)
    if not checked.valid:
        raise CompileError(checked.text.rstrip(), [Finding(*f) for f in checked.findings])
    if checked.text:
        warnings.warn(checked.text.rstrip(), CompileWarning, stacklevel=2)
    settings = [(name, _number(name, value)) for name, value in parameters.items()]
    try:
        return Objective(_core.build(checked, settings, in_process))
    except _core.Refused as refused:
        text = str(refused)
        if settings and text.startswith(("-D ", "with these parameters")):
            raise ValueError(text.removeprefix("-D ")) from None
        raise CompileError(text) from None


def shipped() -> dict[str, str]:
    """The texts of the objectives that come with Disco, by name."""
    return _core.shipped()


def _checked(source: str | os.PathLike, folders: list[str]) -> _core.Checked:
    path = os.fspath(source)
    if isinstance(path, str) and path is source and not os.path.exists(path):
        if "{" in path:
            # What is no Unicode is for the compiler to refuse, at its place.
            return _core.check_text("<input>", path.encode(errors="surrogatepass"), folders)
        text = _core.shipped().get(path.removesuffix(".dpo"))
        if text is not None:
            return _core.check_text(path.removesuffix(".dpo") + ".dpo", text, folders)
        raise FileNotFoundError(
            f"{path!r} is no file, no shipped objective (disco.shipped() has their names) and, "
            "without braces, no text of an objective"
        )
    try:
        return _core.check_file(path, folders)
    except _core.Refused as refused:
        raise FileNotFoundError(str(refused)) from None


def _number(name: str, value: float) -> str:
    try:
        return repr(float(value))
    except OverflowError:
        raise ValueError(f"parameter `{name}` is too large") from None
    except (TypeError, ValueError):
        raise TypeError(
            f"parameter `{name}` is {type(value).__name__}, expected a number"
        ) from None
