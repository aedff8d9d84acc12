"""The operations of networks.py as nodes of an ONNX graph."""
import numpy
from onnx import TensorProto, helper, numpy_helper

EPS = 1e-5


class Graph:
    """Values are names; parameters are arrays of numpy, which become initializers where they are used."""

    def __init__(self):
        self.nodes, self.constants, self.count = [], {}, 0

    def node(self, kind, inputs, output=0, outputs=1, **attributes):
        names = [f"v{self.count + i}" for i in range(outputs)]
        self.count += outputs
        inputs = [self.constant(i) if isinstance(i, numpy.ndarray) else i for i in inputs]
        self.nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names[output]

    def constant(self, value):
        if id(value) not in self.constants:
            name = f"c{len(self.constants)}"
            self.constants[id(value)] = numpy_helper.from_array(numpy.ascontiguousarray(value), name), value
        return self.constants[id(value)][0].name

    def integers(self, *values):
        return numpy.array(values, dtype=numpy.int64)

    def model(self, shape, is_integer, logits):
        """The bytes of the model from input x, of this shape, to output y."""
        kind = TensorProto.INT32 if is_integer else TensorProto.FLOAT
        self.nodes.append(helper.make_node("Identity", [logits], ["y"]))
        graph = helper.make_graph(self.nodes, "net", [helper.make_tensor_value_info("x", kind, shape)],
                                  [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
                                  [tensor for tensor, _ in self.constants.values()])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9).SerializeToString()

    def linear(self, x, w, b):
        y = self.node("MatMul", [x, w])
        return y if b is None else self.add(y, b)

    def add(self, x, y):
        return self.node("Add", [x, y])

    def relu(self, x):
        return self.node("Relu", [x])

    def gelu(self, x):
        return self.node("Gelu", [x], approximate="tanh")

    def conv(self, x, w, b, stride, pad):
        return self.node("Conv", [x, w] + ([] if b is None else [b]), kernel_shape=w.shape[2:], strides=[stride] * 2,
                         pads=[pad] * 4)

    def max_pool(self, x, size, stride, pad):
        return self.node("MaxPool", [x], kernel_shape=[size] * 2, strides=[stride] * 2, pads=[pad] * 4)

    def mean_pool(self, x):
        return self.flatten(self.node("GlobalAveragePool", [x]))

    def flatten(self, x):
        return self.node("Flatten", [x])

    def batch_norm(self, x, gain, bias, center, spread):
        return self.node("BatchNormalization", [x, gain, bias, center, spread], epsilon=EPS)

    def layer_norm(self, x, gain, bias):
        return self.node("LayerNormalization", [x, gain, bias], epsilon=EPS)

    def rows(self, table, index):
        return self.node("Gather", [table, index])

    def transposed(self, x):
        return numpy.ascontiguousarray(x.T)

    def lstm(self, x, w, u, bias):
        """Gates of ONNX stand as input, output, forget, candidate; ours adds 1 to the forget gate."""
        size = u.shape[0]

        def gates(a):
            i, f, g, o = numpy.split(a, 4, -1)
            return numpy.concatenate([i, o, f, g], -1)
        shifted = bias + numpy.repeat([0, 1, 0, 0], size).astype(bias.dtype)
        both = numpy.concatenate([gates(shifted), numpy.zeros_like(bias)])[None]
        weights = [gates(a).T[None].copy() for a in (w, u)]
        y = self.node("LSTM", [x, *weights, both], outputs=3, hidden_size=size)
        return self.node("Squeeze", [y, self.integers(1)])

    def causal_attention(self, query, key, values, heads):
        def split(x, axes):
            x = self.node("Reshape", [x, self.integers(0, 0, heads, -1)])
            return self.node("Transpose", [x], perm=axes)
        width, places = 64, 128              # of a head; of the text
        scores = self.node("MatMul", [split(query, [0, 2, 1, 3]), split(key, [0, 2, 3, 1])])
        scores = self.node("Mul", [scores, numpy.array(width ** -0.5, dtype=numpy.float32)])
        mask = numpy.triu(numpy.full((places, places), -1e30, dtype=numpy.float32), 1)
        weights = self.node("Softmax", [self.add(scores, mask)], axis=-1)
        seen = self.node("MatMul", [weights, split(values, [0, 2, 1, 3])])
        return self.node("Reshape", [self.node("Transpose", [seen], perm=[0, 2, 1, 3]), self.integers(0, 0, -1)])
