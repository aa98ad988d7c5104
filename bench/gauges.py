"""CPU time and memory of a process and all its descendants, read from the kernel. Knows no gateway and no load."""

import os
import resource
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpu:
    """CPU time used so far: the sum exact to the nanosecond, its two parts sampled by the kernel's clock tick."""

    total_ns: int
    user_ticks: int
    system_ticks: int

    def since(self, earlier: "Cpu") -> "CpuSpent":
        """Return what was used after `earlier`."""
        total_us = (self.total_ns - earlier.total_ns) / 1000
        user = self.user_ticks - earlier.user_ticks
        ticks = user + self.system_ticks - earlier.system_ticks
        user_us = total_us * user / ticks if ticks else 0.0
        return CpuSpent(total_us=total_us, user_us=user_us, system_us=total_us - user_us)


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuSpent:
    """CPU time of one run in microseconds."""

    total_us: float
    user_us: float
    system_us: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Memory of a process tree in kilobytes; PSS counts shared pages once."""

    rss_kb: int
    pss_kb: int


def stat_fields(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the third on; raises OSError when the process is gone."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def process_tree(root: int) -> list[int]:
    """Return the process and all its living descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            pid = int(entry.name)
            try:
                children.setdefault(int(stat_fields(pid)[1]), []).append(pid)
            except OSError:
                continue
    found = [root]
    for pid in found:
        found.extend(children.get(pid, []))
    return found


def process_clock(pid: int) -> int:
    """Return the kernel's id of a process's CPU clock, all threads included (see clock_getcpuclockid)."""
    return (~pid << 3) | 2


def cpu(root: int) -> Cpu:
    """Return the CPU time of the tree so far, of children that have ended too."""
    total_ns = user_ticks = system_ticks = 0
    for pid in process_tree(root):
        try:
            own_ns = time.clock_gettime_ns(process_clock(pid))
            user, system, ended_user, ended_system = (int(field) for field in stat_fields(pid)[11:15])
        except OSError:
            continue
        total_ns += own_ns + (ended_user + ended_system) * 1_000_000_000 // TICKS_PER_SECOND
        user_ticks += user + ended_user
        system_ticks += system + ended_system
    return Cpu(total_ns=total_ns, user_ticks=user_ticks, system_ticks=system_ticks)


def memory(root: int) -> Memory:
    """Return resident and proportional memory of the tree; walks page tables, so not for a process under load."""
    sums = {"Rss:": 0, "Pss:": 0}
    for pid in process_tree(root):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            name, *rest = line.split()
            if name in sums:
                sums[name] += int(rest[0])
    return Memory(rss_kb=sums["Rss:"], pss_kb=sums["Pss:"])


def resident_kb(root: int) -> int:
    """Return the resident memory of the tree, cheaply enough for a process under load."""
    pages = 0
    for pid in process_tree(root):
        try:
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except OSError:
            continue
    return pages * PAGE_KB


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreTime:
    """Ticks that cores have spent so far on anything, and ticks taken from them by the host of this machine."""

    busy_ticks: int
    stolen_ticks: int

    def taken_us_since(self, earlier: "CoreTime") -> float:
        """Return how much time was not idle after `earlier`, whoever used it."""
        ticks = self.busy_ticks + self.stolen_ticks - earlier.busy_ticks - earlier.stolen_ticks
        return ticks * 1e6 / TICKS_PER_SECOND


def core_time(cores: Collection[int]) -> CoreTime:
    """Return the time of some cores together: the proof that nobody else was at work there."""
    names = {f"cpu{core}" for core in cores}
    busy_ticks = stolen_ticks = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name in names:
            user, nice, system, _idle, _iowait, irq, softirq, steal = (int(field) for field in fields[:8])
            busy_ticks += user + nice + system + irq + softirq
            stolen_ticks += steal
    return CoreTime(busy_ticks=busy_ticks, stolen_ticks=stolen_ticks)


def own_us() -> float:
    """Return the CPU time of this process and of the children it has waited for, in microseconds."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in spent) * 1e6
