"""Runs a command and prints what it spent: seconds, seconds of the processor, most memory in bytes of one of its processes.
A process counts the memory of the one that started it as its own, so this one, which is small, stands between a
command and a benchmark with gigabytes of libraries."""
import os
import subprocess
import sys
import time

start = time.monotonic()
child = subprocess.Popen(sys.argv[1:], stdout=sys.stderr)
_, status, used = os.wait4(child.pid, 0)
print(time.monotonic() - start, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)
sys.exit(os.waitstatus_to_exitcode(status) and 1)
