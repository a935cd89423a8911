# A boot sector that reads its disk's first 2 MiB by INT 13h (extended read, 64 sectors a call) and says on COM1 when it
# begins and when it is done: what a boot loader gets from the BIOS.
.code16
.globl _start

.set REQUESTS, 64
.set SECTORS, 64

_start:
    ljmp $0, $start
start:
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw $0x7c00, %sp
    movb %dl, drive
    movw $0x3fb, %dx # 115200 8n1
    movb $0x83, %al
    outb %al, %dx
    movw $0x3f8, %dx
    movb $1, %al
    outb %al, %dx
    incw %dx
    movb $0, %al
    outb %al, %dx
    movw $0x3fb, %dx
    movb $0x03, %al
    outb %al, %dx

    movw $begins, %si
    call print
    movw $REQUESTS, %cx
next:
    pushw %cx
    movb $0x42, %ah
    movb drive, %dl
    movw $packet, %si
    int $0x13
    jc failed
    addl $SECTORS, lba
    popw %cx
    loop next
    movw $ends, %si
    call print
stop:
    hlt
    jmp stop
failed:
    movw $fails, %si
    call print
    jmp stop

print:
    lodsb
    testb %al, %al
    jz printed
    movb %al, %bl
    movw $0x3fd, %dx
wait:
    inb %dx, %al
    testb $0x20, %al
    jz wait
    movw $0x3f8, %dx
    movb %bl, %al
    outb %al, %dx
    jmp print
printed:
    ret

drive:  .byte 0
begins: .asciz "INT13 begin\r\n"
ends:   .asciz "INT13 end\r\n"
fails:  .asciz "INT13 failed\r\n"

.balign 4
packet:
    .byte 16, 0
    .word SECTORS
    .word 0, 0x1000 # offset, segment
lba:
    .quad 0

.org 510
    .word 0xaa55
