/* Plays by OSS's interface: 44100 stereo frames a second of 16 bits, the left channel counts up, the right
 * one down.
 *
 *   dsp DEVICE MIXER FRAMES     prints "GUEST dsp FRAMES RATE", or "GUEST error dsp ..." */
#include "tiny.h"

enum { OPEN = 2, WRITE = 1, CLOSE = 3, IOCTL = 16 };
#define READ_WRITE(type, number) (0xc0040000L | (type) << 8 | (number))
#define SPEED READ_WRITE('P', 2)
#define FORMAT READ_WRITE('P', 5)
#define CHANNELS READ_WRITE('P', 6)
#define FRAGMENT READ_WRITE('P', 10)
#define TRIGGER 0x40045010L
#define SYNC 0x5001L
#define VOLUME READ_WRITE('M', 0)
#define PCM READ_WRITE('M', 4)

#define START 20480 /* frames */
static short frames[2048];

static void set(long device, long what, int value, const char* name) {
    int got = value;
    if (call(IOCTL, device, what, (long)&got) == 0 && got == value) return;
    print("GUEST error dsp: refused is ");
    print(name);
    print("\n");
    leave(1);
}

static long opened(const char* path) {
    long device = call(OPEN, (long)path, 1, 0);
    if (device >= 0) return device;
    print("GUEST error dsp: cannot be opened: ");
    print(path);
    print("\n");
    leave(1);
}

__attribute__((noreturn, used)) void begin(long* stack) {
    char** arguments = (char**)(stack + 1);
    if (stack[0] != 4) {
        print("GUEST error dsp: bad arguments\n");
        leave(1);
    }
    long mixer = call(OPEN, (long)arguments[2], 2, 0);
    if (mixer >= 0) { /* a card's outputs may be silent at first */
        int loud = 100 << 8 | 100;
        call(IOCTL, mixer, VOLUME, (long)&loud);
        loud = 100 << 8 | 100;
        call(IOCTL, mixer, PCM, (long)&loud);
        call(CLOSE, mixer, 0, 0);
    }
    long device = opened(arguments[1]);
    int fragments = 8 << 16 | 14, off = 0,
        on = 2; /* 128 KiB, of which some are there when it begins: a slow guest */
    call(IOCTL, device, FRAGMENT, (long)&fragments);
    set(device, FORMAT, 16, "the format");
    set(device, CHANNELS, 2, "stereo");
    set(device, SPEED, 44100, "the rate");
    call(IOCTL, device, TRIGGER, (long)&off);
    u64 count = parse(arguments[3]), done = 0;
    while (done < count) {
        unsigned n = sizeof(frames) / 4;
        if (n > count - done) n = (unsigned)(count - done);
        for (unsigned i = 0; i < n; i++) {
            frames[2 * i] = (short)(done + i);
            frames[2 * i + 1] = (short)~(done + i);
        }
        for (u64 at = 0; at < 4 * n;) {
            long written = call(WRITE, device, (long)frames + (long)at, (long)(4 * n - at));
            if (written <= 0) {
                print("GUEST error dsp: no more is taken after");
                print_number(done);
                print("\n");
                leave(1);
            }
            at += (u64)written;
        }
        done += n;
        if (done == START) call(IOCTL, device, TRIGGER, (long)&on);
    }
    call(IOCTL, device, SYNC, 0);
    call(CLOSE, device, 0, 0);
    print("GUEST dsp");
    print_number(done);
    print("\n");
    leave(0);
}
