"""A VNC viewer that only types: RFB 3.8 (RFC 6143) with extended key events, which both machines understand."""
import select
import socket
import struct

SECONDS = 20
NO_PASSWORD = 1
EXTENDED_KEY_EVENT = -258


class Viewer:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(SECONDS)
        self.socket.connect(path)
        self.receive(12)
        self.socket.sendall(b"RFB 003.008\n")
        if NO_PASSWORD not in self.receive(self.receive(1)[0]):
            raise OSError("the VNC server wants a password")
        self.socket.sendall(bytes([NO_PASSWORD]))
        self.receive(4)
        self.socket.sendall(b"\1")
        name_length = struct.unpack(">20xI", self.receive(24))[0]
        self.receive(name_length)
        self.socket.sendall(struct.pack(">BxHi", 2, 1, EXTENDED_KEY_EVENT))

    def receive(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise OSError("the VNC server hung up")
            data += piece
        return data

    def key(self, code, down):
        """`code`: as QEMU numbers keys, the code of set 1 with bit 7 for E0."""
        if select.select([self.socket], [], [], 0)[0]:
            self.socket.recv(1 << 20)  # what nobody looks at
        self.socket.sendall(struct.pack(">BBHII", 255, 0, down, 0, code))

    def close(self):
        self.socket.close()
