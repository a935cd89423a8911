"""Network cards: a guest and dom0 on a bridge, by the emulated card and by the PV interface after the hand-off."""
import contextlib

from lablib import machine
from lablib.case import case
from lablib.images import WORK, Data, sha256
from lablib.settings import LAB
from lablib.shell import Shell

MIB = 1024 * 1024
BRIDGE = "xenbr0"
NET = 77  # of dom0's address on that bridge, as dom0/init has it
MAC = "00:16:3e:77:00:02"


class Transfer:
    """A file that dom0 sends on port 5001, and where what comes on port 5002 goes; once each."""

    def __init__(self, lab, mib):
        self.lab, self.data, self.came = lab, Data(mib * MIB), f"{WORK}/came"
        goes = self.data.image("goes")
        lab.sh("pkill -f '[T]CP-LISTEN:500[12]'", check=False)  # of a case that failed
        lab.sh(f"rm -f {self.came}; "
               f"setsid socat -u OPEN:{goes} TCP-LISTEN:5001,reuseaddr >/dev/null 2>&1 </dev/null & "
               f"setsid socat -u TCP-LISTEN:5002,reuseaddr OPEN:{self.came},creat >/dev/null 2>&1 </dev/null &")

    def check(self, found):
        self.lab.matches("what the guest received", found["received"][0], f"^{self.data.sum} ")
        size = len(self.data.content)
        self.lab.sh(f"for n in $(seq 50); do [ $(stat -c %s {self.came}) = {size} ] && break; sleep 0.2; done")
        self.lab.equal("sum of what the guest sent", sha256(self.came), self.data.sum)


def vif(model="rtl8139", **more):
    return ",".join([f"bridge={BRIDGE}", f"mac={MAC}", *([f"model={model}"] if model else []),
                     *(f"{key}={value}" for key, value in more.items())])


@contextlib.contextmanager
def dhcp_server(lab, address):
    """Gives that one address on the bridge meanwhile."""
    lines = [f"start 192.168.{NET}.{address}", f"end 192.168.{NET}.{address}", f"interface {BRIDGE}", f"lease_file {WORK}/leases",
             f"pidfile {WORK}/udhcpd.pid"]
    lab.sh(f"touch {WORK}/leases; printf '%s\\n' {' '.join(repr(line) for line in lines)} >{WORK}/udhcpd.conf; "
           f"setsid busybox udhcpd -f {WORK}/udhcpd.conf >/dev/null 2>&1 </dev/null &")
    try:
        yield
    finally:
        lab.sh(f"kill $(cat {WORK}/udhcpd.pid)", check=False)


VLAN = 5


@contextlib.contextmanager
def vlan(lab):
    """dom0 is in that VLAN of the bridge meanwhile, which has an address of its own only while guests are on it."""
    port = f"{BRIDGE}.{VLAN}"
    lab.sh(f"ip link add link {BRIDGE} name {port} type vlan id {VLAN}; ip addr add 192.168.{NET + VLAN}.1/24 dev {port}; ip link set {port} up")
    try:
        yield
    finally:
        lab.sh(f"ip link del {port}")


def no_loss(lab, found, sizes=("small", "large", "vlan")):
    for size in sizes:
        lab.matches(f"{size} pings that were answered", found[f"ping-{size}"][0], r"^50 ")


def tell_figures(lab, found):
    lab.note(f"{found['ping-small'][0]}; {found['received'][0][65:]}; sent {found['sent'][0]}; "
             f"retransmitted {found['retransmitted'][0]}; interrupts {found['interrupts'][0]}")


def taps(lab, domid):
    return lab.sh(f"ls /sys/class/net | grep -x 'vif{domid}[.].*-emu'", check=False).split()


@case("rtl8139, libxl's own card: the guest gets its address by DHCP, pings dom0 without loss, moves files both ways by TCP; no tap is left", 240,
      order=24)
