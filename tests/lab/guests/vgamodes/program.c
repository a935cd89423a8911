/* Shows the scene whose name comes by COM1, and says when it is drawn. "loop N NAME NAME ..." shows the named
 * ones in turn, N in all; "rest" halts for good. A scene is a list of operations that lablib/scenes.py has
 * made from scenes.txt; the meaning of each stands there. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;

enum {
    OP_SHOWN,
    OP_OUT,
    OP_OUTW,
    OP_ATTR,
    OP_DAC,
    OP_FILL,
    OP_RAMP,
    OP_RMW,
    OP_COPY,
    OP_LOAD,
    OP_STORE,
    OP_MMIO,
    OP_INT10
};

enum { COM1 = 0x3f8, LINE_STATUS = COM1 + 5, RECEIVED = 1, SENT = 0x20, LINE = 4000, MOST_SCENES = 128 };
#define IN_LFB 0x80000000u /* the address is one in the linear frame buffer */

extern volatile u32 bios_registers[5]; /* program.ld says where they are */
extern u8 buffer[0x10000];
extern const u8 scenes[]; /* each: length of name, name, length of operations (4), operations; then 0 */

static void (*call_bios)(void);
static u32 lfb, mmio;
static char line[LINE];

static void outb(u16 port, u8 value) {
    __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}
static void outw(u16 port, u16 value) {
    __asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port));
}
static void outl(u16 port, u32 value) {
    __asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port));
}
static u8 inb(u16 port) {
    u8 value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
static u32 inl(u16 port) {
    u32 value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
/* String instructions: one exit for many bytes. */
static void move(u32 to, u32 from, u32 count) {
    u32 words = count / 4;
    __asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(words)::"memory");
    words = count % 4;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(words)::"memory");
}
static void out_string(u16 port, const u8* from, u32 count) {
    __asm__ volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(port) : "memory");
}

static void put(char c) {
    while (!(inb(LINE_STATUS) & SENT)) {
    }
    outb(COM1, (u8)c);
}
static void say(const char* text) {
    while (*text)
        put(*text++);
}
static void read_line(void) {
    u32 length = 0;
    for (;;) {
        char c;
        while (!(inb(LINE_STATUS) & RECEIVED)) {
        }
        c = (char)inb(COM1);
        if (c == '\n') break;
        if (length + 1 < LINE) line[length++] = c;
    }
    line[length] = 0;
}

static u32 config(u32 device, u32 reg) {
    outl(0xcf8, 0x80000000u | device << 11 | reg);
    return inl(0xcfc);
}
static void find_adapter(void) {
    for (u32 device = 0; device < 32; ++device)
        if (config(device, 8) >> 16 == 0x0300) {
            lfb = config(device, 0x10) & ~15u;
            mmio = config(device, 0x18) & ~15u;
            if (mmio == 0) mmio = config(device, 0x14) & ~15u;
        }
}

static u32 get32(const u8** at) {
    u32 value = (*at)[0] | (*at)[1] << 8 | (*at)[2] << 16 | (u32)(*at)[3] << 24;
    *at += 4;
    return value;
}
static u32 address(const u8** at) {
    u32 value = get32(at);
    return value & IN_LFB ? lfb + (value & ~IN_LFB) : value;
}

/* Byte i is c + m * i + k * (i / 256) + l * (i / 65536). Built 4 bytes at a time. */
static void fill(u32 to, u32 count, u32 c, u32 m, u32 k, u32 l) {
    const u32 step = (m * 4 & 0xff) * 0x01010101u;
    u32 done = 0;
    while (done < count) {
        u32 some = count - done < 4096 ? count - done : 4096;
        u32* word = (u32*)buffer;
        for (u32 i = done; i < done + some; i += 256) {
            u32 b = c + m * i + k * (i >> 8) + l * (i >> 16);
            u32 v = (b & 0xff) | ((b + m) & 0xff) << 8 | ((b + 2 * m) & 0xff) << 16 | (b + 3 * m) << 24;
            for (u32 j = 0; j < 64; ++j) {
                *word++ = v;
                v = ((v & 0x7f7f7f7fu) + (step & 0x7f7f7f7fu)) ^ ((v ^ step) & 0x80808080u);
            }
        }
        move(to + done, (u32)buffer, some);
        done += some;
    }
}

/* Four bytes at a time, lane n of group j is C + 85 * n + (2 * n + 1) * j + K * (j / 256) + L * (j / 65536).
 */
static void ramp(u32 to, u32 count, u32 c, u32 k, u32 l) {
    const u32 step = 0x07050301;
    u32* word = (u32*)to;
    for (u32 j = 0; j < count / 4; j += 256) {
        u32 b = c + k * (j >> 8) + l * (j >> 16);
        u32 v = (b & 0xff) | ((b + 85) & 0xff) << 8 | ((b + 170) & 0xff) << 16 | (b + 255) << 24;
        for (u32 i = 0; i < 256 && j + i < count / 4; ++i) {
            *word++ = v;
            v = ((v & 0x7f7f7f7fu) + (step & 0x7f7f7f7fu)) ^ ((v ^ step) & 0x80808080u);
        }
    }
}

