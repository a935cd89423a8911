"""Bootable images: GRUB in an ISO 9660 file system that also boots as a hard disk.

Each image contains a file /boot/settings.cfg of fixed size, which its grub.cfg sources. A copy of the image gets other
settings by writing over those bytes at the offset noted beside it, so a new command line costs no new image.
"""
import shutil

from .say import LabError, run_logged

SETTINGS_SIZE = 1024
MARK = b"# settings go here\n"


def make_image(directory, name, grub_cfg, files, log, platform="i386-pc"):
    tree = directory / "tree"
    (tree / "boot/grub").mkdir(parents=True)
    shutil.copy(grub_cfg, tree / "boot/grub/grub.cfg")
    (tree / "boot/settings.cfg").write_bytes(settings_block(MARK.decode()))
    for place, source in files.items():
        (tree / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, tree / place)
    run_logged(["grub-mkrescue", "-d", f"/usr/lib/grub/{platform}", "--fonts=", "--locales=", "--themes=",
                "-o", directory / name, tree], log)
    shutil.rmtree(tree)
    content = (directory / name).read_bytes()
    if content.count(MARK) != 1:
        raise LabError(f"{name}: the settings' place was found {content.count(MARK)} times instead of once")
    (directory / f"{name}.settings-offset").write_text(str(content.index(MARK)))


def settings_block(text):
    """The text padded with newlines to the size of the settings' place."""
    data = text.encode()
    if len(data) > SETTINGS_SIZE:
        raise LabError(f"settings of {len(data)} bytes do not fit into {SETTINGS_SIZE}; shorten the command line")
    return data + b"\n" * (SETTINGS_SIZE - len(data))
