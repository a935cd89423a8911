"""Debian's source packages, unpacked in a folder of their own: the machine's own apt stays as it is."""
import shutil
from pathlib import Path

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class NoSource(Exception):
    """What did not come, and what helps."""


def fetch(name, version, folder, run):
    """Unpacks `name`, of which `version` is how the wanted version begins, to folder/name, and returns that. Downloads it
    first if need be. `run(command)` runs a command in `folder`, and raises when it fails."""
    tree = folder / name
    if tree.exists():
        return tree
    if description(name, version, folder) is None:
        for place in ("lists/partial", "cache/archives/partial"):
            (folder / place).mkdir(parents=True, exist_ok=True)
        (folder / "sources.list").write_text(f"deb-src [signed-by={KEYRING}] http://deb.debian.org/debian bookworm main\n")
        run(_apt(folder, "update"))
        run(_apt(folder, "source", "--download-only", name))
    package = description(name, version, folder)
    if package is None:
        raise NoSource(f"no source package of {name} {version} came; is this Debian 12?")
    unpacked = folder / "unpacking"
    shutil.rmtree(unpacked, ignore_errors=True)
    run(["dpkg-source", "--no-check", "-x", package, unpacked])
    return unpacked.rename(tree)


def _apt(folder, *words):
    places = [f"Dir::Etc::sourcelist={folder}/sources.list", "Dir::Etc::sourceparts=-", f"Dir::State::lists={folder}/lists",
              f"Dir::Cache={folder}/cache"]
    return ["apt-get", *[word for place in places for word in ("-o", place)], *words]


def description(name, version, folder):
    """The newest .dsc whose files are all there, or None."""
    for found in sorted(Path(folder).glob(f"{name}_*.dsc"), reverse=True):
        text = found.read_text(errors="replace")
        files = {line.split()[2] for line in text.splitlines() if line.startswith(" ") and len(line.split()) == 3}
        if f"Version: {version}" in text and files and all((folder / file).exists() for file in files):
            return found
    return None
