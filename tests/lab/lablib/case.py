"""The list of cases: functions below tests/lab/cases marked with @case."""
import importlib
from dataclasses import dataclass
from typing import Callable

from .settings import LAB


@dataclass
class Case:
    name: str
    about: str
    limit: int              # seconds, before HVMDM_LAB_PATIENCE
    device_models: tuple
    order: int
    every_time: bool        # False: only when it is named
    run: Callable


_cases = {}


def case(about, limit=240, device_models=("hvmdm", "qemu"), order=50, every_time=True):
    """Marks a function of one argument, the Lab, as a case named like the function; lower orders run first.
    `every_time=False`: long, and close to others; runs when it is named."""
    def register(function):
        if function.__name__ in _cases:
            raise ValueError(f"two cases are named {function.__name__}")
        _cases[function.__name__] = Case(function.__name__, about, limit, device_models, order, every_time, function)
        return function
    return register


def all_cases():
    """Every case, in the order they run."""
    for path in sorted((LAB / "cases").glob("*.py")):
        importlib.import_module(f"cases.{path.stem}")
    return sorted(_cases.values(), key=lambda each: (each.order, each.name))
