"""make bench: measures every work beside its peers, prints tables of ratios, and writes them to a file.

Each number of threads is measured by a process of its own, pinned to as many cores before any peer is loaded, so that
all have the same. docs/bench.md says what the figures mean and how to add a work."""
import argparse
import collections
import json
import math
import os
import re
import subprocess
import sys
import tempfile


def arguments():
    parser = argparse.ArgumentParser(prog="bench.py", description=__doc__.splitlines()[0])
    parser.add_argument("--work", default="", help="only works whose name or group this regular expression finds")
    parser.add_argument("--peers", default="", help="only peers whose name this regular expression finds")
    parser.add_argument("--threads", default="", help="numbers of threads: 1 2 (default: 1 and all cores)")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall",
                        help="cpu: processor time, for one thread on a machine that others use too")
    parser.add_argument("--seconds", type=float, default=0.4, help="for the rounds of a work")
    parser.add_argument("--all", action="store_true", help="slow works too, and peers that take minutes to compile")
    parser.add_argument("--list", action="store_true", help="print the names of the works")
    parser.add_argument("--output", default="build/bench.json")
    parser.add_argument("--rows", help=argparse.SUPPRESS)      # a child's file
    return parser.parse_args()


def selected(options):
    import compilation
    import inference
    import products
    import rows
    import training
    found = [w for module in (products, rows, inference, training, compilation) for w in module.works()
             if re.search(options.work, w.name) or re.search(options.work, w.group)]
    chosen = [w for w in found if options.all or options.work or not w.slow]
    if not chosen:
        raise SystemExit(f"bench: no work has a name or a group like {options.work!r}; --list has them")
    return chosen


# ---- one number of threads ------------------------------------------------------------------------

def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def run_child(options):
    """Measures and writes rows and messages; progress goes to the standard error."""
    import contest
    import machine
    import peers
    peers.wanted = re.compile(options.peers)
    here, rows, messages = machine.Machine(int(options.threads)), [], []
    works = selected(options)
    for number, work in enumerate(works, 1):
        progress(f"{here.count} threads, {number} of {len(works)}: {work.name}")
        try:
            new, said = contest.measure(work, here, contest.CLOCKS[options.clock], options.seconds)
        except Exception as error:           # the others are measured all the same
            new, said = [], [f"{work.name}: {type(error).__name__}: {error}"]
        rows += new
        messages += said
    progress("")
    with open(options.rows, "w") as f:
        json.dump({"rows": rows, "messages": messages, "missing": peers.missing, "versions": peers.versions}, f)


# ---- tables ----------------------------------------------------------------------------------------

def quantity(seconds):
    for unit, scale in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def rate(row):
    if row["operations"]:
        return f"{row['operations'] / row['our_seconds'] * 1e-9:.1f} GF/s"
    return f"{row['bytes'] / row['our_seconds'] * 1e-9:.1f} GB/s" if row["bytes"] else ""


def print_facts(group, rows):
    """A table of what is no contest."""
    width = max(len(row["work"]) for row in rows)
    print(f"\n{group}\n\n{'work':{width}}" + "".join(f"  {name:>9}" for name in rows[0]["facts"]))
    for row in rows:
        print(f"{row['work']:{width}}" + "".join(f"  {value:9.3g}" if value < 1000 else f"  {value:9.0f}"
                                                 for value in row["facts"].values()))


def print_group(group, rows):
    if "facts" in rows[0]:
        return print_facts(group, rows)
    peers = list(dict.fromkeys(r["peer"] for r in rows if r["peer"]))
    by_work = collections.defaultdict(dict)
    for row in rows:
        by_work[row["work"], row["threads"]][row["peer"]] = row
    width = max(len(work) for work, _ in by_work)
    print(f"\n{group}: times a peer's time is ours (above 1 is ahead; the middle half of the rounds)\n")
    print(f"{'work':{width}}  threads        ours          rate   limit" + "".join(f"  {p:>20}" for p in peers))
    for (work, threads), found in by_work.items():
        first = next(iter(found.values()))
        share = f"{first['share']:7.0%}" if first["share"] else "      –"
        line = f"{work:{width}}  {threads:7}  {quantity(first['our_seconds']):>10}  {rate(first):>12} {share}"
        for peer in peers:
            row = found.get(peer)
            text = f"{row['ratio']:6.2f} ({row['ratio_low']:.2f}–{row['ratio_high']:.2f})" if row else ""
            line += f"  {text:20}"
        print(line.rstrip())
    for threads in dict.fromkeys(t for _, t in by_work):
        print_mean(threads, peers, [f for (_, t), f in by_work.items() if t == threads])


