"""The operations of networks.py in JAX, and a compiled training step."""
import functools

import jax
from jax import lax, numpy as jnp

EPS, B1, B2 = 1e-5, 0.9, 0.999
IMAGES = ("NCHW", "OIHW", "NCHW")


class Operations:
    gelu = staticmethod(functools.partial(jax.nn.gelu, approximate=True))
    relu = staticmethod(jax.nn.relu)
    add = staticmethod(jnp.add)
    flatten = staticmethod(lambda x: x.reshape(x.shape[0], -1))
    mean_pool = staticmethod(lambda x: x.mean((2, 3)))
    rows = staticmethod(lambda table, index: table[index])
    transposed = staticmethod(jnp.transpose)

    @staticmethod
    def linear(x, w, b):
        return x @ w if b is None else x @ w + b

    @staticmethod
    def conv(x, w, b, stride, pad):
        y = lax.conv_general_dilated(x, w, (stride, stride), ((pad, pad), (pad, pad)), dimension_numbers=IMAGES)
        return y if b is None else y + b[:, None, None]

    @staticmethod
    def max_pool(x, size, stride, pad):
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, size, size), (1, 1, stride, stride),
                                 ((0, 0), (0, 0), (pad, pad), (pad, pad)))

    @staticmethod
    def batch_norm(x, gain, bias, center, spread):
        """Of the batch; running statistics, which the loss does not need, are left out."""
        d = x - x.mean((0, 2, 3), keepdims=True)
        v = (d * d).mean((0, 2, 3), keepdims=True)
        return d * lax.rsqrt(v + EPS) * gain[:, None, None] + bias[:, None, None]

    @staticmethod
    def layer_norm(x, gain, bias):
        d = x - x.mean(-1, keepdims=True)
        return d * lax.rsqrt((d * d).mean(-1, keepdims=True) + EPS) * gain + bias

    @staticmethod
    def lstm(x, w, u, bias):
        def step(state, a):
            h, c = state
            i, f, g, o = jnp.split(a + h @ u, 4, -1)
            c = jax.nn.sigmoid(f + 1) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h
        zeros = jnp.zeros((x.shape[1], u.shape[0]))
        return lax.scan(step, (zeros, zeros), x @ w + bias)[1]

    @staticmethod
    def causal_attention(query, key, values, heads):
        split = (x.reshape(*x.shape[:2], heads, -1) for x in (query, key, values))
        return jax.nn.dot_product_attention(*split, is_causal=True).reshape(query.shape)


class Training:
    """Steps of Adam from given parameters; step() returns the loss before the step."""

    def __init__(self, forward, parameters, states, x, label, rate):
        weights = jax.tree.map(jnp.array, parameters)
        fixed, x, label = jax.tree.map(jnp.array, states), jnp.array(x), jnp.array(label).reshape(-1)

        def loss(w):
            log_p = jax.nn.log_softmax(forward(Operations, w | fixed, x))
            return -jnp.take_along_axis(log_p.reshape(len(label), -1), label[:, None], 1).mean()

        @functools.partial(jax.jit, donate_argnums=0)
        def step(state):
            t, w, m, v = state
            t, (value, g) = t + 1, jax.value_and_grad(loss)(w)
            m = jax.tree.map(lambda m, g: B1 * m + (1 - B1) * g, m, g)
            v = jax.tree.map(lambda v, g: B2 * v + (1 - B2) * g * g, v, g)
            w = jax.tree.map(lambda w, m, v: w - rate * (m / (1 - B1 ** t)) / (jnp.sqrt(v / (1 - B2 ** t)) + 1e-8),
                             w, m, v)
            return (t, w, m, v), value
        self.compute = step
        self.state = (jnp.zeros(()), weights, jax.tree.map(jnp.zeros_like, weights),
                      jax.tree.map(jnp.zeros_like, weights))

    def step(self):
        self.state, loss = self.compute(self.state)
        return float(loss)
