"""Models compiled by dnnc and called through the interface of runtime/dnn_abi.h and dnn_rt.h."""
import ctypes
import hashlib
import os
import subprocess

from machine import BUILD, ELEMENTS, Array, Native, address, library


class Tensor(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("element", ctypes.c_int32), ("rank", ctypes.c_int32),
                ("extents", ctypes.POINTER(ctypes.c_int64)), ("bounded", ctypes.c_int32)]

    def array(self, at=None):
        return Array(self.extents[:self.rank], ELEMENTS[self.element][0], at)


class Slot(ctypes.Structure):
    _fields_ = [("tensor", Tensor), ("trained", ctypes.c_int32), ("in_state", ctypes.c_int32),
                ("offset", ctypes.c_uint64)]


class EntryDescription(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("input_count", ctypes.c_int32), ("output_count", ctypes.c_int32),
                ("inputs", ctypes.POINTER(Tensor)), ("outputs", ctypes.POINTER(Tensor)),
                ("writes", ctypes.c_int32), ("bound", ctypes.c_int64), ("call", ctypes.c_void_p),
                ("endless", ctypes.c_char_p)]


class Description(ctypes.Structure):
    _fields_ = [("abi", ctypes.c_uint32), ("name", ctypes.c_char_p),
                ("parameter_bytes", ctypes.c_uint64), ("constant_bytes", ctypes.c_uint64),
                ("state_bytes", ctypes.c_uint64), ("scratch_bytes", ctypes.c_uint64),
                ("slot_count", ctypes.c_int32), ("entry_count", ctypes.c_int32),
                ("slots", ctypes.POINTER(Slot)), ("entries", ctypes.POINTER(EntryDescription)),
                ("init", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)),
                ("prepare", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p))]


class Weights(ctypes.Structure):
    _fields_ = [("parameters", ctypes.c_void_p), ("constants", ctypes.c_void_p), ("generation", ctypes.c_uint64),
                ("packed", ctypes.c_uint64)]


class Context(ctypes.Structure):
    _fields_ = [("weights", ctypes.POINTER(Weights)), ("state", ctypes.c_void_p), ("scratch", ctypes.c_void_p),
                ("threads", ctypes.c_void_p), ("seed", ctypes.c_uint64), ("step", ctypes.c_uint64)]


class Instance(ctypes.Structure):
    _fields_ = [("model", ctypes.POINTER(Description)), ("weights", Weights), ("context", Context)]


class Library(ctypes.Structure):
    _fields_ = [("handle", ctypes.c_void_p), ("model", ctypes.POINTER(Description))]


def compiled(name, source, options=()):
    """The path of a shared library of this source, made by dnnc unless the same dnnc has made it before."""
    dnnc = f"{BUILD}/dnnc"
    folder = f"{BUILD}/bench"
    os.makedirs(folder, exist_ok=True)
    mark = hashlib.sha256(repr((source, options, os.stat(dnnc).st_mtime_ns)).encode()).hexdigest()[:16]
    model, path = f"{folder}/{name}.dnn", f"{folder}/{name}.so"
    try:
        with open(path + ".made") as f:
            if f.read() == mark:
                return path
    except FileNotFoundError:
        pass
    with open(model, "w") as f:
        f.write(source)
    subprocess.run([dnnc, model, "-o", path, "--target-cpu=native", *options], check=True)
    with open(path + ".made", "w") as f:
        f.write(mark)
    return path


class Model:
    """A compiled model with weights that `init` drew."""

    def __init__(self, path, machine, seed=1):
        message, self.library, self.instance = ctypes.create_string_buffer(512), Library(), Instance()
        if not library.dnn_load(ctypes.byref(self.library), path.encode(), message):
            raise RuntimeError(message.value.decode())
        description = self.library.model.contents
        if not library.dnn_instance_init(ctypes.byref(self.instance), self.library.model,
                                         ctypes.c_void_p(machine.threads), ctypes.c_uint64(seed)):
            raise MemoryError(path)
        self.description = description
        self.check(description.init(ctypes.addressof(self.instance.context)), "init")
        self.prepare()

    def __del__(self):
        library.dnn_instance_free(ctypes.byref(self.instance))

    def check(self, status, what):
        if status:
            raise RuntimeError(f"{what} of {self.description.name.decode()} returned the status {status}")

    def prepare(self):
        """To be called where weights were written from outside."""
        self.check(self.description.prepare(ctypes.addressof(self.instance.weights)), "prepare")

    def slots(self):
        """Arrays of all parameters and states, by path; they lie in the model."""
        found = {}
        for slot in self.description.slots[:self.description.slot_count]:
            region = self.instance.context.state if slot.in_state else self.instance.weights.parameters
            found[slot.tensor.name.decode()] = slot.tensor.array(region + slot.offset)
        return found

    def entry(self, name):
        for description in self.description.entries[:self.description.entry_count]:
            if description.name.decode() == name:
                return Entry(self, description)
        raise KeyError(f"{self.description.name.decode()} has no entry {name}")


class Entry:
    """An entry with arrays for its inputs and outputs, by name; `contender` calls it."""

    def __init__(self, model, description):
        self.model = model
        inputs = description.inputs[:description.input_count]
        outputs = description.outputs[:description.output_count]
        self.inputs = {t.name.decode(): t.array() for t in inputs}
        self.outputs = {t.name.decode(): t.array() for t in outputs}
        of_inputs = (ctypes.c_void_p * len(inputs))(*(a.pointer for a in self.inputs.values()))
        of_outputs = (ctypes.c_void_p * len(outputs))(*(a.pointer for a in self.outputs.values()))
        call = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p])
        arguments = [ctypes.addressof(model.instance.context), 1, ctypes.addressof(of_inputs),
                     ctypes.addressof(of_outputs)]
        self.call = lambda: model.check(call(description.call)(*arguments), description.name.decode())
        keep = (model, self.inputs, self.outputs, of_inputs, of_outputs)
        self.contender = Native(description.call, *arguments, keep=keep)

    def fill(self, **high):
        """Random inputs; of integers, below `high` of their name."""
        for seed, (name, array) in enumerate(self.inputs.items(), 1):
            array.fill(seed, high=high.get(name, 1.0))
        return self