def net_rtl8139(lab):
    transfer = Transfer(lab, 1)  # of which each frame costs the guest a dozen accesses
    with dhcp_server(lab, 50):
        guest = lab.linux("net", "net", f"nets={NET} udhcpc=1 vlan={VLAN}", direct=True, vif=[vif()]).create()
        lab.equal("taps while it runs", taps(lab, guest.domid), [f"vif{guest.domid}.0-emu"])
        lab.matches("xl network-list", guest.xl("network-list").stdout, MAC)
        with vlan(lab):
            found = guest.results(120)
    lab.check("error" not in found, f"the guest says: {found.get('error')}")
    lab.matches("the card", found["card"][0], rf"^eth0 0000:00:04\.0 8139cp {MAC}$")
    lab.equal("its address", found["address"], [f"192.168.{NET}.50"])
    no_loss(lab, found)
    transfer.check(found)
    lab.matches("errors", found["errors"][0], r"^0 ")
    tell_figures(lab, found)
    guest.destroy()
    lab.equal("taps that are left", taps(lab, guest.domid), [])


@case("e1000: pings without loss, also of 9000 bytes; files both ways by TCP, checksums and segments left to the card", 240, order=24,
      every_time=False)
def net_e1000(lab):
    transfer = Transfer(lab, 8)
    guest = lab.linux("e1000", "net", f"nets={NET} jumbo=1 vlan={VLAN}", direct=True, vif=[vif("e1000")]).create()
    tap = f"vif{guest.domid}.0-emu"
    lab.equal("taps while it runs", taps(lab, guest.domid), [tap])
    lab.sh(f"for port in {tap} vif{guest.domid}.0 {BRIDGE}; do ip link set $port mtu 9000; done")
    with vlan(lab):
        found = guest.results(120)
    lab.check("error" not in found, f"the guest says: {found.get('error')}")
    lab.matches("the card", found["card"][0], rf"^eth0 0000:00:04\.0 e1000 {MAC}$")
    no_loss(lab, found, ("small", "large", "vlan", "jumbo"))
    transfer.check(found)
    lab.matches("errors", found["errors"][0], r"^0 ")
    lab.note(f"{found['ping-small'][0]}; {found['received'][0][65:]}; sent {found['sent'][0]}; interrupts {found['interrupts'][0]}")


def other_card(lab, model, driver):
    """Pings and files by a card that few guests ask for."""
    transfer = Transfer(lab, 1)
    guest = lab.linux(model.replace("_", "-"), "net", f"nets={NET} vlan={VLAN}", direct=True, vif=[vif(model)]).create()
    with vlan(lab):
        found = guest.results(300)
    lab.check("error" not in found, f"the guest says: {found.get('error')}")
    lab.matches("the card", found["card"][0], rf"^eth0 0000:00:04\.0 {driver} {MAC}$")
    no_loss(lab, found)
    transfer.check(found)
    lab.matches("errors", found["errors"][0], r"^0 ")
    tell_figures(lab, found)
    guest.destroy()


@case("ne2k_pci: pings without loss, files both ways by TCP", 400, order=24, every_time=False)
def net_ne2k_pci(lab):
    other_card(lab, "ne2k_pci", "ne2k-pci")


@case("pcnet: pings without loss, files both ways by TCP", 400, order=24, every_time=False)
def net_pcnet(lab):
    other_card(lab, "pcnet", "pcnet32")


@case("e1000-82545em and e1000-82544gc: pings without loss, files both ways by TCP", 400, order=24, every_time=False)
def net_e1000_siblings(lab):
    for model in ("e1000-82545em", "e1000-82544gc"):
        other_card(lab, model, "e1000")


def hand_off(lab, name, reboots=0, **keys):
    transfer = Transfer(lab, 4)
    guest = lab.linux(name, "net", f"nets={NET}", direct=True, pv=True, vif=[vif(None)], **keys).create()
    taken_over(lab, guest, transfer)
    for _ in range(reboots):
        transfer = Transfer(lab, 4)
        guest.xl("reboot")
        guest.wait_reborn()
        taken_over(lab, guest, transfer)
    guest.destroy()
    lab.equal("taps that are left", taps(lab, guest.domid), [])


