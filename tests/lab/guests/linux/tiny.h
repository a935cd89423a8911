/* What a program needs that has no C library, because it goes into a small initrd. Each has its begin(stack).
 */
#pragma once

typedef unsigned long u64;

static inline long call(long number, long a, long b, long c) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}

static inline void print(const char* text) {
    unsigned length = 0;
    while (text[length])
        length++;
    call(1, 1, (long)text, length);
}

static inline void print_number(u64 number) {
    char text[24], *p = text + sizeof(text) - 1;
    *p = 0;
    do
        *--p = (char)('0' + number % 10);
    while (number /= 10);
    print(" ");
    print(p);
}

static inline u64 parse(const char* text) {
    u64 value = 0, base = text[0] == '0' && text[1] == 'x' ? 16 : 10;
    if (base == 16) text += 2;
    for (; *text; text++)
        value = value * base + (u64)(*text <= '9' ? *text - '0' : (*text | 32) - 'a' + 10);
    return value;
}

__attribute__((noreturn)) static inline void leave(int status) {
    for (;;)
        call(60, status, 0, 0);
}

__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call begin\n");
