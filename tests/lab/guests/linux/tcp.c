/* Moves bytes by TCP as quickly as the network takes them: in pieces of 64 KiB, where busybox' nc writes 1 KiB and waits.
 *
 *   tcp ADDRESS PORT            takes until the other end closes
 *   tcp ADDRESS PORT BYTES      sends so many zeros
 * Prints how many were moved; "GUEST error tcp ..." when it cannot. */
#include "tiny.h"

enum { READ = 0, WRITE = 1, SOCKET = 41, CONNECT = 42, SHUTDOWN = 48, INET = 2, STREAM = 1, NO_MORE_WRITING = 1 };

static char piece[1 << 16];

static void failed(const char* what) {
    print("GUEST error tcp: ");
    print(what);
    print("\n");
    leave(1);
}

static unsigned ip4(const char* text) {
    unsigned address = 0, part = 0, at = 0;
    for (;; text++) {
        if (*text >= '0' && *text <= '9') {
            part = part * 10 + (unsigned)(*text - '0');
            continue;
        }
        address |= part << 8 * at++;
        part = 0;
        if (!*text) return address;
    }
}

static u64 take(long link) {
    u64 moved = 0;
    long got;
    while ((got = call(READ, link, (long)piece, sizeof(piece))) > 0)
        moved += (u64)got;
    if (got < 0) failed("reading");
    return moved;
}

static u64 send(long link, u64 bytes) {
    u64 moved = 0;
    while (moved < bytes) {
        u64 some = bytes - moved < sizeof(piece) ? bytes - moved : sizeof(piece);
        long sent = call(WRITE, link, (long)piece, (long)some);
        if (sent <= 0) failed("writing");
        moved += (u64)sent;
    }
    call(SHUTDOWN, link, NO_MORE_WRITING, 0);
    take(link); /* until the other end has all and closes */
    return moved;
}

__attribute__((noreturn, used)) void begin(long* stack) {
    char** arguments = (char**)(stack + 1);
    if (*stack < 3) failed("arguments");
    unsigned port = (unsigned)parse(arguments[2]);
    struct {
        unsigned short family, port;
        unsigned address;
        u64 unused;
    } there = {INET, (unsigned short)(port >> 8 | port << 8), ip4(arguments[1]), 0};
    long link = call(SOCKET, INET, STREAM, 0);
    if (link < 0) failed("socket");
    if (call(CONNECT, link, (long)&there, sizeof(there)) < 0) failed("connecting");
    print_number(*stack > 3 ? send(link, parse(arguments[3])) : take(link));
    print("\n");
    leave(0);
}
