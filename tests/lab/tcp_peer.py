#!/usr/bin/env python3
"""dom0's end of what tests/lab/guests/linux/tcp.c sends and checks.

tcp_peer.py send PORT BYTES [A_SECOND]    gives the one who calls that many bytes, whole pieces, so many a second at most
tcp_peer.py check PORT BYTES              takes from the one who calls; prints "BYTES right", or where the first wrong one is
"""
import socket
import struct
import sys
import time

PIECE = 1 << 16


def noise():
    """As the guests make it: tests/lab/guests/serialbulk and guests/linux/tcp.c."""
    x, made = 1, bytearray()
    for _ in range(PIECE):
        x = (x * 1664525 + 1013904223) & 0xffffffff
        made.append(x >> 24)
    return bytes(made)


def pieces(size):
    rest = noise()[8:]
    return (struct.pack("<Q", number) + rest for number in range(size // PIECE))


def send(link, size, a_second=0):
    for piece in pieces(size):
        link.sendall(piece)
        if a_second:
            time.sleep(PIECE / a_second)
    link.shutdown(socket.SHUT_WR)
    link.recv(1)


def check(link, size):
    taken = 0
    for wanted in pieces(size):
        got = b""
        while len(got) < PIECE and (more := link.recv(PIECE - len(got))):
            got += more
        if got != wanted:
            return f"{taken} right, then not"
        taken += PIECE
    return f"{taken} right" + (", then more" if link.recv(1) else "")


def main():
    what, port, size, *pace = sys.argv[1], *map(int, sys.argv[2:])
    with socket.create_server(("", port)) as server:
        link, _ = server.accept()
    with link:
        if what == "send":
            send(link, size, *pace)
        else:
            print(check(link, size), flush=True)


if __name__ == "__main__":
    main()
