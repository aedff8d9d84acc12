"""Whole networks forward, beside ONNX Runtime and OpenVINO, with the same weights."""
import networks
from contest import Field, Work
from machine import Array
from peers import module_peer
from runtimes import RUNTIMES

# Batches of each network, and which of its works are slow.
INFERENCE = {"MLP": (1, 64), "LeNet-5": (1, 64), "ResNet-18": (1, 64), "ResNet-50": (1, 64), "LSTM": (1, 64),
             "transformer": (1, 64)}
SLOW = {("ResNet-18", 64), ("ResNet-50", 1), ("ResNet-50", 64), ("transformer", 64)}


def as_onnx(network, slots, x):
    """The bytes of the network as an ONNX model with our weights."""
    import operations_onnx
    graph = operations_onnx.Graph()
    parameters = {path: array.numpy() for path, array in slots.items()}
    return graph.model(x.shape, x.element == "i32", network.forward(graph, parameters, "x"))


def inference_work(name, batch):
    work = Work(f"{name} inference, batch {batch}", "inference", None, slow=(name, batch) in SLOW)

    def enter(machine):
        model, work.operations = networks.model(name, batch, machine)
        entry = model.entry("predict").fill(x=networks.NETWORKS[name].below)
        found, results = {}, {}
        runtimes = [r for r in RUNTIMES if r.library()]
        if runtimes and module_peer("ONNX", "onnx"):
            onnx = as_onnx(networks.NETWORKS[name], model.slots(), entry.inputs["x"])
            for runtime in runtimes:
                results[runtime.name] = Array(entry.outputs["y"].shape)
                found[runtime.name] = runtime(machine, onnx, entry.inputs["x"], results[runtime.name])

        def check(peer):
            found[peer].read()
            return results[peer].difference(entry.outputs["y"])
        return Field({"ours": entry.contender} | {n: r.contender for n, r in found.items()}, check, 1e-3)
    work.enter = enter
    return work


def works():
    for name, batches in INFERENCE.items():
        for batch in batches:
            yield inference_work(name, batch)
