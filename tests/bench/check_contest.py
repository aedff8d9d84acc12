"""Holds contest.py to what it says, with contenders whose times are known. Run by tests/unit/test_bench.c."""
import contest


class Known:
    """Says that a call takes so long, and counts how often it was asked."""

    def __init__(self, seconds):
        self.each, self.asked = seconds, 0

    def seconds(self, calls, clock):
        self.asked += 1
        return self.each


class NoMachine:
    count = 1

    def multiply_adds(self, operations):
        return Known(1.0), operations / 4e9

    def copy(self, count, in_place):
        return Known(0.001), count / 1e6


contenders = {"ours": Known(0.5), "slower": Known(1.0), "faster": Known(0.25), "wrong": Known(0.5), "nan": Known(0.5)}
differences = {"slower": 0.0, "faster": 1e-4, "wrong": 1.1e-4, "nan": float("nan")}
work = contest.Work("known", "group", lambda machine: contest.Field(contenders, differences.get), operations=10**9,
                    bytes=10**6)
rows, messages = contest.measure(work, NoMachine(), contest.CLOCKS["wall"], 0)

assert [(r["peer"], r["ratio"], r["ratio_low"], r["ratio_high"]) for r in rows] == \
    [("slower", 2, 2, 2), ("faster", 0.5, 0.5, 0.5)], rows
assert all(r["our_seconds"] == 0.5 and r["share"] == 0.5 and r["rounds"] == 3 for r in rows), rows
assert len(messages) == 2 and "wrong" in messages[0] and "nan" in messages[1], messages
assert contenders["wrong"].asked == contenders["nan"].asked == 1, "what computes something else is not timed"

alone, _ = contest.measure(contest.Work("alone", "group", lambda m: contest.Field({"ours": Known(0.5)})), NoMachine(),
                           contest.CLOCKS["wall"], 0)
assert len(alone) == 1 and alone[0]["peer"] is None and alone[0]["share"] is None, alone
assert contest.spread([5, 1, 2, 4, 3]) == (3, 2, 4)
short = Known(1e-6)
assert contest.calls_of(short, contest.CLOCKS["wall"]) == 1000
print("contest.py keeps its word")
