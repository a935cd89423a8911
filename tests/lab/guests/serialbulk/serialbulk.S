# A boot sector that moves much over COM1. It says BULK ready, then obeys two bytes at a time, a letter and a number N:
#   o N   sends N * 64 KiB: 64 KiB of noise (x = 1664525 x + 1013904223 from x = 1, its upper byte), N times
#   i N   says BULK go, takes N * 64 KiB, and says BULK sum and what the bytes rolled and added make
#   t N   sends bursts of 16 x for N seconds by the BIOS's clock, and says BULK bursts and how many
# FIFOs are on, with the trigger level at 14, and everything moves by string instructions, as quick as the port lets it.
.code16
.globl _start

.set COM1, 0x3f8
.set IIR, COM1 + 2
.set LCR, COM1 + 3
.set LSR, COM1 + 5
.set NOISE, 0x1000 # segment
.set TICKS, 0x46c

_start:
    ljmp $0, $start
start:
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %ss
    movw $0x7c00, %sp
    movw $LCR, %dx # 115200 8n1
    movb $0x83, %al
    outb %al, %dx
    movw $COM1, %dx
    movw $1, %ax
    outw %ax, %dx
    movw $LCR, %dx
    movb $0x03, %al
    outb %al, %dx
    movw $IIR, %dx # FCR
    movb $0xc7, %al
    outb %al, %dx
    cld

    movw $NOISE, %ax
    movw %ax, %es
    xorw %di, %di
    movl $1, %eax
noise:
    imull $1664525, %eax
    addl $1013904223, %eax
    rorl $24, %eax
    stosb
    roll $24, %eax
    testw %di, %di
    jnz noise

    movw $ready, %si
    call print
command:
    call hear
    movb %al, %bl
    call hear
    movzbw %al, %cx
    cmpb $'o', %bl
    je send
    cmpb $'i', %bl
    je take
    cmpb $'t', %bl
    je time
    jmp command

send:
    pushw %cx
    movw $NOISE, %ax
    movw %ax, %ds
    xorw %si, %si
burst:
    call room
    movw $16, %cx
    movw $COM1, %dx
    rep outsb
    testw %si, %si
    jnz burst
    xorw %ax, %ax
    movw %ax, %ds
    popw %cx
    loop send
    jmp command

take:
    movw $go, %si
    call print
    movzwl %cx, %esi
    shll $16, %esi # bytes to come
    xorl %ebp, %ebp
    xorw %ax, %ax
    movw %ax, %es
    movw $COM1 + 1, %dx # IER: so that IIR tells; the CPU does not listen
    movb $1, %al
    cli
    outb %al, %dx
some:
    movw $IIR, %dx
    inb %dx, %al
    andb $0x0f, %al
    movzwl level, %ecx
    cmpb $4, %al
    je these
    movw $1, %cx
    cmpb $12, %al
    jne some
these:
    subl %ecx, %esi
    pushw %si
    movw $0x8000, %di
    movw %di, %si
    movw $COM1, %dx
    pushw %cx
    rep insb
    popw %cx
    xorl %eax, %eax
add:
    lodsb
    roll $1, %ebp
    addl %eax, %ebp
    loop add
    popw %si
    testl %esi, %esi
    jnz some
    movw $COM1 + 1, %dx
    xorw %ax, %ax
    outb %al, %dx
    sti
    movl %ebp, %ebx
    movw $sum, %si
    jmp report

time:
    sti
    imulw $18, %cx, %cx
    movw TICKS, %bp
    xorl %ebx, %ebx
    movw %cx, %di
more:
    call room
    incl %ebx
    movw $16, %cx
    movw $letters, %si
    movw $COM1, %dx
    rep outsb
    movw TICKS, %ax
    subw %bp, %ax
    cmpw %di, %ax
    jb more
    movw $bursts, %si
report:
    call print
    movw $8, %cx
digit:
    roll $4, %ebx
    movb %bl, %al
    andb $15, %al
    addb $'0', %al
    cmpb $'9', %al
    jbe shown
    addb $7, %al
shown:
    call say
    loop digit
    movb $'\n', %al
    call say
    jmp command

print:
    lodsb
    testb %al, %al
    jz printed
    call say
    jmp print
say:
    movb %al, %ah
    call room
    movb %ah, %al
    movw $COM1, %dx
    outb %al, %dx
printed:
    ret

# Waits until the transmitter's FIFO is empty.
room:
    movw $LSR, %dx
busy:
    inb %dx, %al
    testb $0x20, %al
    jz busy
    ret

hear:
    sti
    hlt
    movw $LSR, %dx
    inb %dx, %al
    testb $1, %al
    jz hear
    movw $COM1, %dx
    inb %dx, %al
    ret

level:  .word 14
ready:  .asciz "BULK ready\n"
go:     .asciz "BULK go\n"
sum:    .asciz "BULK sum "
bursts: .asciz "\nBULK bursts "
letters: .ascii "xxxxxxxxxxxxxxx\n"

.org 510
    .word 0xaa55
