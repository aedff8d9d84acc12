"""What the benchmark compares with, where it is installed (make bench-peers)."""
import ctypes
import functools
import importlib
import os
import re

from machine import BUILD

wanted = re.compile("")                      # of their names; others are left out unsaid
missing = {}                                 # why a peer is not there, by its name

versions = {}                                # of those that are there


def found_missing(name, why):
    """Notes a peer that is not there; None."""
    missing[name] = why


@functools.cache
def library_peer(name):
    """A peer of C, product.h as a shared library; None where it was not built."""
    if not wanted.search(name):
        return None
    path = f"{BUILD}/tests/bench/peer_{name.lower()}.so"
    if not os.path.exists(path):
        return found_missing(name, "not installed when the benchmark was built")
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        return found_missing(name, str(error))
    for function in ("peer_convolution_open", "peer_convolution_read", "peer_describe"):
        if hasattr(library, function):
            getattr(library, function).restype = ctypes.c_char_p

    def checked(function, task):
        error = function(ctypes.byref(task))
        if error:
            raise RuntimeError(f"{name}: {error.decode()}")
    library.checked = checked
    versions[name] = library.peer_describe().decode()
    return library


@functools.cache
def module_peer(name, module):
    """A peer of Python; None where it cannot be imported."""
    if not wanted.search(name):
        return None
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        return found_missing(name, str(error))
    versions[name] = getattr(found, "__version__", "?")
    return found


@functools.cache
def torch(threads):
    found = module_peer("PyTorch", "torch")
    if found:
        found.set_num_threads(threads)
    return found


def everything():
    """Whether peers that take minutes to compile take part: ALL=1."""
    return bool(os.environ.get("BENCH_ALL"))
