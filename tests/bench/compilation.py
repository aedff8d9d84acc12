"""What compiling costs: dnnc alone and with the C compiler, the memory of both, and how large the results are."""
import os
import statistics
import subprocess
import sys

import contest
import networks
from machine import BUILD

# Models of the repository, and networks of the benchmark: (name, batch, whether the entry trains).
MODELS = {"LeNet-5 of models/": "models/convnets/lenet5.dnn",
          "transformer of models/": "models/attention/transformer.dnn"}
NETWORKS = [("MLP", 64, True), ("LSTM", 16, True), ("ResNet-18 for CIFAR", 32, True), ("transformer", 8, True),
            ("ResNet-50", 1, False)]
REPEATED_BELOW = 2.0                         # seconds; what takes longer runs once


def run(command, clock, cores):
    """(seconds, most memory in bytes of a process) of a command and the processes that it starts, on all these cores."""
    spend = os.path.join(os.path.dirname(__file__), "spend.py")
    done = subprocess.run([sys.executable, "-I", "-S", spend, *command], stdout=subprocess.PIPE, check=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, cores))
    seconds, processor, memory = map(float, done.stdout.split())
    return processor if clock == contest.CLOCKS["cpu"] else seconds, memory


def repeated(command, clock, cores):
    runs = [run(command, clock, cores)]
    if runs[0][0] < REPEATED_BELOW:
        runs += [run(command, clock, cores) for _ in range(4)]
    return statistics.median(seconds for seconds, _ in runs), max(memory for _, memory in runs)


def compilation_work(name, path_of):
    def measure(work, machine, clock, budget):
        if machine.count > 1:                # it would say the same
            return [], []
        path, result = path_of(), f"{BUILD}/bench/compilation"
        dnnc = [f"{BUILD}/dnnc", path, "--target-cpu=native", "-o"]
        alone, memory = repeated(dnnc + [result + ".c"], clock, machine.all_cores)
        whole, most = repeated(dnnc + [result + ".so"], clock, machine.all_cores)
        facts = {"dnnc s": alone, "to .so s": whole, "dnnc MB": memory / 1e6, "most MB": most / 1e6,
                 ".c kB": os.stat(result + ".c").st_size / 1e3, ".so kB": os.stat(result + ".so").st_size / 1e3}
        return [contest.row_of(work, machine) | {"our_seconds": whole, "facts": facts}], []
    return contest.Work(f"{name}, compiled", "compilation", None, measure=measure)


def network_path(name, batch, training):
    path = f"{BUILD}/bench/compilation_{name.replace(' ', '_')}.dnn"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(networks.source(networks.NETWORKS[name], batch, training))
    return path


def works():
    for name, path in MODELS.items():
        yield compilation_work(name, lambda path=path: path)
    for name, batch, training in NETWORKS:
        kind = "training" if training else "inference"
        yield compilation_work(f"{name}, {kind}", lambda n=name, b=batch, t=training: network_path(n, b, t))