static void attr(u8 index, u8 value) {
    inb(0x3da);
    outb(0x3c0, index);
    outb(0x3c0, value);
    inb(0x3da);
    outb(0x3c0, 0x20);
    inb(0x3da);
}

static void dac(u32 eight_bits) {
    u8* at = buffer;
    for (u32 i = 0; i < 256; ++i) {
        *at++ = (u8)(eight_bits ? i : i & 63);
        *at++ = (u8)(eight_bits ? i * 7 : i >> 2);
        *at++ = (u8)(eight_bits ? 255 - i : 63 - (i & 63));
    }
    outb(0x3c8, 0);
    out_string(0x3c9, buffer, 768);
}

static void int10(const u8** at) {
    for (u32 i = 0; i < 4; ++i)
        bios_registers[i] = get32(at);
    bios_registers[4] = 0;
    call_bios();
}

static void run(const u8* at) {
    for (;;) {
        const u8 op = *at++;
        volatile u8* p;
        u32 a, b, n, c, m, k;
        switch (op) {
        case OP_SHOWN: return;
        case OP_OUT:
            a = get32(&at);
            outb((u16)a, *at++);
            break;
        case OP_OUTW:
            a = get32(&at);
            b = get32(&at);
            outw((u16)a, (u16)b);
            break;
        case OP_ATTR:
            a = *at++;
            attr((u8)a, *at++);
            break;
        case OP_DAC: dac(*at++); break;
        case OP_FILL:
            a = address(&at), n = get32(&at), c = get32(&at), m = get32(&at), k = get32(&at);
            fill(a, n, c, m, k, get32(&at));
            break;
        case OP_RAMP:
            a = address(&at), n = get32(&at), c = get32(&at), k = get32(&at);
            ramp(a, n, c, k, get32(&at));
            break;
        case OP_RMW:
            p = (volatile u8*)address(&at), n = get32(&at), c = get32(&at), m = get32(&at);
            for (u32 i = 0; i < n; ++i) {
                (void)p[i];
                p[i] = (u8)(c + m * i);
            }
            break;
        case OP_COPY:
            a = address(&at), b = address(&at), n = get32(&at);
            for (u32 i = 0; i < n; ++i)
                ((volatile u8*)b)[i] = ((volatile u8*)a)[i];
            break;
        case OP_LOAD:
            a = address(&at);
            move((u32)buffer, a, get32(&at));
            break;
        case OP_STORE:
            a = address(&at);
            move(a, (u32)buffer, get32(&at));
            break;
        case OP_MMIO:
            a = mmio + get32(&at), n = get32(&at), b = get32(&at);
            if (n == 1) *(volatile u8*)a = (u8)b;
            if (n == 2) *(volatile u16*)a = (u16)b;
            if (n == 4) *(volatile u32*)a = b;
            break;
        case OP_INT10: int10(&at); break;
        }
    }
}

/* Operations of the scene whose name `text` begins with; *rest: what follows the name and a blank. */
static const u8* find(const char* text, const char** rest) {
    const u8* at = scenes;
    while (*at) {
        const u32 length = *at++;
        const u8* name = at;
        u32 i = 0, size;
        at += length;
        size = get32(&at);
        while (i < length && text[i] == (char)name[i])
            ++i;
        if (i == length && (text[i] == 0 || text[i] == ' ')) {
            *rest = text + i + (text[i] == ' ');
            return at;
        }
        at += size;
    }
    return 0;
}

static int is(const char* word) {
    u32 i = 0;
    while (word[i] && line[i] == word[i])
        ++i;
    return !word[i];
}

static void loop(const char* text) {
    static const u8* list[MOST_SCENES];
    u32 total = 0, count = 0;
    while (*text >= '0' && *text <= '9')
        total = total * 10 + (u32)(*text++ - '0');
    while (*text == ' ')
        ++text;
    while (*text && count < MOST_SCENES) {
        const u8* scene = find(text, &text);
        if (!scene) break;
        list[count++] = scene;
    }
    for (u32 i = 0; count && i < total; ++i)
        run(list[i % count]);
}

__attribute__((section(".text.start"))) void start(void (*bios)(void)) {
    call_bios = bios;
    outb(COM1 + 3, 0x83); /* 115200 8n1 */
    outb(COM1, 1);
    outb(COM1 + 1, 0);
    outb(COM1 + 3, 0x03);
    find_adapter();
    say("SCENES ready\r\n");
    for (;;) {
        const char* rest;
        const u8* scene;
        read_line();
        if (is("rest")) {
            say("SHOWN rest\r\n");
            outb(0x21, 0xff); /* no interrupts; halted with the flag clear Xen would end the guest */
            outb(0xa1, 0xff);
            for (;;)
                __asm__ volatile("sti; hlt");
        }
        if (is("loop ")) {
            loop(line + 5);
        } else {
            scene = find(line, &rest);
            if (!scene) {
                say("UNKNOWN ");
                say(line);
                say("\r\n");
                continue;
            }
            run(scene);
        }
        say("SHOWN ");
        line[40] = 0;
        say(line);
        say("\r\n");
    }
}
