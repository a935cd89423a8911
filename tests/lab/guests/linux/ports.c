/* Times accesses to an I/O port in cycles of the guest's own counter.
 *
 *   ports NAME PORT COUNT     prints "GUEST port-NAME MEDIAN P99 LEAST" */
#include "tiny.h"

static u64 cycles(void) {
    unsigned low, high;
    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (u64)high << 32 | low;
}

static void sort(u64* values, u64 count) {
    for (u64 gap = count / 2; gap > 0; gap /= 2)
        for (u64 i = gap; i < count; i++)
            for (u64 j = i; j >= gap && values[j - gap] > values[j]; j -= gap) {
                u64 other = values[j];
                values[j] = values[j - gap];
                values[j - gap] = other;
            }
}

#define MOST 10000
static u64 taken[MOST];

__attribute__((noreturn, used)) void begin(long* stack) {
    char** arguments = (char**)(stack + 1);
    if (stack[0] != 4 || call(172 /* iopl */, 3, 0, 0) != 0) {
        print("GUEST error ports: bad arguments or no right to use ports\n");
        leave(1);
    }
    unsigned short port = (unsigned short)parse(arguments[2]);
    u64 count = parse(arguments[3]);
    if (count == 0 || count > MOST) count = MOST;
    for (u64 i = 0; i < count; i++) {
        unsigned char value;
        u64 began = cycles();
        __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
        taken[i] = cycles() - began;
    }
    sort(taken, count);
    print("GUEST port-");
    print(arguments[1]);
    print_number(taken[count / 2]);
    print_number(taken[count * 99 / 100]);
    print_number(taken[0]);
    print("\n");
    leave(0);
}
