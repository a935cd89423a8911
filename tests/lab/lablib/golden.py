"""Golden pictures: what the packaged QEMU shows of each scene, and where ours differs for a reason, ours."""
import os
import time

from screen import Picture

from . import scenes
from .settings import LAB, patience

SUITE = LAB / "guests/vgamodes"
PHASES = 3  # seconds in which a blinking screen is seen in both


def writing():
    """HVMDM_LAB_GOLDEN=write: pictures are taken, not compared."""
    return os.environ.get("HVMDM_LAB_GOLDEN") == "write"


def differences(adapter):
    """{scene: why ours does not look like QEMU's}"""
    lines = (SUITE / f"differences-{adapter}").read_text().splitlines()
    return dict(line.split(": ", 1) for line in lines if line and not line.startswith("#"))


def blinks(scene):
    return bool({"cursor", "blinks"} & set(scene.flags))


class Golden:
    """The pictures of one adapter: "std" or "cirrus"."""

    def __init__(self, adapter, device_model):
        self.adapter, self.device_model, self.differences = adapter, device_model, differences(adapter)
        self.qemus, self.ours = SUITE / f"golden/{adapter}", SUITE / f"golden/{adapter}-ours"
        self._loaded = {}

    def scenes(self):
        """Those that the adapter can show; HVMDM_LAB_SCENES="NAME NAME" chooses some."""
        chosen = os.environ.get("HVMDM_LAB_SCENES", "").split()
        other = "cirrus" if self.adapter == "std" else "std"
        return [scene for scene in scenes.read() if other not in scene.flags and (not chosen or scene.name in chosen)]

    def folder(self, name):
        """Where the picture is that this device model is to show."""
        return self.ours if self.device_model == "hvmdm" and name in self.differences else self.qemus

    def wanted(self, scene):
        """The pictures that may be seen; both of them when it blinks."""
        if scene.name not in self._loaded:
            paths = [self.folder(scene.name) / f"{scene.name}{suffix}.png" for suffix in ("", "-2")]
            self._loaded[scene.name] = [Picture.load_png(path) for path in paths if path.exists()]
        return self._loaded[scene.name]

    # --- comparing ---------------------------------------------------------------------------------------------------

    def difference(self, scene, vnc, seconds=10):
        """Waits until all pictures of the scene have been seen; otherwise says what is different and keeps the last shot."""
        missing = list(self.wanted(scene))
        if not missing:
            return f"{scene.name}: no golden picture"
        deadline = time.monotonic() + seconds * patience()
        while True:
            picture = vnc.shot()
            seen = [each for each in missing if same(each, picture)]
            missing = [each for each in missing if each not in seen]
            if missing and time.monotonic() < deadline:
                picture.remove()
                vnc.do("wait-update 100")
                continue
            if missing:
                picture.save_png(picture.path.with_name(f"{scene.name}.png"))
            picture.remove()
            return f"{scene.name}: {describe(missing[0], picture)}" if missing else None

    # --- taking ------------------------------------------------------------------------------------------------------

    def take(self, scene, vnc):
        """Keeps what is to be seen now, once it stays."""
        if self.device_model == "hvmdm" and scene.name not in self.differences:
            return
        pictures = self._phases(vnc) if blinks(scene) else [self._steady(vnc)]
        folder = self.folder(scene.name)
        folder.mkdir(parents=True, exist_ok=True)
        for suffix, picture in zip(("", "-2"), pictures):
            picture.save_png(folder / f"{scene.name}{suffix}.png")

    def _steady(self, vnc):
        last = None
        while True:
            time.sleep(1)
            picture = vnc.shot(refresh=True)
            picture.remove()
            if last is not None and same(last, picture):
                return picture
            last = picture

    def _phases(self, vnc):
        self._steady_size(vnc)
        found, last = [], None
        deadline = time.monotonic() + PHASES * patience()
        while time.monotonic() < deadline:
            picture = vnc.shot()
            picture.remove()
            whole = last is not None and same(picture, last)  # not one of which a part is still on its way
            if whole and not any(same(picture, each) for each in found):
                found.append(picture)
            last = picture
            vnc.do("wait-update 20")
        return sorted(found, key=lambda picture: picture.pixels)

    def _steady_size(self, vnc):
        """Lets what was on the screen before go."""
        time.sleep(4)
        vnc.do("refresh")


def same(first, second):
    return (first.width, first.height) == (second.width, second.height) and first.pixels == second.pixels


def describe(wanted, got):
    if (wanted.width, wanted.height) != (got.width, got.height):
        return f"{got.width}x{got.height} instead of {wanted.width}x{wanted.height}"
    wrong = [i for i, (a, b) in enumerate(zip(wanted.each_pixel(), got.each_pixel())) if a != b]
    x, y = wrong[0] % got.width, wrong[0] // got.width
    return (f"{len(wrong)} pixels differ, the first at {x},{y}: {got.pixels[wrong[0] * 3:wrong[0] * 3 + 3].hex()} instead of "
            f"{wanted.pixels[wrong[0] * 3:wrong[0] * 3 + 3].hex()}")
