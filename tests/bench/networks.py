"""Networks that are measured whole. Each stands once in a .dnn file of this folder and once here, as a function of
the operations `o` of a peer (operations_*.py), parameters `p` by the paths that the .dnn file gives them, and the
input."""
import dataclasses
import os
import subprocess
from typing import Callable

import ours
from machine import BUILD

HERE = os.path.dirname(__file__)


@dataclasses.dataclass
class Network:
    file: str                  # FILE.dnn
    input: str                 # its type for a batch of B
    label: str                 # that of the class numbers for training
    forward: Callable          # (o, p, x) -> logits
    below: int = 1             # integers of the input are below
    constants: dict = dataclasses.field(default_factory=dict)


def mlp(o, p, x):
    x = o.relu(o.linear(x, p["net.linear_0.w"], p["net.linear_0.b"]))
    x = o.relu(o.linear(x, p["net.linear_1.w"], p["net.linear_1.b"]))
    return o.linear(x, p["net.linear_2.w"], p["net.linear_2.b"])


def lenet5(o, p, x):
    for i, pad in ((0, 2), (1, 0)):
        x = o.max_pool(o.relu(o.conv(x, p[f"net.conv2d_{i}.w"], p[f"net.conv2d_{i}.b"], 1, pad)), 2, 2, 0)
    return mlp(o, p, o.flatten(x))


def resnet(blocks, bottleneck, side):
    def conv_norm(o, p, x, path, size, stride=1):
        return o.batch_norm(o.conv(x, p[path + ".w"], None, stride, size // 2),
                            *(p[f"{path}.batch_norm2d_0.{n}"] for n in ("gain", "bias", "center", "spread")))

    def block(o, p, x, path, stride):
        kind, shapes = ("bottleneck", ((1, 1), (3, stride), (1, 1))) if bottleneck else \
            ("basic", ((3, stride), (3, 1)))
        y = x
        for i, (size, step) in enumerate(shapes):
            y = conv_norm(o, p, o.relu(y) if i else y, f"{path}.{kind}_0.conv_norm_{i}", size, step)
        projected = f"{path}.conv_norm_0.w" in p
        return o.relu(o.add(y, conv_norm(o, p, x, f"{path}.conv_norm_0", 1, stride) if projected else x))

    def forward(o, p, x):
        if side > 32:
            x = o.max_pool(o.relu(conv_norm(o, p, x, "net.conv_norm_0", 7, 2)), 3, 2, 1)
        else:                                # a call of its own in the text, so the next number
            x = o.relu(conv_norm(o, p, x, "net.conv_norm_1", 3))
        for stage, count in enumerate(blocks):
            for i in range(count):
                x = block(o, p, x, f"net.block_0[{stage}][{i}]", 2 if stage and not i else 1)
        return o.linear(o.mean_pool(x), p["net.linear_0.w"], p["net.linear_0.b"])
    return forward


def lstm(o, p, x):
    path = "net.lstm_0.lstm_states_0."
    hs = o.lstm(x, p[path + "w"], p[path + "u"], p[path + "bias"])
    return o.linear(hs, p["net.linear_0.w"], p["net.linear_0.b"])


def transformer(o, p, text):
    def norm(x, path):
        return o.layer_norm(x, p[path + ".gain"], p[path + ".bias"])

    def linear(x, path):
        return o.linear(x, p[path + ".w"], p.get(path + ".b"))

    table = p["net.token"]
    x = o.add(o.rows(table, text), p["net.learned_positions_0.place"])
    for i in range(6):
        path = f"net.encoder_0.encoder_block_0[{i}]"
        heads, h = path + ".self_attention_0.multi_head_0.", norm(x, path + ".layer_norm_0")
        seen = o.causal_attention(*(linear(h, heads + n) for n in ("query", "key", "values")), 6)
        x = o.add(x, linear(seen, heads + "out"))
        h = o.gelu(linear(norm(x, path + ".layer_norm_1"), path + ".feed_forward_0.linear_0"))
        x = o.add(x, linear(h, path + ".feed_forward_0.linear_1"))
    return o.linear(norm(x, "net.encoder_0.layer_norm_0"), o.transposed(table), None)


CIFAR = {"SIDE": "32", "CLASSES": "10"}
DEEP = {"BOTTLENECK": "true", "BLOCKS": "(3, 4, 6, 3)"}
NETWORKS = {
    "MLP": Network("mlp", "f32[B, 784]", "i32[B]", mlp),
    "LeNet-5": Network("lenet5", "f32[B, 1, 28, 28]", "i32[B]", lenet5),
    "ResNet-18": Network("resnet", "f32[B, 3, SIDE, SIDE]", "i32[B]", resnet((2, 2, 2, 2), False, 224)),
    "ResNet-50": Network("resnet", "f32[B, 3, SIDE, SIDE]", "i32[B]", resnet((3, 4, 6, 3), True, 224),
                         constants=DEEP),
    "ResNet-18 for CIFAR": Network("resnet", "f32[B, 3, SIDE, SIDE]", "i32[B]", resnet((2, 2, 2, 2), False, 32),
                                   constants=CIFAR),
    "LSTM": Network("lstm", "f32[128, B, 64]", "i32[128, B]", lstm),
    "transformer": Network("transformer", "i32[B, T]", "i32[B, T]", transformer, 256)}


def source(network, batch, training=False):
    """The .dnn file with an entry over a batch: `predict`, or `train`, a step of Adam."""
    with open(f"{HERE}/{network.file}.dnn") as f:
        text = f.read()
    for name, value in network.constants.items():
        head, _, rest = text.partition(f"const {name} = ")
        text = f"{head}const {name} = {value}\n{rest.partition(chr(10))[2]}"
    if training:
        return f"""use loss
use optim
{text}
const B = {batch}

entry train(x: {network.input}, label: {network.label}, rate: f32) -> (loss) {{
  loss = mean(cross_entropy(net(x), label))
  minimize loss over net with adam(rate)
}}
"""
    return f"{text}\nconst B = {batch}\n\nentry predict(x: {network.input}) -> (y) {{ y = net(x) }}\n"


def operations(path):
    """What the only entry of a model computes with, as `dnn info` counts it."""
    told = subprocess.run([f"{BUILD}/dnn", "info", path], check=True, capture_output=True, text=True)
    lines = told.stdout.split("\n")
    heading = next(i for i, line in enumerate(lines) if line.startswith("calls "))
    return int(lines[heading + 1].split()[2])


def model(name, batch, machine, training=False):
    """(the compiled model, its number of operations)"""
    mark = name.replace(" ", "_")
    path = ours.compiled(f"{'train' if training else 'predict'}_{mark}_{batch}",
                         source(NETWORKS[name], batch, training))
    return ours.Model(path, machine), operations(path.removesuffix(".so") + ".dnn")