def taken_over(lab, guest, transfer):
    lab.equal("taps while it runs", taps(lab, guest.domid), [f"vif{guest.domid}.0-emu"])
    found = guest.results(120)
    lab.check("error" not in found, f"the guest says: {found.get('error')}")
    lab.matches("the interface", found["card"][0], rf"^eth0 vif-0 vif {MAC}$")
    lab.check("nic" not in found, f"the emulated card is still there: {found.get('nic')}")
    lab.check(not any(entry.startswith("sd") for entry in found.get("disk", [])), "an emulated disk is still there")
    no_loss(lab, found, ("small", "large"))
    transfer.check(found)
    tell_figures(lab, found)


@case("PV drivers take the network over: the card leaves the bus, the PV interface works, the tap goes with the guest", 240, order=24)
def net_hand_off(lab):
    hand_off(lab, "netpv")


@case("the same, and after `xl reboot` once more", 400, order=24, every_time=False)
def net_hand_off_again(lab):
    hand_off(lab, "netpv", reboots=1)


def reaches(shell, address, tries=20):
    """Two pings in a row are answered, at the latest after so many."""
    return shell.succeeds(f"for n in $(seq {tries}); do ping -q -c 1 -W 1 {address} >/tmp/ping && break; done; "
                          f"ping -q -c 2 -W 1 {address} >/tmp/ping", 60 + 3 * tries)


DOM0 = f"192.168.{NET}.1"
UP = f"ip link set eth0 up; ip addr add 192.168.{NET}.2/24 dev eth0"


@case("enforce-mac: a guest that takes another card's address is not heard until it takes its own again", 300, ("hvmdm",), order=24,
      every_time=False)
def net_isolated(lab):
    for card in ("e1000", "rtl8139"):
        shell = Shell(lab, card, vif=[vif(card)], device_model_args_hvm=["-global", f"{card}.enforce-mac=on"])
        shell.run(UP)
        lab.check(reaches(shell, DOM0), f"{card}: its own address reaches nobody")
        shell.run("ip link set eth0 down; ip link set eth0 address 00:16:3e:99:99:99; ip link set eth0 up")
        lab.check(not reaches(shell, DOM0, 3), f"{card}: it is heard by a strange address")
        neighbours = lab.sh("ip neigh show; bridge fdb show 2>/dev/null || true")
        lab.check("00:16:3e:99:99:99" not in neighbours, f"{card}: dom0 has learnt the strange address:\n{neighbours}")
        shell.run(f"ip link set eth0 down; ip link set eth0 address {MAC}; ip link set eth0 up")
        lab.check(reaches(shell, DOM0), f"{card}: it is not heard any more by its own address")
        shell.guest.destroy()


@case("a tap that is renamed goes on; a bridge that is down comes back; a tap that is deleted is an unplugged cable, and the guest lives", 300,
      ("hvmdm",), order=24, every_time=False)
def net_tap_gone(lab):
    for card in ("rtl8139", "e1000"):
        shell = Shell(lab, card, vif=[vif(card)])
        guest = shell.guest
        tap = f"vif{guest.domid}.0-emu"
        shell.run(UP)
        lab.check(reaches(shell, DOM0), f"{card}: dom0 is not reached")
        lab.sh(f"ip link set {tap} down && ip link set {tap} name elsewhere && ip link set elsewhere up")
        lab.check(reaches(shell, DOM0), f"{card}: the renamed tap carries nothing")
        lab.sh(f"ip link set {BRIDGE} down")
        lab.check(not reaches(shell, DOM0, 1), f"{card}: something answers although the bridge is down")
        lab.sh(f"ip link set {BRIDGE} up")
        lab.check(reaches(shell, DOM0), f"{card}: dom0 is not reached after the bridge came back")
        lab.sh("ip link del elsewhere")
        lab.check(shell.succeeds("for n in $(seq 20); do [ $(cat /sys/class/net/eth0/carrier) = 0 ] && break; sleep 0.5; done; "
                        "[ $(cat /sys/class/net/eth0/carrier) = 0 ]"), f"{card}: the guest still sees a link")
        lab.matches("the device model's log", guest.dm_log(), tap)
        guest.destroy()


