"""What Linux knows of a process: its memory, and how often it woke up."""

from pathlib import Path


def peak_mb(pid: int) -> float:
    """Return the most memory that was ever resident, in MB of a million bytes."""
    return _kilobytes(pid, "VmHWM") * 1_024 / 1e6


def resident_mb(pid: int) -> float:
    """Return the memory that is resident, in MB of a million bytes."""
    return _kilobytes(pid, "VmRSS") * 1_024 / 1e6


def wake_ups(pid: int) -> int:
    """Return how often all threads of a process together went to sleep of their own accord."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int(_field(thread / "status", "voluntary_ctxt_switches")) for thread in threads)


def _kilobytes(pid: int, name: str) -> int:
    return int(_field(Path(f"/proc/{pid}/status"), name).split()[0])


def _field(file: Path, name: str) -> str:
    fields = dict(line.split(":", 1) for line in file.read_text().splitlines())
    return fields[name].strip()
