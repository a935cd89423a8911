"""Things built once and kept: each lives in its own directory named by a hash of all that went into it."""
import hashlib
import inspect
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from .lock import Lock
from .say import Step
from .settings import LAB, cache_dir


@dataclass
class Artefact:
    name: str
    about: str
    usual_seconds: int
    make: Callable                              # make(directory, log): fills the directory
    recipe: list = field(default_factory=list)  # files and directories below tests/lab that it is made from
    needs: list = field(default_factory=list)   # artefacts

    def key(self):
        """Changes when anything that the artefact is made from changes."""
        digest = hashlib.sha256(inspect.getsource(self.make).encode())
        for path in sorted(file for entry in self.recipe for file in files_below(LAB / entry)):
            digest.update(f"{path.relative_to(LAB)} {os.access(path, os.X_OK)}\n".encode())
            digest.update(path.read_bytes())
        for needed in self.needs:
            digest.update(needed.key().encode())
        return digest.hexdigest()[:16]

    @property
    def directory(self):
        return cache_dir() / "artefacts" / f"{self.name}-{self.key()}"

    def is_built(self):
        return self.directory.is_dir()

    def file(self, name):
        """Path of one of its files, built first if need be."""
        self.build()
        return self.directory / name

    def build(self, again=False):
        """Atomic: made beside its place and renamed, so that an interrupted build leaves nothing half done."""
        for needed in self.needs:
            needed.build()
        if self.is_built() and not again:
            return
        with Lock("build"):
            if self.is_built() and not again:
                return
            directory = self.directory
            unfinished = directory.with_name(f"unfinished-{self.name}")
            log = cache_dir() / "logs" / f"build-{self.name}.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            log.unlink(missing_ok=True)
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            with Step(f"building {self.about}", self.usual_seconds):
                self.make(unfinished, log)
            shutil.rmtree(directory, ignore_errors=True)
            os.rename(unfinished, directory)
            self._remove_older()

    def _remove_older(self):
        """Keeps one older version: two checkouts with different recipes often share a cache."""
        versions = (cache_dir() / "artefacts").glob(f"{self.name}-" + "[0-9a-f]" * 16)
        for old in sorted(versions, key=lambda directory: directory.stat().st_mtime)[:-2]:
            shutil.rmtree(old)


def files_below(path: Path):
    return [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