def print_mean(threads, peers, works):
    def mean(ratios):
        return math.exp(sum(map(math.log, ratios)) / len(ratios))
    best = [min(r["ratio"] for r in found.values() if r["peer"]) for found in works if any(found)]
    if not best:
        return
    said = [f"best of them {mean(best):.2f}, ahead in {sum(b >= 1 for b in best)} of {len(best)}"]
    for peer in peers:
        said.append(f"{peer} {mean([f[peer]['ratio'] for f in works if peer in f]):.2f}")
    print(f"geometric mean, {threads} threads: " + "; ".join(said))


# ---- all -------------------------------------------------------------------------------------------

def processor():
    with open("/proc/cpuinfo") as f:
        text = f.read()
    name = re.search(r"model name\s*:\s*(.*)", text)
    flags = set(re.search(r"flags\s*:\s*(.*)", text).group(1).split()) if "flags" in text else set()
    return (name.group(1) if name else "unknown"), flags


def environment(threads, flags, everything):
    """Peers use what the process is pinned to; OpenBLAS is told what the processor can do, since Debian's does not
    know recent ones; whoever waits goes to sleep soon, so that nobody is timed beside the threads of another;
    and the C library keeps the memory of results, since new pages would cost more than what is computed."""
    build = os.environ.get("BENCH_BUILD", "build")
    kernels = "SKYLAKEX" if "avx512vl" in flags else "HASWELL" if "avx2" in flags else None
    settings = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads, "OPENBLAS_THREAD_TIMEOUT": "20",
                "XLA_FLAGS": "" if int(threads) > 1 else "--xla_cpu_multi_thread_eigen=false",
                "OPENBLAS_CORETYPE": kernels, "JAX_PLATFORMS": "cpu",
                "MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
                "PYTHONDONTWRITEBYTECODE": "1", "BENCH_ALL": "1" if everything else None,
                "TORCHINDUCTOR_CACHE_DIR": os.path.abspath(f"{build}/bench/inductor")}
    return os.environ | {name: value for name, value in settings.items() if value}


def main():
    options = arguments()
    if options.rows:
        return run_child(options)
    if options.list:
        for work in selected(options):
            print(f"{work.name:45} {work.group}{' (slow)' if work.slow else ''}")
        return 0
    name, flags = processor()
    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    print(f"# {name}, {cores} cores, load {load:.1f} before the first work, clock: {options.clock}", flush=True)
    rows, messages, missing, versions = [], [], {}, {}
    for threads in options.threads.split() or dict.fromkeys(["1"] if options.clock == "cpu" else ["1", str(cores)]):
        if options.clock == "cpu" and threads != "1":
            raise SystemExit("bench: processor time counts threads that wait, so --clock cpu wants --threads 1")
        with tempfile.NamedTemporaryFile("r", suffix=".json") as f:
            subprocess.run([sys.executable, *sys.argv, "--threads", threads, "--rows", f.name],
                           env=environment(threads, flags, options.all), check=True)
            found = json.load(f)
        rows += found["rows"]
        messages += found["messages"]
        missing |= found["missing"]
        versions |= found["versions"]
    for group in dict.fromkeys(row["group"] for row in rows):
        print_group(group, [row for row in rows if row["group"] == group])
    print()
    for peer, version in versions.items():
        print(f"measured beside: {peer}, {version}")
    for peer, why in missing.items():
        print(f"left out: {peer}, {why}")
    if missing:
        print("make bench-peers installs all peers")
    for message in dict.fromkeys(messages):
        print(f"error: {message}")
    with open(options.output, "w") as f:
        json.dump({"processor": name, "cores": cores, "clock": options.clock, "load": load, "peers": versions,
                   "rows": rows}, f, indent=1)
    print(f"written: {options.output}")
    return 1 if messages else 0


if __name__ == "__main__":
    sys.exit(main())
