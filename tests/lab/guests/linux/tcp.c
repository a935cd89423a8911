/* Moves bytes by TCP as quickly as the network takes them: in pieces of 64 KiB, where busybox' nc writes 1
 * KiB and waits.
 *
 *   tcp ADDRESS PORT take          takes until the other end closes
 *   tcp ADDRESS PORT check         the same, and each byte is what `send` sends
 *   tcp ADDRESS PORT send BYTES    sends whole pieces
 *
 * A piece is noise (x = 1664525 x + 1013904223 from x = 1, its upper byte) that begins with the piece's
 * number in eight bytes, the lowest first. With 0.0.0.0 it waits for the other end's call. Prints how many
 * bytes were moved; "GUEST error tcp ..." when it cannot. */
#include "tiny.h"

enum { READ = 0, WRITE = 1, SOCKET = 41, CONNECT = 42, ACCEPT = 43, SHUTDOWN = 48, BIND = 49, LISTEN = 50 };
enum { INET = 2, STREAM = 1, NO_MORE_WRITING = 1, PIECE = 1 << 16 };

static unsigned char piece[PIECE], wanted[PIECE];

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

static void make_noise(void) {
    unsigned x = 1;
    for (unsigned i = 0; i < PIECE; i++) {
        x = x * 1664525 + 1013904223;
        wanted[i] = (unsigned char)(x >> 24);
    }
}

static void number(u64 n) {
    for (unsigned i = 0; i < 8; i++)
        wanted[i] = (unsigned char)(n >> 8 * i);
}

static u64 take(long link, int check) {
    u64 moved = 0;
    long got;
    while ((got = call(READ, link, (long)piece, PIECE - (long)(moved % PIECE))) > 0) {
        u64 at = moved % PIECE;
        number(moved / PIECE);
        for (long i = 0; check && i < got; i++)
            if (piece[i] != wanted[at + (u64)i]) failed("a wrong byte");
        moved += (u64)got;
    }
    if (got < 0) failed("reading");
    return moved;
}

static u64 send(long link, u64 bytes) {
    u64 moved = 0;
    while (moved < bytes) {
        number(moved / PIECE);
        for (long at = 0, sent; at < PIECE; at += sent)
            if ((sent = call(WRITE, link, (long)(wanted + at), PIECE - at)) <= 0) failed("writing");
        moved += PIECE;
    }
    call(SHUTDOWN, link, NO_MORE_WRITING, 0);
    take(link, 0); /* until the other end has all and closes */
    return moved;
}

static long linked(const char* address, unsigned port) {
    struct {
        unsigned short family, port;
        unsigned address;
        u64 unused;
    } there = {INET, (unsigned short)(port >> 8 | port << 8), ip4(address), 0};
    long link = call(SOCKET, INET, STREAM, 0);
    if (link < 0) failed("socket");
    if (there.address != 0) {
        if (call(CONNECT, link, (long)&there, sizeof(there)) < 0) failed("connecting");
        return link;
    }
    if (call(BIND, link, (long)&there, sizeof(there)) < 0 || call(LISTEN, link, 1, 0) < 0)
        failed("listening");
    return call(ACCEPT, link, 0, 0);
}

__attribute__((noreturn, used)) void begin(long* stack) {
    char** arguments = (char**)(stack + 1);
    if (*stack < 4) failed("arguments");
    make_noise();
    long link = linked(arguments[1], (unsigned)parse(arguments[2]));
    char what = arguments[3][0];
    if (what == 's' && *stack < 5) failed("arguments");
    print_number(what == 's' ? send(link, parse(arguments[4])) : take(link, what == 'c'));
    print("\n");
    leave(0);
}
