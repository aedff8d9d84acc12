"""Training steps of whole networks, with Adam, beside PyTorch (eager, compiled) and JAX, from the same weights."""
import networks
from contest import Field, Function, Work
from peers import everything, found_missing, module_peer, torch

# The batch of each network.
TRAINING = {"MLP": 64, "LeNet-5": 64, "ResNet-18 for CIFAR": 32, "LSTM": 16, "transformer": 8}
SLOW = ("ResNet-18 for CIFAR",)
CLASSES = {"MLP": 10, "LeNet-5": 10, "ResNet-18 for CIFAR": 10, "LSTM": 64, "transformer": 256}
RATE = 1e-4                                  # at larger ones Adam's signs of tiny gradients tell, which are noise


def peers_of(network, model, entry, threads):
    """{name: Training} of the peers that are there, with the model's weights."""
    slots = model.slots().items()
    parameters = {path: a.numpy() for path, a in slots if path.startswith("net.") and not running(path)}
    given = (network.forward, parameters, {path: a.numpy() for path, a in slots if running(path)},
             entry.inputs["x"].numpy(), entry.inputs["label"].numpy(), RATE)
    found = {}
    if torch(threads):
        import operations_torch
        found["PyTorch"] = operations_torch.Training(*given, compiled=False)
        if everything():
            found["PyTorch compiled"] = operations_torch.Training(*given, compiled=True)
    if module_peer("JAX", "jax"):
        import operations_jax
        found["JAX"] = operations_jax.Training(*given)
    return found


def two_steps(peer, work, training):
    """The losses before each; None, and the peer is noted as missing, where it fails."""
    try:
        return [training.step(), training.step()]
    except Exception as error:               # whatever a library of others raises
        return found_missing(f"{peer} in {work}", f"{type(error).__name__}: {str(error).splitlines()[0][:80]}")


def running(path):
    """Whether a slot holds statistics of batch normalisation."""
    return path.startswith("net.") and path.endswith((".center", ".spread"))


def training_work(name, batch):
    work = Work(f"{name} training step, batch {batch}", "training steps", None, slow=name in SLOW)
    network = networks.NETWORKS[name]

    def enter(machine):
        model, work.operations = networks.model(name, batch, machine, training=True)
        entry = model.entry("train").fill(x=network.below, label=CLASSES[name])
        entry.inputs["rate"].numbers()[0] = RATE
        peers = peers_of(network, model, entry, machine.count)
        entry.call()
        losses = {peer: two_steps(peer, work.name, training) for peer, training in peers.items()}
        peers = {peer: training for peer, training in peers.items() if losses[peer]}
        ours = [entry.outputs["loss"].numbers()[0]]
        entry.call()
        ours.append(entry.outputs["loss"].numbers()[0])

        def check(peer):
            (first, second), (our_first, our_second) = losses[peer], ours
            fall = our_first - our_second    # by the first step; a tenth of it may differ
            return max(abs(first - our_first) / our_first, 0.01 * abs((first - second - fall) / fall))
        contenders = {peer: Function(training.step) for peer, training in peers.items()}
        return Field({"ours": entry.contender} | contenders, check, 1e-3)
    work.enter = enter
    return work


def works():
    for name, batch in TRAINING.items():
        yield training_work(name, batch)