@case("two guests on a bridge, an rtl8139 and an e1000, ping each other and move files both ways", 240, order=24, every_time=False)
def net_two_guests(lab):
    cards = {"rtl8139": "host=2 peer=3 first=1", "e1000": "host=3 peer=2"}
    guests = [lab.linux(card, "netpair", f"nets={NET} {words}", direct=True, vncunused=1,
                        vif=[f"bridge={BRIDGE},model={card}"]).create()
              for card, words in cards.items()]
    for guest in guests:
        found = guest.results(200)
        lab.check("error" not in found, f"{guest.name} says: {found.get('error')}")
        lab.equal(f"pings of {guest.name} that were answered", found["ping"], ["50"])
        for way in ("took", "sent"):
            lab.equal(f"bytes that {guest.name} {way}", found[way], [str(4 * MIB)])


@case("`set_link` over QMP pulls the cable out of an rtl8139 and an e1000 and plugs it in: the guest sees it", 240, order=24,
      every_time=False)
def net_link(lab):
    second = f"bridge={BRIDGE},model=e1000"
    guest = lab.linux("cables", "netlink", f"nets={NET}", direct=True, vif=[vif("rtl8139"), second]).create()
    cards = {"nic0": "8139cp", "nic1": "e1000"}
    for driver in ("e1000", "8139cp"):  # as Linux finds them
        guest.expect(f"cable-{driver} 1, pings answered 1", 120)
    for card, driver in cards.items():
        for state, seen in (("off", "0, pings answered 0"), ("on", "1, pings answered 1")):
            guest.xl("qemu-monitor-command", f"'set_link {card} {state}'")
            guest.expect(f"cable-{driver} {seen}", 60)
    lab.matches("a card that is not there", guest.xl("qemu-monitor-command", "'set_link nic7 off'").stdout, "not found")


@case("dom0 switches a tap off and on, then the bridge: the guest's cards lose their links and have them again", 240, ("hvmdm",),
      order=24, every_time=False)
def net_host_link(lab):
    second = f"bridge={BRIDGE},model=e1000"
    guest = lab.linux("switched", "netlink", f"nets={NET}", direct=True, vif=[vif("rtl8139"), second]).create()
    drivers = ("e1000", "8139cp")
    for driver in drivers:
        guest.expect(f"cable-{driver} 1, pings answered 1", 120)
    for interface, hears in ((f"vif{guest.domid}.0-emu", drivers[1:]), (f"vif{guest.domid}.1-emu", drivers[:1]), (BRIDGE, drivers)):
        for state, seen in (("down", "0, pings answered 0"), ("up", "1, pings answered 1")):
            lab.sh(f"ip link set {interface} {state}")
            for _ in hears:
                guest.expect(f"cable-({'|'.join(hears)}) {seen}", 60)
    lab.matches("the device model's log", guest.dm_log(), "vif[0-9]+.0-emu.* down; the guest's network card has no link")


def bulk(lab, card, mib):
    """So much each way; the guest looks at what it takes, dom0 at what the guest sends."""
    machine.put(LAB / "tcp_peer.py", f"{WORK}/tcp_peer.py")
    lab.sh(f"for what in 'send 5001' 'check 5002'; do "
           f"setsid python3 {WORK}/tcp_peer.py $what {mib * MIB} >{WORK}/peer-${{what##* }} 2>&1 </dev/null & done")
    guest = lab.linux(f"bulk-{card}", "netbulk", f"nets={NET} mib={mib}", direct=True, vif=[vif(card)]).create()
    found = guest.results(3000)
    lab.check("error" not in found, f"the guest says: {found.get('error')}")
    for way in ("took", "sent"):
        lab.matches(f"bytes that the guest {way}", found[way][0], f"^{mib * MIB} ")
    lab.equal("what dom0 took", lab.sh(f"cat {WORK}/peer-5002").strip(), f"{mib * MIB} right")
    lab.note(f"{mib} MiB: taken {found['took'][0]}, sent {found['sent'][0]}, retransmitted {found['retransmitted'][0]}")
    guest.destroy()


@case("rtl8139: 1 GiB by TCP each way, every byte looked at", 3600, order=42, every_time=False)
def net_bulk_rtl8139(lab):
    bulk(lab, "rtl8139", 1024)


@case("e1000: 1 GiB by TCP each way, every byte looked at", 3600, order=42, every_time=False)
def net_bulk_e1000(lab):
    bulk(lab, "e1000", 1024)
