"""What a viewer types arrives in a guest that has the layout which `keymap` names."""
import re
import time

from lablib.case import case
from lablib.images import bootable, xl_disk

LETTERS = ["the quick brown fox jumps over the lazy dog", "THE QUICK BROWN FOX JUMPS OVER THE LAZY DOG", "0123456789"]
# Printable ASCII, less what waits for a letter on that layout: GRUB does not wait.
SIGNS = {
    "us": ["!@#$%^&*()_+-=", "[]{};':,./<>?|`~", 'a"b\\c'],
    "de": ["!$%&/()=?+*#'-_", ".:,;<>|~@[]{}", 'a"b\\c'],
    "fr": ["&'(-_)=$*,;:!<", "~#{[|`^@]}+%?./>", 'a"b\\c'],
}


@case("text typed by a viewer that sends symbols arrives on American, German and French keyboards", 300, order=17,
      every_time=False)
def vnc_layouts(lab):
    for layout, signs in SIGNS.items():
        guest = lab.guest(f"keys-{layout}", keymap={"us": "en-us"}.get(layout, layout),
                          disk=[xl_disk(bootable("layouts", f"keys-{layout}", f"set layout={layout}\n"), "hda")]).create()
        vnc = guest.vnc()
        for text in LETTERS + signs:
            guest.expect(f"READY {layout}", 120)
            time.sleep(1)  # a key that comes before GRUB reads is lost, with QEMU as well
            for character in text:  # a keyboard keeps no more than eight that GRUB has not read
                vnc.type(character)
                guest.expect(re.escape(character), 30)
            vnc.tap("Return")
            lab.equal(f"on layout {layout}", guest.expect(r"TYPED \[(.*)\]\s*\n", 30).group(1), text)
        guest.destroy()
