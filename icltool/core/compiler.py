"""Compile the package's C++ on the machine that runs it, once, into the user's cache folder.

The library's name holds a hash of what it was made from: sources, flags, compiler, processor and torch. A change of any
of them makes another library, and machines that share a home folder but not a processor do not share a library.
"""

import hashlib
import logging
import os
import platform
import shutil
import subprocess
from pathlib import Path

import torch
from filelock import FileLock
from platformdirs import user_cache_path

from icltool.core.errors import IcltoolError
from icltool.core.files import make_folder

COMPILERS = ("c++", "g++", "clang++")
FLAGS = ("-std=c++17", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fopenmp", "-shared", "-fPIC")
# The lines of /proc/cpuinfo that tell which instructions the processor has. Others, as its clock rate, keep changing.
PROCESSOR_FACTS = ("model name", "flags", "Features")

log = logging.getLogger(__name__)


class CompilerError(IcltoolError):
    """The sources cannot be compiled here."""


def find_compiler() -> str | None:
    """The path of the compiler that CXX names or, if that is unset, of the first usual one; None if it is missing."""
    wanted = os.environ.get("CXX")
    return next(filter(None, map(shutil.which, [wanted] if wanted else COMPILERS)), None)


def compiled_library(source: Path) -> Path:
    """The shared library of a C++ file and the headers beside it, linked to torch's own libraries.

    Compiles it when the cache does not hold it. Raises `CompilerError` without a compiler or when it reports an error.
    """
    compiler = find_compiler()
    if compiler is None:
        raise CompilerError("there is no C++ compiler (c++, g++, clang++, or the one named in CXX)")
    torch_libraries = Path(torch.__file__).parent / "lib"
    command = [compiler, *FLAGS, str(source), f"-L{torch_libraries}", "-ltorch_cpu"]
    folder = user_cache_path("icltool") / "kernels"
    library = folder / f"{source.stem}-{_fingerprint(source, command)}.so"
    if library.exists():
        return library
    make_folder(folder)
    with FileLock(f"{library}.lock"):
        if not library.exists():
            log.warning("compiling %s, once for this machine", source.name)
            _compile(command, library)
    return library


def _compile(command: list[str], library: Path) -> None:
    """Run the compiler; the library gets its name only when it is complete. Raises `CompilerError`."""
    temporary = library.with_suffix(f".{os.getpid()}.tmp")
    done = subprocess.run([*command, "-o", str(temporary)], capture_output=True, text=True, check=False)  # noqa: S603 - the user's compiler, our file
    if done.returncode:
        temporary.unlink(missing_ok=True)
        problem = next((line for line in done.stderr.splitlines() if "error" in line), "no message")
        raise CompilerError(f"{command[0]} failed: {problem}")
    temporary.replace(library)


def _fingerprint(source: Path, command: list[str]) -> str:
    digest = hashlib.sha256()
    for part in (*command, str(torch.__version__), _compiler_version(command[0]), *_processor_facts()):
        digest.update(part.encode() + b"\0")
    for file in sorted(source.parent.glob("*.h")):
        digest.update(file.read_bytes())
    digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _compiler_version(compiler: str) -> str:
    done = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - the user's compiler
    return done.stdout


def _processor_facts() -> list[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return [platform.machine(), platform.processor()]
    return sorted({line for line in lines if line.startswith(PROCESSOR_FACTS)})
