"""This machine as the benchmark sees it: its cores, arrays, threads, and the limits that are measured on it."""
import ctypes
import os

BUILD = os.environ.get("BENCH_BUILD", "build")
ELEMENTS = {0: ("bool", ctypes.c_bool), 1: ("u8", ctypes.c_uint8), 2: ("i8", ctypes.c_int8),
            3: ("i32", ctypes.c_int32), 4: ("i64", ctypes.c_int64), 7: ("f32", ctypes.c_float),
            8: ("f64", ctypes.c_double)}
TYPES = dict(ELEMENTS.values())

library = ctypes.CDLL(f"{BUILD}/tests/bench/libmeasure.so")
for name, result, *arguments in (
        ("bench_seconds", ctypes.c_double, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int),
        ("bench_fill_f32", None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_uint64, ctypes.c_double, ctypes.c_double),
        ("bench_fill_f64", None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_uint64, ctypes.c_double, ctypes.c_double),
        ("bench_difference_f32", ctypes.c_double, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64),
        ("bench_difference_f64", ctypes.c_double, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64),
        ("dnn_region_new", ctypes.c_void_p, ctypes.c_uint64),
        ("dnn_region_free", None, ctypes.c_void_p),
        ("dnn_threads_new", ctypes.c_void_p, ctypes.c_int)):
    function = getattr(library, name)
    function.restype, function.argtypes = result, arguments


def address(function):
    """The address of a function of a library."""
    return ctypes.cast(function, ctypes.c_void_p).value


class Array:
    """Dense numbers in memory aligned to 64 bytes; `pointer` is their place. With `at`, those of somebody else."""

    def __init__(self, shape, element="f32", at=None):
        self.shape, self.element = tuple(shape), element
        self.count = 1
        for extent in self.shape:
            self.count *= extent
        self.bytes = self.count * ctypes.sizeof(TYPES[element])
        self.owned = at is None
        self.pointer = library.dnn_region_new(max(self.bytes, 1)) if self.owned else at
        if not self.pointer:
            raise MemoryError(f"no memory for {element}{list(self.shape)}")

    def __del__(self):
        if self.owned and self.pointer:
            library.dnn_region_free(self.pointer)

    def numbers(self):
        return (TYPES[self.element] * self.count).from_address(self.pointer)

    def numpy(self):
        """The same memory as an array of numpy, which must not outlive this one."""
        import numpy
        return numpy.ctypeslib.as_array(self.numbers()).reshape(self.shape)

    def fill(self, seed=1, low=-1.0, high=1.0):
        """Numbers in low..high; of integers, whole ones below high."""
        if self.element in ("f32", "f64"):
            getattr(library, f"bench_fill_{self.element}")(self.pointer, self.count, seed, low, high)
        else:
            drawn = Array(self.shape, "f64").fill(seed, 0, high)
            self.numbers()[:] = [int(x) for x in drawn.numbers()]
        return self

    def difference(self, other):
        """The largest difference to `other`, as a share of its largest magnitude."""
        assert (self.count, self.element) == (other.count, other.element), "arrays of one kind are compared"
        return getattr(library, f"bench_difference_{self.element}")(self.pointer, other.pointer, self.count)


class Native:
    """A function of C with at most eight arguments, called in a loop of C."""

    def __init__(self, function, *arguments, keep=()):
        self.function = function if isinstance(function, int) else address(function)
        self.arguments = (ctypes.c_void_p * 8)(*arguments)
        self.keep = keep                       # what the arguments point to

    def seconds(self, calls, clock):
        return library.bench_seconds(self.function, self.arguments, calls, clock)


class MultiplyAdds(ctypes.Structure):
    _fields_ = [("turns", ctypes.c_int64)]


class Copy(ctypes.Structure):
    _fields_ = [("to", ctypes.c_void_p), ("source", ctypes.c_void_p), ("bytes", ctypes.c_uint64),
                ("parts", ctypes.c_int64)]


class Machine:
    """`threads` cores, to which the process is pinned, and as many threads for compiled models."""

    def __init__(self, threads):
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < threads:
            raise SystemExit(f"bench: {threads} threads need as many cores, and this process may use {len(cores)}")
        self.all_cores = cores
        os.sched_setaffinity(0, cores[:threads])
        self.count = threads
        self.threads = library.dnn_threads_new(threads)

    def multiply_adds(self, operations):
        """The limit of what needs so many operations on f32: (contender, how often it stands in them)."""
        vector = library.machine_vector_bytes()
        if not vector:
            return None
        turns = MultiplyAdds(4000)
        done = turns.turns * 12 * 2 * (vector // 4) * self.count
        contender = Native(library.machine_multiply_add, self.threads, ctypes.addressof(turns), keep=turns)
        return contender, operations / done

    def copy(self, count, in_place=False):
        """The limit of what reads and writes so many bytes, all in all: a copy of half of them, or, where writing is
        in place, a change of half of them."""
        half = max(64, count // 2 // 64 * 64)
        source, to = Array([half], "u8"), Array([half], "u8")
        job = Copy(to.pointer, source.pointer, half, 0)
        contender = Native(library.machine_update if in_place else library.machine_copy, self.threads,
                           ctypes.addressof(job), keep=(job, source, to))
        return contender, count / (2 * half)
