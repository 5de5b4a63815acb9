"""A command run to its end: what it cost."""
import os
import subprocess
import threading
import time

# So often its peak of memory is looked at; the kernel keeps the peak itself, so only the last moment may be missed.
LOOK = 0.02


def status(pid):
    """/proc/PID/status as a table; empty once the process has ended."""
    try:
        with open(f"/proc/{pid}/status") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    except (FileNotFoundError, ProcessLookupError):
        return {}


def mebibytes(pid, field):
    return int(status(pid).get(field, "0 kB").split()[0]) / 1024


def family(pid):
    """A process and all that it started."""
    yield pid
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            children = file.read().split()
    except (FileNotFoundError, ProcessLookupError):
        return
    for child in children:
        yield from family(child)


def run(command, cwd, env):
    """Runs it; answers its exit code and its cost: CPU and disk with all that it started, the memory of the largest."""
    with open(os.path.join(cwd, "stdout"), "wb") as out, open(os.path.join(cwd, "stderr"), "wb") as err:
        began = time.monotonic()
        child = subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        ended = []

        def wait():
            _, code, usage = os.wait4(child.pid, 0)
            ended.extend([os.waitstatus_to_exitcode(code), usage, time.monotonic() - began])

        waiting = threading.Thread(target=wait)
        waiting.start()
        peak = 0.0
        while waiting.is_alive():
            peak = max(peak, *(mebibytes(pid, "VmHWM") for pid in family(child.pid)))
            waiting.join(LOOK)
    code, usage, wall = ended
    child.returncode = code
    cost = {
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "wall_s": wall,
        "peak_rss_mib": peak,
        # Written to the page cache of a file on a disk; nothing on a tmpfs.
        "disk_bytes": usage.ru_oublock * 512,
    }
    return code, cost


def text(cwd, name):
    with open(os.path.join(cwd, name), errors="replace") as file:
        return file.read()


def cpu_seconds(pid):
    """Of a process that runs, its threads and the children that it has waited for."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(") ", 1)[1].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def switches(pid):
    """Voluntary context switches of each thread so far."""
    counts = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        counts[thread] = int(status(f"{pid}/task/{thread}").get("voluntary_ctxt_switches", 0))
    return counts


def wake_ups(pid, seconds):
    """Voluntary context switches of all its threads over so long, those of threads that end or begin meanwhile too."""
    total, before = 0, switches(pid)
    for _ in range(seconds):
        time.sleep(1)
        after = switches(pid)
        total += sum(count - before.get(thread, 0) for thread, count in after.items())
        before = after
    return total
