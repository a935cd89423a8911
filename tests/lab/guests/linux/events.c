/* Prints what an input device tells, each event but the marks between them:
 *
 *   events NAME DEVICE     prints "GUEST event NAME TYPE CODE VALUE" */
#include "tiny.h"

struct event {
    long seconds, microseconds;
    unsigned short type, code;
    int value;
};

/* One line is one write: several of us print at the same time. */
static char line[256];
static unsigned length;

static void put(const char* text) {
    while (*text && length < sizeof(line) - 32)
        line[length++] = *text++;
}

static void put_number(long number) {
    char text[24], *p = text + sizeof(text) - 1;
    u64 left = number < 0 ? (u64)-number : (u64)number;
    *p = 0;
    do
        *--p = (char)('0' + left % 10);
    while (left /= 10);
    put(number < 0 ? " -" : " ");
    put(p);
}

__attribute__((noreturn, used)) void begin(long* stack) {
    char** arguments = (char**)(stack + 1);
    static struct event events[64];
    long file = stack[0] == 3 ? call(2 /* open */, (long)arguments[2], 0, 0) : -1;
    for (;;) {
        long got = call(0 /* read */, file, (long)events, sizeof(events));
        if (got < (long)sizeof(events[0])) leave(1);
        for (unsigned i = 0; i < (unsigned long)got / sizeof(events[0]); i++) {
            if (events[i].type == 0) continue;
            length = 0;
            put("GUEST event ");
            put(arguments[1]);
            put_number(events[i].type);
            put_number(events[i].code);
            put_number(events[i].value);
            line[length++] = '\n';
            call(1 /* write */, 1, (long)line, length);
        }
    }
}
