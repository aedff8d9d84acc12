"""The operations of networks.py in PyTorch, and training steps: eager and compiled."""
import torch
from torch.nn import functional as F

EPS = 1e-5


class Operations:
    """Weights of linear layers lie as [in, out], as ours do."""
    gelu = staticmethod(lambda x: F.gelu(x, approximate="tanh"))
    relu = staticmethod(F.relu)
    add = staticmethod(torch.add)
    flatten = staticmethod(lambda x: x.flatten(1))
    mean_pool = staticmethod(lambda x: x.mean((2, 3)))
    rows = staticmethod(lambda table, index: F.embedding(index, table))
    transposed = staticmethod(lambda x: x.T)
    conv = staticmethod(F.conv2d)
    max_pool = staticmethod(F.max_pool2d)

    @staticmethod
    def linear(x, w, b):
        return F.linear(x, w.T, b)

    @staticmethod
    def batch_norm(x, gain, bias, center, spread):
        return F.batch_norm(x, center, spread, gain, bias, training=True, momentum=0.1, eps=EPS)

    @staticmethod
    def layer_norm(x, gain, bias):
        return F.layer_norm(x, x.shape[-1:], gain, bias, EPS)

    @staticmethod
    def lstm(x, w, u, bias):
        """PyTorch's own loop; its gates stand as ours, without the 1 that ours adds to the forget gate."""
        size = u.shape[0]
        shift = torch.zeros_like(bias)
        shift[size:2 * size] = 1
        state = torch.zeros(1, x.shape[1], size)
        return torch.lstm(x, (state, state), (w.T, u.T, bias, shift), True, 1, 0.0, True, False, False)[0]

    @staticmethod
    def causal_attention(query, key, values, heads):
        split = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (query, key, values))
        return F.scaled_dot_product_attention(*split, is_causal=True).transpose(1, 2).flatten(2)


class Training:
    """Steps of Adam from given parameters; step() returns the loss before the step."""

    def __init__(self, forward, parameters, states, x, label, rate, compiled):
        self.parameters = {path: torch.nn.Parameter(torch.from_numpy(a.copy())) for path, a in parameters.items()}
        every = self.parameters | {path: torch.from_numpy(a.copy()) for path, a in states.items()}
        x, label = torch.from_numpy(x), torch.from_numpy(label).long().flatten()
        x = x.contiguous()

        def loss():
            return F.cross_entropy(forward(Operations, every, x).flatten(0, -2), label)
        self.loss = torch.compile(loss) if compiled else loss
        self.optimiser = torch.optim.Adam(self.parameters.values(), lr=rate, fused=True)

    def step(self):
        self.optimiser.zero_grad()
        loss = self.loss()
        loss.backward()
        self.optimiser.step()
        return loss.item()
