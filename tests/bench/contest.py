"""Measures contenders in turn, round by round, so that all see the same clock and the same neighbours."""
import dataclasses
import statistics
import time
from typing import Callable

SAMPLE_SECONDS = 1e-3          # the least that a sample takes: below, the clock and interrupts tell
PAUSE_SECONDS = 4e-3           # before each sample
WARMED_SECONDS = 20e-3          # a call that takes longer is not preceded by one that is not counted
LONG_PAUSE_SECONDS = 30e-3     # with several threads: those that others left spinning go to sleep, of OpenMP after 8 ms
CLOCKS = {"wall": time.CLOCK_MONOTONIC, "cpu": time.CLOCK_PROCESS_CPUTIME_ID}


@dataclasses.dataclass
class Work:
    """What is measured. `enter(machine)` gives a Field when its turn comes."""
    name: str                  # as in WORK=…
    group: str                 # the table that it stands in
    enter: Callable
    operations: int = 0        # floating-point ones, and in what; the limit is the peak of multiply-adds,
    element: str = "f32"
    bytes: int = 0             # or a copy of so many bytes, read and written, where that takes longer
    in_place: bool = False     # what is written was read
    slow: bool = False         # measured with ALL=1 only, or by name
    measure: Callable = None   # in place of measure() below, for what is no contest


@dataclasses.dataclass
class Field:
    """Contenders by name, "ours" among them. Each has seconds(calls, clock): of one call, the mean of so many.
    `check` maps a peer's name to the difference of its results from ours, as a share, after all were called."""
    contenders: dict
    check: Callable = lambda name: 0.0
    tolerance: float = 1e-4


class Function:
    """A function of Python as a contender."""

    def __init__(self, function):
        self.function = function

    def seconds(self, calls, clock):
        function = self.function
        start = time.clock_gettime(clock)
        for _ in range(calls):
            function()
        return (time.clock_gettime(clock) - start) / calls


def calls_of(contender, clock):
    """How many calls make a sample."""
    calls = 1
    while True:
        contender.seconds(1, clock)                         # wakes its threads, which a sample does before it counts
        once = contender.seconds(calls, clock)
        if once * calls >= SAMPLE_SECONDS or calls >= 1 << 20:
            return calls
        calls = min(1 << 20, max(2 * calls, int(SAMPLE_SECONDS / max(once, 1e-9))))


def rounds(contenders, clock, budget, pause, most=41):
    """Samples by name, a pause before each. Every round has one of each, from another first one, for `budget` seconds; there
    are at least five, or three where these take ten times as long."""
    calls = {name: calls_of(contender, clock) for name, contender in contenders.items()}
    samples = {name: [] for name in contenders}
    names, start = list(contenders), time.monotonic()
    for turn in range(most):
        spent = time.monotonic() - start
        if turn >= 5 and spent > budget or turn >= 3 and spent > 10 * budget:
            break
        for name in names[turn % len(names):] + names[:turn % len(names)]:
            time.sleep(pause)
            if calls[name] > 1 or samples[name] and samples[name][-1] < WARMED_SECONDS:
                contenders[name].seconds(1, clock)          # wakes its threads, fills the caches
            samples[name].append(contenders[name].seconds(calls[name], clock))
    return samples


def spread(values):
    """(median, lower quartile, upper quartile)"""
    values = sorted(values)
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return middle, low, high


def row_of(work, machine):
    """A row of results in which nothing is measured yet."""
    unknown = ("peer", "ratio", "ratio_low", "ratio_high", "our_seconds", "peer_seconds", "share")
    return {"work": work.name, "group": work.group, "threads": machine.count, "operations": work.operations,
            "bytes": work.bytes, "rounds": 1} | dict.fromkeys(unknown)


def measure(work, machine, clock, budget):
    """(rows of results, messages) of a work: one row per peer, or one with peer None where there is none."""
    if work.measure:
        return work.measure(work, machine, clock, budget)
    field = work.enter(machine)
    for name, contender in field.contenders.items():
        contender.seconds(1, clock)
    contenders, messages = dict(field.contenders), []
    for name in [n for n in contenders if n != "ours"]:
        difference = field.check(name)
        if not difference <= field.tolerance:
            del contenders[name]
            messages.append(f"{work.name}: the results of {name} differ from ours by {difference:.2g} of the largest "
                            f"(at most {field.tolerance:.2g} is allowed); not compared")
    limit = limits(work, machine)
    samples = rounds(contenders | {name: contender for name, (contender, _) in limit.items()}, clock, budget,
                     PAUSE_SECONDS if machine.count == 1 else LONG_PAUSE_SECONDS)
    ours = samples["ours"]
    least = [max(times) for times in zip(*([scale * t for t in samples[name]] for name, (_, scale) in limit.items()))]
    row = row_of(work, machine) | {
        "our_seconds": statistics.median(ours), "rounds": len(ours),
        "share": statistics.median(a / b for a, b in zip(least, ours)) if least else None}
    rows = []
    for name in contenders:
        if name != "ours":
            ratio, low, high = spread([a / b for a, b in zip(samples[name], ours)])
            rows.append(row | {"peer": name, "ratio": ratio, "ratio_low": low, "ratio_high": high,
                               "peer_seconds": statistics.median(samples[name])})
    return rows or [row], messages


def limits(work, machine):
    """What bounds a work from below, by name: a contender, and how often it stands in the work."""
    found = {"the peak": machine.multiply_adds(work.operations * (2 if work.element == "f64" else 1))
             if work.operations else None, "a copy":
             machine.copy(work.bytes, work.in_place) if work.bytes else None}
    return {name: limit for name, limit in found.items() if limit}
