"""Every screen mode, looked at by a real VNC client and compared with pictures of the packaged QEMU's adapter."""
import time

from lablib import machine, scenes
from lablib.case import case
from lablib.golden import Golden, same, writing
from lablib.images import copy_of, xl_disk
from screen import Picture

VIEWERS = ("raw", "hextile", "zrle", "tight")
SWITCHED = ("vbe-switch-640", "vbe-switch-800", "mode-13h", "vbe-switch-1024", "vbe-switch-640", "cga-640x200",
            "vbe-switch-1024", "vbe-switch-800", "text-cursor-none")
RESTING, MOST_WAKE_UPS = 5, 3
ROUNDS, SWITCHES_IN_ROUND = 4, 250


def scenes_guest(lab, adapter):
    guest = lab.guest(f"modes-{adapter}", vga="stdvga" if adapter == "std" else adapter, videoram=16,
                      disk=[xl_disk(copy_of("vgamodes", f"modes-{adapter}"), "hda")]).create()
    guest.expect("^SCENES ready", 120)
    return guest


def show(guest, command, seconds=60):
    guest.send(command + "\n")
    guest.expect("^SHOWN ", seconds)


def all_scenes(lab, adapter):
    """HVMDM_LAB_GOLDEN=write takes the pictures: QEMU's with --device-model qemu; ours where `differences-ADAPTER` names the scene."""
    golden = Golden(adapter, lab.device_model)
    guest = scenes_guest(lab, adapter)
    # QEMU's tight encoding gives the 256th colour of a rectangle wrong
    vnc = guest.vnc(encodings="raw") if lab.device_model == "qemu" else guest.vnc()
    wrong, began = [], time.monotonic()
    for scene in golden.scenes():
        show(guest, scene.name)
        if writing():
            golden.take(scene, vnc)
        elif found := golden.difference(scene, vnc):
            lab.note(found)
            wrong.append(found)
    if not writing():
        wrong += screendump(lab, guest, golden, golden.scenes()[-1])
    lab.note(f"{len(golden.scenes())} scenes in {time.monotonic() - began:.0f} s; {len(golden.differences)} differ from QEMU's")
    lab.check(not wrong, "\n".join(wrong))


def screendump(lab, guest, golden, scene):
    """The same picture by the monitor."""
    path = f"/lab/work/{guest.name}.ppm"
    said = lab.sh(f"xl qemu-monitor-command {guest.name} 'screendump {path}'").strip()
    lab.equal("what the monitor says", said, "")
    here = lab.log_dir / "screendump.ppm"
    machine.get(path, here)
    picture = Picture.load(here)
    here.unlink()
    return [] if any(same(each, picture) for each in golden.wanted(scene)) else [f"screendump of {scene.name} differs"]


@case("the standard VGA in every mode: a VNC client receives exactly the golden pictures", 300, order=16,
      every_time=False)
def vga_golden_std(lab):
    all_scenes(lab, "std")


@case("the Cirrus adapter in every mode, its cursor and blits: exactly the golden pictures", 300, order=16)
def vga_golden_cirrus(lab):
    all_scenes(lab, "cirrus")


def wake_ups(lab, guest):
    """How often its threads were woken in RESTING seconds."""
    count = f"cat /proc/{guest.dm_pid()}/task/*/status | awk '/^voluntary_ctxt/ {{sum += $2}} END {{print sum}}'"
    before, after = lab.sh(f"{count}; sleep {RESTING}; {count}").split()
    return int(after) - int(before)


@case("1,000 changes of mode with four viewers: none is disconnected, none has a wrong pixel", 300, ("hvmdm",), order=17,
      every_time=False)
def vga_mode_switches(lab):
    golden = Golden("std", lab.device_model)
    guest = scenes_guest(lab, "std")
    viewers = [guest.vnc(encodings=encoding) for encoding in VIEWERS]
    by_name = {scene.name: scene for scene in scenes.read()}
    began = time.monotonic()
    for turn in range(ROUNDS):
        show(guest, f"loop {SWITCHES_IN_ROUND} " + " ".join(SWITCHED), 120)
        last = by_name[SWITCHED[(SWITCHES_IN_ROUND - 1) % len(SWITCHED)]]
        for other in (last, by_name[SWITCHED[turn]]):
            if other is not last:
                show(guest, other.name)
            for encoding, vnc in zip(VIEWERS, viewers):
                found = golden.difference(other, vnc)
                lab.check(found is None, f"round {turn}, the viewer with {encoding}: {found}")
    show(guest, "rest")
    watched = wake_ups(lab, guest)
    for vnc in viewers:
        vnc.close()
    time.sleep(2)
    unwatched = wake_ups(lab, guest)
    lab.note(f"wake-ups of the device model in {RESTING} s of a halted guest: {watched} with viewers, {unwatched} without")
    lab.check(unwatched <= MOST_WAKE_UPS, f"{unwatched} wake-ups although nobody looks")
    lab.note(f"{ROUNDS * SWITCHES_IN_ROUND} changes of mode in {time.monotonic() - began:.0f} s")
