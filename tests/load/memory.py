"""Memory of a server and its workers: the sum of what is theirs, pages that they share counted once (Linux's PSS)."""

from pathlib import Path


def group(leader: int) -> list[int]:
    """The processes in the process group of `leader`, it included; none where the system has no /proc."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if int(fields[2]) == leader:
            found.append(int(folder.name))
    return sorted(found)


def group_bytes(leader: int) -> dict[int, int]:
    """Proportional set size of each process of the group."""
    found = {}
    for pid in group(leader):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii", errors="replace").splitlines()
        except OSError:
            continue
        found[pid] = sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return found
