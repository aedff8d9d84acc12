"""ONNX Runtime and OpenVINO, from the packages of PyPI, through their interfaces of C, so that a call costs what it
costs a program of C."""
import ctypes
import functools
import glob
import importlib.metadata
import importlib.util
import os

import peers
from machine import Native

P, N = ctypes.c_void_p, ctypes.c_size_t


@functools.cache
def package_library(name, package, pattern):
    """A library inside a package of PyPI; None where it is not installed."""
    if not peers.wanted.search(name):
        return None
    spec = importlib.util.find_spec(package)
    places = glob.glob(os.path.join(os.path.dirname(spec.origin), pattern)) if spec else []
    if not places:
        return peers.found_missing(name, f"the package {package} is not installed")
    try:
        library = ctypes.CDLL(places[0])
    except OSError as error:
        return peers.found_missing(name, str(error))
    peers.versions[name] = importlib.metadata.version(package)
    return library


# ---- ONNX Runtime ----------------------------------------------------------------------------------

# Places in OrtApi, the table of functions of onnxruntime_c_api.h, which only grows at its end.
ORT_PLACES = {"GetErrorMessage": 2, "CreateEnv": 3, "CreateSessionFromArray": 8, "Run": 9, "CreateSessionOptions": 10,
              "SetSessionGraphOptimizationLevel": 23, "SetIntraOpNumThreads": 24, "SetInterOpNumThreads": 25,
              "CreateTensorWithDataAsOrtValue": 49, "CreateCpuMemoryInfo": 69}
ORT_VERSION, ORT_ALL_OPTIMISATIONS, ORT_ERRORS_ONLY, ORT_ARENA = 16, 99, 3, 1
ORT_ELEMENTS = {"f32": 1, "i32": 6}


class OrtBase(ctypes.Structure):
    _fields_ = [("get_api", ctypes.CFUNCTYPE(P, ctypes.c_uint32)), ("version", P)]


class OnnxRuntime:
    name = "ONNX Runtime"

    @classmethod
    def library(cls):
        return package_library(cls.name, "onnxruntime", "capi/libonnxruntime.so.*")

    def __init__(self, machine, model, x, y):
        """A session over the bytes of a model, which reads the array x and writes the array y."""
        base = self.library().OrtGetApiBase
        base.restype = ctypes.POINTER(OrtBase)
        self.table = ctypes.cast(base().contents.get_api(ORT_VERSION), ctypes.POINTER(P))
        environment, options, session, memory = P(), P(), P(), P()
        self.call("CreateEnv", ORT_ERRORS_ONLY, b"bench", ctypes.byref(environment))
        self.call("CreateSessionOptions", ctypes.byref(options))
        self.call("SetIntraOpNumThreads", options, machine.count)
        self.call("SetInterOpNumThreads", options, 1)
        self.call("SetSessionGraphOptimizationLevel", options, ORT_ALL_OPTIMISATIONS)
        self.call("CreateSessionFromArray", environment, model, N(len(model)), options, ctypes.byref(session))
        self.call("CreateCpuMemoryInfo", ORT_ARENA, 0, ctypes.byref(memory))
        values = [self.value(memory, array) for array in (x, y)]
        names = [(ctypes.c_char_p * 1)(n) for n in (b"x", b"y")]
        places = [ctypes.addressof(a) for a in (names[0], values[0], names[1], values[1])]
        keep = (values, names, x, y, model, self)
        self.contender = Native(self.table[ORT_PLACES["Run"]], session.value, None, places[0], places[1], 1,
                                places[2], 1, places[3], keep=keep)
        self.call("Run", session, None, names[0], values[0], N(1), names[1], N(1), values[1])

    def value(self, memory, array):
        value, shape = (P * 1)(), (ctypes.c_int64 * len(array.shape))(*array.shape)
        self.call("CreateTensorWithDataAsOrtValue", memory, P(array.pointer), N(array.bytes), shape, N(len(shape)),
                  ORT_ELEMENTS[array.element], value)
        return value

    def call(self, name, *arguments):
        status = ctypes.CFUNCTYPE(P)(self.table[ORT_PLACES[name]])(*arguments)
        if status:
            message = ctypes.CFUNCTYPE(ctypes.c_char_p)(self.table[ORT_PLACES["GetErrorMessage"]])(P(status))
            raise RuntimeError(f"ONNX Runtime, {name}: {message.decode()}")

    def read(self):
        """Brings the result to y, where it is already."""


# ---- OpenVINO --------------------------------------------------------------------------------------

class OpenVino:
    name = "OpenVINO"

    @classmethod
    def library(cls):
        return package_library(cls.name, "openvino", "libs/libopenvino_c.so.*")

    def __init__(self, machine, model, x, y):
        self.openvino, self.y = self.library(), y
        core, graph, compiled, request = P(), P(), P(), P()
        settings = ("INFERENCE_NUM_THREADS", str(machine.count), "PERFORMANCE_HINT", "LATENCY",
                    "INFERENCE_PRECISION_HINT", "f32")
        self.call("ov_core_create", ctypes.byref(core))
        self.call("ov_core_read_model_from_memory_buffer", core, model, N(len(model)), None, ctypes.byref(graph))
        self.call("ov_core_compile_model", core, graph, b"CPU", N(len(settings)), ctypes.byref(compiled),
                  *(ctypes.c_char_p(s.encode()) for s in settings))
        self.call("ov_compiled_model_create_infer_request", compiled, ctypes.byref(request))
        self.request = request
        ctypes.memmove(self.memory("input", x), x.pointer, x.bytes)
        self.contender = Native(self.openvino.ov_infer_request_infer, request.value, keep=(model, self))

    def memory(self, side, array):
        """The request's own array, of as many bytes as ours."""
        tensor, memory, size = P(), P(), N()
        self.call(f"ov_infer_request_get_{side}_tensor", self.request, ctypes.byref(tensor))
        self.call("ov_tensor_get_byte_size", tensor, ctypes.byref(size))
        self.call("ov_tensor_data", tensor, ctypes.byref(memory))
        if size.value != array.bytes:
            raise RuntimeError(f"OpenVINO has {size.value} bytes of {side}, ours are {array.bytes}")
        return memory

    def call(self, name, *arguments):
        if getattr(self.openvino, name)(*arguments):
            message = self.openvino.ov_get_last_err_msg
            message.restype = ctypes.c_char_p
            raise RuntimeError(f"OpenVINO, {name}: {(message() or b'').decode()}")

    def read(self):
        ctypes.memmove(self.y.pointer, self.memory("output", self.y), self.y.bytes)


RUNTIMES = (OnnxRuntime, OpenVino)
