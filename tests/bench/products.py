"""Products of matrices and convolutions, against OpenBLAS and oneDNN."""
import ctypes

import ours
from contest import Field, Work
from machine import Array, Native
from peers import library_peer

# M x N x K of c[M, N] = a[M, K] b[K, N], and with :f64 in double. Each is measured with its two gradients.
PRODUCTS = """64x64x64 128x128x128 256x256x256 512x512x512 1024x1024x1024 2048x2048x2048 64x512x784 32x768x768
  128x3072x768 128x768x3072 37x257x131 1x1024x1024 1x4096x4096 256x256x256:f64 512x512x512:f64""".split()

# filters, size, stride, groups of x[n, channels, side, side]; the padding keeps the side / stride.
CONVOLUTIONS = {"7x7/2 3>64 at 224": (3, 224, 64, 7, 2, 1), "3x3 64 at 56": (64, 56, 64, 3, 1, 1),
                "3x3 128 at 28": (128, 28, 128, 3, 1, 1), "3x3 256 at 14": (256, 14, 256, 3, 1, 1),
                "3x3 512 at 7": (512, 7, 512, 3, 1, 1), "1x1 256>64 at 56": (256, 56, 64, 1, 1, 1),
                "1x1 64>256 at 56": (64, 56, 256, 1, 1, 1), "1x1 2048>512 at 7": (2048, 7, 512, 1, 1, 1),
                "depthwise 3x3 128 at 56": (128, 56, 128, 3, 1, 128),
                "depthwise 3x3 512 at 14": (512, 14, 512, 3, 1, 512)}
# Two with another padding or batch: LeNet's.
LENET = {"5x5 1>6 at 28, batch 64": (64, 1, 28, 6, 5, 1, 2, 1),
         "5x5 6>16 at 14, batch 64": (64, 6, 14, 16, 5, 1, 0, 1)}


class Product(ctypes.Structure):             # product.h
    _fields_ = [(n, ctypes.c_int64) for n in "m n k transposed_a transposed_b f64".split()] + \
               [(n, ctypes.c_void_p) for n in "a b c".split()]


class Convolution(ctypes.Structure):
    _fields_ = [(n, ctypes.c_int64) for n in "n channels height width filters size stride pad groups".split()] + \
               [(n, ctypes.c_void_p) for n in "x w y state".split()]


def product_works(text):
    sizes, _, element = text.partition(":")
    m, n, k = map(int, sizes.split("x"))
    element = element or "f32"
    suffix = f" {element}" if element != "f32" else ""
    yield product_work(f"product {sizes}{suffix}", m, n, k, False, False, element)
    yield product_work(f"product {sizes}{suffix} grad a", m, k, n, False, True, element)
    yield product_work(f"product {sizes}{suffix} grad b", k, n, m, True, False, element)


def product_work(name, m, n, k, transposed_a, transposed_b, element):
    a = [k, m] if transposed_a else [m, k]
    b = [n, k] if transposed_b else [k, n]
    source = (f"entry product(a: {element}{a}, b: {element}{b}) -> (c) "
              f"{{ c = a{'.T' * transposed_a} @ b{'.T' * transposed_b} }}\n")

    def enter(machine):
        entry = ours.Model(ours.compiled(name.replace(" ", "_"), source), machine).entry("product").fill()
        contenders, results = {"ours": entry.contender}, {}
        for peer in ("OpenBLAS", "oneDNN"):
            library = library_peer(peer)
            if library and not (peer == "oneDNN" and element == "f64"):
                results[peer] = Array([m, n], element)
                task = Product(m, n, k, transposed_a, transposed_b, element == "f64",
                               *(entry.inputs[i].pointer for i in "ab"), results[peer].pointer)
                contenders[peer] = Native(library.peer_product, ctypes.addressof(task), keep=task)
        return Field(contenders, lambda peer: results[peer].difference(entry.outputs["c"]), 1e-4)

    return Work(name, "products", enter, operations=2 * m * n * k, element=element,
                bytes=(m * k + k * n + m * n) * (8 if element == "f64" else 4))


def convolution_work(name, n, channels, side, filters, size, stride, pad, groups):
    out = (side + 2 * pad - size) // stride + 1
    source = f"""param w: f32[{filters}, {channels // groups}, {size}, {size}] = 0.1 * normal[shape]()
entry convolve(x: f32[{n}, {channels}, {side}, {side}]) -> (y) {{
  y = conv[stride: {stride}, pad: {pad}, groups: {groups}](x, w)
}}
"""

    def enter(machine):
        model = ours.Model(ours.compiled(name.translate(str.maketrans(" /,>", "____")), source), machine)
        entry, w = model.entry("convolve").fill(), model.slots()["w"]
        contenders, result, library = {"ours": entry.contender}, Array([n, filters, out, out]), library_peer("oneDNN")
        task = Convolution(n, channels, side, side, filters, size, stride, pad, groups, entry.inputs["x"].pointer,
                           w.pointer, result.pointer)
        if library:
            library.checked(library.peer_convolution_open, task)
            contenders["oneDNN"] = Native(library.peer_convolution, ctypes.addressof(task), keep=task)

        def check(peer):
            library.checked(library.peer_convolution_read, task)
            return result.difference(entry.outputs["y"])
        return Field(contenders, check, 1e-3)

    operations = 2 * n * filters * out * out * (channels // groups) * size * size
    return Work(name, "convolutions", enter, operations=operations)


def works():
    for text in PRODUCTS:
        yield from product_works(text)
    for batch in (1, 16):
        for name, (channels, side, filters, size, stride, groups) in CONVOLUTIONS.items():
            yield convolution_work(f"conv {name}, batch {batch}", batch, channels, side, filters, size, stride,
                                   size // 2, groups)
    for name, sizes in LENET.items():
        yield convolution_work(f"conv {name}", *sizes)
