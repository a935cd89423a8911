"""Sound cards: what a Linux guest plays is what the file that xl.cfg names holds."""
import struct

from lablib import machine
from lablib.case import case

FRAMES, RATE = 88200, 44100


def wav(lab, path):
    """Rate, channels, bits and frames of a RIFF file in dom0 whose sizes fit."""
    local = lab.log_dir / "sound.wav"
    machine.get(path, local)
    data = local.read_bytes()
    local.unlink()
    lab.equal("RIFF header", (data[:4], data[8:16]), (b"RIFF", b"WAVEfmt "))
    (format_length,) = struct.unpack_from("<I", data, 16)
    kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", data, 20)
    lab.equal("kind of samples: PCM", kind, 1)
    at = 20 + format_length
    lab.equal("the chunk after the format", data[at:at + 4], b"data")
    (length,) = struct.unpack_from("<I", data, at + 4)
    lab.equal("bytes after the header, RIFF's length", (len(data) - at - 8, struct.unpack_from("<I", data, 4)[0]), (length, len(data) - 8))
    return rate, channels, bits, data[at + 8:]


def plays(lab, card, name):
    path = f"/lab/work/{card}.wav"
    guest = lab.linux(card, "sound", direct=True, soundhw=card, device_model_args_hvm=["-audiodev", f"wav,id=a,path={path}"]).create()
    found = guest.results(240)
    lab.check("error" not in found, f"{card}: {found.get('error')}; {found}")
    lab.check(any(name in each for each in found.get("card", [])), f"cards in the guest: {found.get('card')}")
    lab.note(f"{card}: {found['card']}, played {found.get('played')}, interrupts {found.get('interrupts')}")
    began, ended = map(float, found["played"][0].split())
    lab.check(1.5 < ended - began < 60, f"two seconds of sound took {ended - began} s")
    lab.check("snd" in " ".join(found.get("interrupts", [])), "no interrupt handler of a sound card")
    guest.destroy()
    rate, channels, bits, samples = wav(lab, path)
    lab.equal("rate, channels and bits of the file", (rate, channels, bits), (RATE, 2, 16))
    wanted = b"".join(struct.pack("<HH", n & 0xffff, ~n & 0xffff) for n in range(FRAMES))
    at = samples.find(wanted[:64])
    lab.check(at >= 0, f"the beginning is not in the file of {len(samples)} bytes; it begins {samples[:64].hex()}")
    got = samples[at:at + len(wanted)]
    wrong = next((n for n in range(0, len(wanted), 4) if got[n:n + 4] != wanted[n:n + 4]), None)
    lab.check(wrong is None, f"{card}: frame {wrong and wrong // 4} of {FRAMES} is {got[wrong or 0:(wrong or 0) + 16].hex()}")


@case("a Linux guest finds HD Audio and plays two seconds into a WAV file, every frame right", 300, ("hvmdm",), order=23, every_time=False)
def sound_hda(lab):
    plays(lab, "hda", "HDA")


@case("a Linux guest finds AC'97 and plays two seconds into a WAV file, every frame right", 300, ("hvmdm",), order=23, every_time=False)
def sound_ac97(lab):
    plays(lab, "ac97", "ICH")


@case("a Linux guest finds an ES1370 and plays two seconds into a WAV file, every frame right", 300, ("hvmdm",), order=23, every_time=False)
def sound_es1370(lab):
    plays(lab, "es1370", "ENS1370")
