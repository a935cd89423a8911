"""A guest that boots from the network: SeaBIOS runs iPXE from the card's ROM, which fetches a program from dom0 by TFTP."""
import contextlib
import random
import textwrap

from lablib import machine
from lablib.case import case
from lablib.images import WORK, kernel_and_ramdisk, linux_words

from .net import BRIDGE, NET, vif

# Answers read requests for the files of one folder (RFC 1350), with blocks as large as the client wants (RFC 2347, 2348).
TFTP_SERVER = textwrap.dedent("""
    import os, socket, sys

    def answered(answers, message, client, number):
        for _ in range(5):
            answers.sendto(message, client)
            try:
                if answers.recv(2048)[:4] == bytes([0, 4]) + number.to_bytes(2, "big"):
                    return True
            except socket.timeout:
                pass
        return False

    def serve(answers, client, words):
        try:
            content = open(os.path.join(sys.argv[1], os.path.basename(words[0].decode())), "rb").read()
        except OSError:
            answers.sendto(bytes([0, 5, 0, 1]) + b"no such file\\0", client)
            return
        options = {name.lower(): value for name, value in zip(words[2::2], words[3::2])}
        size, granted = 512, b""
        if b"blksize" in options:
            size = min(int(options[b"blksize"]), 1428)
            granted += b"blksize\\0%d\\0" % size
        if b"tsize" in options:
            granted += b"tsize\\0%d\\0" % len(content)
        if granted and not answered(answers, bytes([0, 6]) + granted, client, 0):
            return
        for number in range(len(content) // size + 1):
            low = number + 1 & 0xffff
            block = bytes([0, 3]) + low.to_bytes(2, "big") + content[size * number:size * (number + 1)]
            if not answered(answers, block, client, low):
                return

    door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    door.bind(("", 69))
    while True:
        request, client = door.recvfrom(2048)
        if request[:2] == bytes([0, 1]):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as answers:
                answers.settimeout(2)
                serve(answers, client, request[2:].split(bytes(1)))
""")

SAYS = b"PXE: all of it came\r\n\0"
ORIGIN = 0x7c00


def program(data):
    """What iPXE loads to 0:7c00: sums the words of `data`, which follow, and tells the serial port if the sum is right."""
    total = sum(int.from_bytes(data[at:at + 2], "little") for at in range(0, len(data), 2)) & 0xffff

    def code(text, place):
        word = {"TEXT": text, "DATA": place, "COUNT": len(data) // 2, "SUM": total}
        return b"".join(bytes([part]) if isinstance(part, int) else word[part].to_bytes(2, "little") for part in [
            0xfa, 0xfc, 0x31, 0xc0, 0x8e, 0xd8, 0x31, 0xdb,   # cli; cld; ds = 0; bx = 0
            0xbe, "DATA", 0xb9, "COUNT", 0xad, 0x01, 0xc3, 0xe2, 0xfb,  # bx += each word
            0x81, 0xfb, "SUM", 0x75, 0x1a,                     # another sum: end
            0xbe, "TEXT", 0xac, 0x84, 0xc0, 0x74, 0x12,        # next byte of the text, until zero
            0x88, 0xc4, 0xba, 0xfd, 0x03, 0xec, 0xa8, 0x20, 0x74, 0xfb,  # until the UART takes one
            0x88, 0xe0, 0xba, 0xf8, 0x03, 0xee, 0xeb, 0xe9,    # send it
            0xfb, 0xf4, 0xeb, 0xfc])                           # end: sti, hlt; with cli Xen would power it off

    length = len(code(0, 0))
    start = (length + len(SAYS) + 15) // 16 * 16
    head = code(ORIGIN + length, ORIGIN + start) + SAYS
    return head.ljust(start, b"\0") + data


def put(content, where):
    machine.ssh(f"mkdir -p {WORK} && cat >{where}", input=content)


@contextlib.contextmanager
def boot_server(lab, first):
    """dom0 gives an address to whoever asks, and the files of the folder it yields; `first` is the one to begin with."""
    folder = f"{WORK}/tftp"
    lab.sh(f"rm -rf {folder}; mkdir -p {folder}")
    put(TFTP_SERVER.encode(), f"{WORK}/tftpd.py")
    lines = [f"start 192.168.{NET}.60", f"end 192.168.{NET}.60", f"interface {BRIDGE}", f"lease_file {WORK}/leases", f"pidfile {WORK}/udhcpd.pid",
             f"siaddr 192.168.{NET}.1", f"boot_file {first}"]
    lab.sh(f"rm -f {WORK}/leases; touch {WORK}/leases; printf '%s\\n' {' '.join(repr(line) for line in lines)} >{WORK}/udhcpd.conf; "
           f"setsid busybox udhcpd -f {WORK}/udhcpd.conf >/dev/null 2>&1 </dev/null & "
           f"setsid python3 {WORK}/tftpd.py {folder} >/dev/null 2>&1 </dev/null & echo $! >{WORK}/tftpd.pid")
    try:
        yield folder
    finally:
        lab.sh(f"kill $(cat {WORK}/udhcpd.pid {WORK}/tftpd.pid)", check=False)


def boots_from_the_network(lab, model):
    with boot_server(lab, "boot.0") as folder:
        put(program(random.Random(1).randbytes(16 * 1024)), f"{folder}/boot.0")
        guest = lab.guest("pxe", memory=64, boot="n", vif=[vif(model)]).create()
        guest.expect(SAYS[:-3].decode(), 150)
        guest.destroy()


SCRIPT = """#!ipxe
kernel vmlinuz initrd=initrd.gz console=ttyS0,115200 {words}
initrd initrd.gz
boot
"""


def boots_a_kernel(lab, model):
    with boot_server(lab, "boot.ipxe") as folder:
        kernel, ramdisk = kernel_and_ramdisk()
        lab.sh(f"cp {kernel} {folder}/vmlinuz; cp {ramdisk} {folder}/initrd.gz")
        put(SCRIPT.format(words="panic=0 " + linux_words("report")).encode(), f"{folder}/boot.ipxe")
        guest = lab.guest("pxe-kernel", memory=256, boot="n", vif=[vif(model)]).create()
        guest.results(400)
        guest.destroy()


@case("boot=\"n\" with an e1000: SeaBIOS runs iPXE from the card's ROM, DHCP and TFTP bring a program, which finds itself whole", 200, order=24,
      every_time=False)
def net_pxe(lab):
    boots_from_the_network(lab, "e1000")


@case("boot=\"n\" with an rtl8139: the same", 200, order=24, every_time=False)
def net_pxe_rtl8139(lab):
    boots_from_the_network(lab, "rtl8139")


@case("boot=\"n\" with an e1000-82545em, whose ROM is the e1000's with another name, a pcnet and an ne2k_pci: the same", 600, order=24,
      every_time=False)
def net_pxe_others(lab):
    for model in ("e1000-82545em", "pcnet", "ne2k_pci"):
        boots_from_the_network(lab, model)


@case("boot=\"n\" with an e1000: iPXE fetches a kernel and its ramdisk from dom0, and Linux runs", 500, order=24, every_time=False)
def net_pxe_kernel(lab):
    boots_a_kernel(lab, "e1000")


@case("boot=\"n\" with an rtl8139: the same kernel", 500, order=24, every_time=False)
def net_pxe_kernel_rtl8139(lab):
    boots_a_kernel(lab, "rtl8139")
