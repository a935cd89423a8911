"""Where things are, and what the environment may change."""
import os
from pathlib import Path

REPO = Path(__file__).resolve().parents[3]
LAB = REPO / "tests" / "lab"
LOGS = REPO / "build" / "lab-logs"


def _number(variable, default):
    text = os.environ.get(variable, str(default))
    try:
        return type(default)(text)
    except ValueError:
        raise SystemExit(f"lab: {variable}={text} is not a number; unset it or give one such as {default}")


def cache_dir():
    return Path(os.environ.get("HVMDM_CACHE") or Path.home() / ".cache" / "hvmdm")


def ssh_port():
    return _number("HVMDM_LAB_SSH_PORT", 2222)


def vnc_port():
    """Host port of display :0; display :n is n higher."""
    return _number("HVMDM_LAB_VNC_PORT", 5950)


def memory_mib():
    return _number("HVMDM_LAB_MEMORY", 6144)


def patience():
    """Factor on every time limit: told, or grown with what else keeps the host's processors busy (1 to 4)."""
    if "HVMDM_LAB_PATIENCE" in os.environ:
        return _number("HVMDM_LAB_PATIENCE", 1.0)
    waiting_per_processor = os.getloadavg()[0] / (os.cpu_count() or 1)
    return min(4.0, max(1.0, waiting_per_processor / 1.5))


def device_model_binary():
    return Path(os.environ.get("HVMDM_BINARY") or REPO / "build" / "release" / "hvmdm")


DISPLAYS = 10
