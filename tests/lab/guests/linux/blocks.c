/* Times requests to a block device, one after the other, past the page cache.
 *
 *   blocks NAME DEVICE read|write seq|random BYTES COUNT SPAN
 *
 * prints "GUEST io-NAME MICROSECONDS BYTES-MOVED".
 *
 * Requests of BYTES each, COUNT of them, within the first SPAN bytes of the device. */
#include "tiny.h"

#define MOST_BYTES (1 << 20)
static unsigned char buffer[MOST_BYTES] __attribute__((aligned(4096)));

static u64 microseconds(void) {
    long now[2];
    call(228 /* clock_gettime */, 1, (long)now, 0);
    return (u64)now[0] * 1000000 + (u64)now[1] / 1000;
}

static long move(int writing, long file, u64 bytes, u64 offset) {
    long result;
    register long r10 __asm__("r10") = (long)offset;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(writing ? 18L : 17L), "D"(file), "S"(buffer), "d"(bytes), "r"(r10)
                     : "rcx", "r11", "memory");
    return result;
}

__attribute__((noreturn, used)) void begin(long* stack) {
    char** arguments = (char**)(stack + 1);
    if (stack[0] != 8) {
        print("GUEST error blocks: bad arguments\n");
        leave(1);
    }
    int writing = arguments[3][0] == 'w', random = arguments[4][0] == 'r';
    u64 bytes = parse(arguments[5]), count = parse(arguments[6]), span = parse(arguments[7]);
    long file = call(2, (long)arguments[2], (writing ? 1 : 0) | 040000 /* O_DIRECT */, 0);
    if (file < 0 || bytes == 0 || bytes > MOST_BYTES || span < bytes) {
        print("GUEST error blocks: no such device, or bad sizes\n");
        leave(1);
    }
    u64 places = span / bytes, seed = 1, began = microseconds();
    for (u64 i = 0; i < count; i++) {
        seed = seed * 6364136223846793005UL + 1442695040888963407UL;
        u64 place = random ? (seed >> 33) % places : i % places;
        if (writing) buffer[i % bytes] = (unsigned char)seed;
        if (move(writing, file, bytes, place * bytes) != (long)bytes) {
            print("GUEST error blocks: a request failed\n");
            leave(1);
        }
    }
    u64 took = microseconds() - began;
    print("GUEST io-");
    print(arguments[1]);
    print_number(took);
    print_number(count * bytes);
    print("\n");
    leave(0);
}
