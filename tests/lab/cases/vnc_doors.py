"""The doors for browsers and the encrypted one, as xl opens them."""
import shutil
import subprocess
import tempfile
from pathlib import Path

from lablib import machine
from lablib.case import case
from lablib.images import copy_of, xl_disk
from lablib.say import LabError

SITE, PKI = "/lab/work/site", "/lab/work/pki"
# Sends standard input to a port of dom0 and prints what comes back within a moment; dom0 has neither curl nor python.
ASK = "exec 3<>/dev/tcp/127.0.0.1/{port}; cat >&3; timeout 2 cat <&3"


def ask(lab, port, *lines):
    request = "".join(line + r"\r\n" for line in lines)
    script = ASK.format(port=port)
    return lab.sh(f"printf '{request}' | bash -c '{script}' | tr -d '\\000'", check=False)


class Authority:
    """Makes a server's certificate for 127.0.0.1 and puts it into dom0; `certificate`: its own."""

    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="hvmdm-pki-"))
        self.certificate = self.directory / "ca-cert.pem"

    def __enter__(self):
        new = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
        self._openssl(f"{new} -x509 -days 3650 -keyout ca-key.pem -out ca-cert.pem -subj /CN=lab")
        self._openssl(f"{new} -keyout server-key.pem -out server.csr -subj /CN=127.0.0.1")
        (self.directory / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:127.0.0.1\n")
        self._openssl("x509 -req -in server.csr -CA ca-cert.pem -CAkey ca-key.pem -CAcreateserial -days 3650 -extfile names "
                      "-out server-cert.pem")
        machine.ssh(f"mkdir -p {PKI}")
        for name in ("server-cert.pem", "server-key.pem"):
            machine.put(self.directory / name, f"{PKI}/{name}")
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.directory)

    def _openssl(self, words):
        subprocess.run(["openssl", *words.split()], cwd=self.directory, check=True, capture_output=True)


@case("VNC for browsers: web console and WebSocket on their ports, the same password; encryption; clear errors", 180, order=13,
      device_models=("hvmdm",))
def vnc_doors(lab):
    lab.sh(f"mkdir -p {SITE}/core && echo '<html>the console</html>' >{SITE}/vnc.html && echo rfb >{SITE}/core/rfb.js && "
           f"echo secret >{SITE}/core/key.pem")
    guest = lab.guest("doors", vncpasswd="1234", disk=[xl_disk(copy_of("display", "doors"), "hda")],
                      device_model_args=["-vnc", "0.0.0.0:0,password=on,websocket=on", "-hvmdm-web", f"on,path={SITE}"])
    guest.create()
    guest.expect("DISPLAY ready", 60)
    lab.equal("right password", guest.vnc(password="1234").size()[0] > 0, True)
    page = ask(lab, 5800, "GET /vnc.html HTTP/1.1", "Host: h", "")
    lab.matches("the console's page", page, "200 OK(.|\n)*the console")
    lab.matches("a file that is not for browsers", ask(lab, 5800, "GET /core/key.pem HTTP/1.1", "Host: h", ""), "404")
    lab.matches("a file of dom0", ask(lab, 5800, "GET /../../../etc/passwd HTTP/1.1", "Host: h", ""), "404")
    upgrade = ("Host: h", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "")
    for port, path in ((5800, "/websockify"), (5700, "/")):
        lab.matches(f"WebSocket on {port}", ask(lab, port, f"GET {path} HTTP/1.1", *upgrade), r"101 (.|\n)*RFB 003\.008")
    lab.matches("the console for another site", ask(lab, 5800, "GET /websockify HTTP/1.1", "Origin: http://evil", *upgrade), "403")
    guest.destroy()
    with Authority() as authority:
        encrypted_viewer(lab, authority)

    broken = lab.guest("broken", disk=[xl_disk(copy_of("display", "broken"), "hda")], device_model_args=[
        "-vnc", "0.0.0.0:0,tls-creds=t", "-object", "tls-creds-x509,id=t,dir=/nonexistent,endpoint=server"])
    lab.check(broken.try_create().returncode != 0, "a guest without its certificates was created")
    lab.matches("the device model's log", broken.dm_log(), "/nonexistent/server-cert.pem")


def encrypted_viewer(lab, authority):
    guest = lab.guest("tls", vncpasswd="1234", disk=[xl_disk(copy_of("display", "tls"), "hda")], device_model_args=[
        "-vnc", "0.0.0.0:0,password=on,tls-creds=t",
        "-object", f"tls-creds-x509,id=t,dir={PKI},endpoint=server,verify-peer=off"])
    guest.create()
    guest.expect("DISPLAY ready", 60)
    viewer = guest.vnc(password="1234", authority=authority.certificate)
    viewer.wait_size((640, 400))
    try:
        guest.vnc(password="1234")
    except LabError:
        pass
    else:
        lab.check(False, "a viewer was let in without encryption")
    guest.destroy()
