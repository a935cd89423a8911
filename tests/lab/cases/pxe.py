"""A guest that boots from the network: SeaBIOS runs iPXE from the card's ROM, which fetches a program from dom0 by TFTP."""
import random
import textwrap

from lablib import machine
from lablib.case import case
from lablib.images import WORK

from .net import BRIDGE, NET, vif

# Answers read requests for one file in blocks of 512 bytes (RFC 1350); options are ignored, as the standard allows.
TFTP_SERVER = textwrap.dedent("""
    import socket, sys
    content = open(sys.argv[1], "rb").read()
    door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    door.bind(("", 69))
    while True:
        request, client = door.recvfrom(2048)
        if request[:2] != bytes([0, 1]):
            continue
        answers = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        answers.settimeout(2)
        for number in range(len(content) // 512 + 1):
            block = bytes([0, 3]) + (number + 1 & 0xffff).to_bytes(2, "big") + content[512 * number:512 * number + 512]
            for _ in range(5):
                answers.sendto(block, client)
                try:
                    if answers.recv(2048)[:4] == bytes([0, 4]) + block[2:4]:
                        break
                except socket.timeout:
                    pass
            else:
                break
        answers.close()
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


def boots_from_the_network(lab, model):
    content = program(random.Random(1).randbytes(16 * 1024))
    put(content, f"{WORK}/boot.0")
    put(TFTP_SERVER.encode(), f"{WORK}/tftpd.py")
    lines = [f"start 192.168.{NET}.60", f"end 192.168.{NET}.60", f"interface {BRIDGE}", f"lease_file {WORK}/leases", f"pidfile {WORK}/udhcpd.pid",
             f"siaddr 192.168.{NET}.1", "boot_file boot.0"]
    lab.sh(f"rm -f {WORK}/leases; touch {WORK}/leases; printf '%s\\n' {' '.join(repr(line) for line in lines)} >{WORK}/udhcpd.conf; "
           f"setsid busybox udhcpd -f {WORK}/udhcpd.conf >/dev/null 2>&1 </dev/null & "
           f"setsid python3 {WORK}/tftpd.py {WORK}/boot.0 >/dev/null 2>&1 </dev/null & echo $! >{WORK}/tftpd.pid")
    try:
        guest = lab.guest("pxe", memory=64, boot="n", vif=[vif(model)]).create()
        guest.expect(SAYS[:-3].decode(), 150)
        guest.destroy()
    finally:
        lab.sh(f"kill $(cat {WORK}/udhcpd.pid {WORK}/tftpd.pid)", check=False)


@case("boot=\"n\" with an e1000: SeaBIOS runs iPXE from the card's ROM, DHCP and TFTP bring a program, which finds itself whole", 200, order=24,
      every_time=False)
def net_pxe(lab):
    boots_from_the_network(lab, "e1000")


@case("boot=\"n\" with an rtl8139: the same", 200, order=24, every_time=False)
def net_pxe_rtl8139(lab):
    boots_from_the_network(lab, "rtl8139")
