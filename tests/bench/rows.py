"""What is bound by memory or by elementwise functions: these beside libm, rows and optimisers beside PyTorch; and attention."""
import ctypes

import ours
from contest import Field, Function, Work
from machine import Array, Native, library
from peers import torch

# Functions of 16384 elements, which fit L2 with their results: the text, and the range of x.
FUNCTIONS = {"exp": ("exp(x)", -10, 10), "expm1": ("expm1(x)", -10, 10), "log": ("log(x)", 1e-3, 100),
             "log1p": ("log1p(x)", -0.9, 10), "tanh": ("tanh(x)", -5, 5), "sigmoid": ("sigmoid(x)", -10, 10),
             "sin": ("sin(x)", -10, 10), "cos": ("cos(x)", -10, 10), "rsqrt": ("rsqrt(x)", 1e-3, 100),
             "pow15": ("x ** 1.5", 1e-3, 100)}
COUNT = 16384

# Rows of f32: the text over x[rows, columns], and PyTorch's. Each in two sizes: within L2, and beyond L3.
ROWS = {"relu": ("relu(x)", lambda t, x: t.relu(x)),
        "gelu": ("gelu(x)", lambda t, x: t.nn.functional.gelu(x, approximate="tanh")),
        "bias and tanh": ("tanh(x + 0.5)", lambda t, x: t.tanh(x + 0.5)),
        "sum of columns": ("sum[0](x)", lambda t, x: x.sum(0)),
        "softmax": ("softmax(x)", lambda t, x: t.softmax(x, -1)),
        "log-sum-exp": ("logsumexp(x)", lambda t, x: t.logsumexp(x, -1)),
        "argmax": ("f32(argmax(x))", lambda t, x: t.argmax(x, -1).float()),
        "layer norm": ("layer_norm(x)", lambda t, x: t.nn.functional.layer_norm(x, x.shape[-1:]))}
SIZES = ((128, 512), (8192, 768))

# Attention of f32: heads, places, columns, and whether place i sees those up to i only.
ATTENTION = ((48, 128, 64, False), (12, 256, 64, False), (64, 256, 64, False), (12, 1024, 64, False), (12, 1024, 64, True),
             (4, 4096, 64, False))

# Optimisers, over so many parameters: the function of optim, PyTorch's, and how many arrays are read and written.
OPTIMISERS = {"sgd": (lambda t, w: t.optim.SGD(w, lr=RATE, fused=True), 3),
              "momentum": (lambda t, w: t.optim.SGD(w, lr=RATE, momentum=0.9, fused=True), 5),
              "adam": (lambda t, w: t.optim.Adam(w, lr=RATE, fused=True), 7),
              "adamw": (lambda t, w: t.optim.AdamW(w, lr=RATE, weight_decay=0.01, fused=True), 7)}
PARAMETERS = (1 << 14, 1 << 23)
RATE = 0.001


class Map(ctypes.Structure):                 # measure.c
    _fields_ = [("x", ctypes.c_void_p), ("y", ctypes.c_void_p), ("count", ctypes.c_int64)]


def function_work(name, element):
    text, low, high = FUNCTIONS[name]
    source = f"entry f(x: {element}[{COUNT}]) -> (y) {{ y = {text} }}\n"

    def enter(machine):
        entry = ours.Model(ours.compiled(f"{name}_{element}", source), machine).entry("f")
        entry.inputs["x"].fill(1, low, high)
        result = Array([COUNT], element)
        task = Map(entry.inputs["x"].pointer, result.pointer, COUNT)
        libm = Native(getattr(library, f"libm_{name}_{element}"), ctypes.addressof(task), keep=task)
        return Field({"ours": entry.contender, "libm": libm}, lambda _: result.difference(entry.outputs["y"]),
                     1e-6 if element == "f32" else 1e-14)
    return Work(f"{name} {element}", "elementwise functions", enter, bytes=2 * COUNT * (4 if element == "f32" else 8))


