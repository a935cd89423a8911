# The boot sector of the guest that shows every screen mode: loads the program behind it to 0x10000 and calls it in 32-bit
# protected mode, without interrupts, with the address of a function that calls the video BIOS.
.code16
.globl _start

.set PROGRAM, 0x10000
.set SECTORS, 120
.set REGISTERS, 0x600 # eax, ebx, ecx, edx, edi: of the BIOS call
.set CODE32, 0x08
.set DATA32, 0x10
.set CODE16, 0x18

_start:
    ljmp $0, $start
start:
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw $0x7c00, %sp
    movb $0x42, %ah
    movw $packet, %si
    int $0x13
    jc stop
    cli
    inb $0x92, %al # address line 20
    orb $2, %al
    andb $0xfe, %al
    outb %al, $0x92
    lgdt gdtr
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmp $CODE32, $protected
stop:
    hlt
    jmp stop

.code32
protected:
    cld
    call flat
    pushl $bios
    movl $PROGRAM, %eax
    call *%eax

flat:
    movw $DATA32, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    ret

# INT 10h with the registers at REGISTERS, which it changes. es is 0.
bios:
    pushal
    movl %esp, stack
    ljmp $CODE16, $leave_protected
.code16
leave_protected:
    movl %cr0, %eax
    andb $0xfe, %al
    movl %eax, %cr0
    ljmp $0, $real
real:
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw $0x7000, %sp
    movl REGISTERS, %eax
    movl REGISTERS + 4, %ebx
    movl REGISTERS + 8, %ecx
    movl REGISTERS + 12, %edx
    movl REGISTERS + 16, %edi
    int $0x10
    cli
    xorw %cx, %cx
    movw %cx, %ds
    movl %eax, REGISTERS
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmp $CODE32, $back
.code32
back:
    call flat
    movl stack, %esp
    popal
    ret

.balign 8
gdt:
    .quad 0
    .quad 0x00cf9a000000ffff
    .quad 0x00cf92000000ffff
    .quad 0x00009a000000ffff
gdtr:
    .word gdtr - gdt - 1
    .long gdt
stack:
    .long 0
packet:
    .byte 16, 0
    .word SECTORS
    .word 0, PROGRAM >> 4
    .quad 1

.org 510
    .word 0xaa55