def row_work(name, rows, columns):
    text, of_torch = ROWS[name]
    source = f"use nn\nentry f(x: f32[{rows}, {columns}]) -> (y) {{ y = {text} }}\n"
    if "layer_norm" in text:                 # it has slots, so an instance
        source = source.replace("entry", "norm = layer_norm\nentry").replace(text, "norm(x)")

    def enter(machine):
        entry = ours.Model(ours.compiled(f"{name}_{rows}".replace(" ", "_"), source), machine).entry("f").fill()
        contenders, y, t = {"ours": entry.contender}, entry.outputs["y"], torch(machine.count)
        if t:
            x = t.from_numpy(entry.inputs["x"].numpy())
            contenders["PyTorch"] = Function(lambda: of_torch(t, x))

        def check(_):
            result = Array(y.shape)
            result.numpy()[...] = of_torch(t, x).numpy()
            return result.difference(y)
        return Field(contenders, check, 1e-5)
    count = 2 if name in ("relu", "gelu", "bias and tanh", "softmax", "layer norm") else 1
    return Work(f"{name} {rows}x{columns}", "rows", enter, bytes=4 * count * rows * columns)


def attention_work(heads, places, columns, causal):
    of_inputs = ", ".join(f"{x}: f32[{heads}, {places}, {columns}]" for x in "qkv")
    mask = f", causal[{places}]()" if causal else ""
    source = f"use attention\nentry f({of_inputs}) -> (y) {{ y = dot_attention(q, k, v{mask}) }}\n"
    name = f"attention {heads}x{places}x{columns}{' causal' if causal else ''}"

    def enter(machine):
        entry = ours.Model(ours.compiled(name.replace(" ", "_"), source), machine).entry("f").fill()
        contenders, t = {"ours": entry.contender}, torch(machine.count)
        if t:
            q, k, v = (t.from_numpy(entry.inputs[x].numpy()) for x in "qkv")

            def of_torch():
                return t.nn.functional.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=causal)[0]
            contenders["PyTorch"] = Function(of_torch)

        def check(_):
            result = Array(entry.outputs["y"].shape)
            result.numpy()[...] = of_torch().numpy()
            return result.difference(entry.outputs["y"])
        return Field(contenders, check, 1e-5)
    return Work(name, "attention", enter, operations=4 * heads * places * places * columns)


def optimiser_work(name, count):
    of_torch, arrays = OPTIMISERS[name]
    source = f"""use optim
param w: f32[{count}] = normal[shape]()
step = {name}
entry update(g: f32[{count}], rate: f32) {{ w <- step(w, g, rate) }}
"""

    def enter(machine):
        model = ours.Model(ours.compiled(f"{name}_{count}", source), machine)
        entry, w, t = model.entry("update").fill(), model.slots()["w"], torch(machine.count)
        entry.inputs["rate"].numbers()[0] = RATE
        contenders = {"ours": entry.contender}
        if t:
            parameter = t.nn.Parameter(t.from_numpy(w.numpy().copy()))
            parameter.grad = t.from_numpy(entry.inputs["g"].numpy())
            contenders["PyTorch"] = Function(of_torch(t, [parameter]).step)

        def check(_):
            result = Array(w.shape)
            result.numpy()[...] = parameter.detach().numpy()
            return result.difference(w)
        return Field(contenders, check, 1e-5)
    return Work(f"{name} {count}", "optimisers", enter, bytes=4 * arrays * count, in_place=True)


def works():
    for element in ("f32", "f64"):
        for name in FUNCTIONS:
            yield function_work(name, element)
    for name in ROWS:
        for size in SIZES:
            yield row_work(name, *size)
    for sizes in ATTENTION:
        yield attention_work(*sizes)
    for name in OPTIMISERS:
        for count in PARAMETERS:
            yield optimiser_work(name, count)
