# A boot sector that asks Xen for a soft reset, as a PVHVM kernel does before kexec: the domain stays, its device model
# is another one afterwards. It counts its rounds in sector 1 of its disk and says them on COM1 and on the screen:
#   SOFT round NNNN   read from the disk, raised by one, written back
#   SOFT back EEEE    the hypercall has returned EEEE
# What it hears on COM1: s asks for a soft reset; anything else makes it say the last round again, without the disk.
.code16
.globl _start

.set COM1, 0x3f8
.set LSR, COM1 + 5
.set BUFFER, 0x8000
.set SCHED_OP, 29
.set SHUTDOWN, 2
.set SOFT_RESET, 5

_start:
    ljmp $0, $start
start:
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw $0x7c00, %sp
    movb %dl, drive
    movw $COM1 + 3, %dx # 115200 8n1
    movb $0x83, %al
    outb %al, %dx
    movw $COM1, %dx
    movb $1, %al
    outb %al, %dx
    incw %dx
    movb $0, %al
    outb %al, %dx
    movw $COM1 + 3, %dx
    movb $0x03, %al
    outb %al, %dx
    sti

round:
    movb $0x42, %ah
    call sector
    incw BUFFER
    movw $0x4300, %ax
    call sector
    movw $rounds, %si
    movw BUFFER, %bx
    call report
rest:
    hlt # until the next tick of the clock
    movw $LSR, %dx
    inb %dx, %al
    testb $1, %al
    jz rest
    movw $COM1, %dx
    inb %dx, %al
    cmpb $'s', %al
    je reset
    movw $rounds, %si
    movw BUFFER, %bx
    call report
    jmp rest

reset:
    xorl %eax, %eax
    cpuid
    cmpl $0x756e6547, %ebx # "Genu"
    movl $SCHED_OP, %eax
    movl $SHUTDOWN, %ebx
    movl $reason, %ecx
    je intel
    vmmcall
    jmp returned
intel:
    vmcall
returned:
    movw %ax, %bx
    movw $back, %si
    call report
    jmp round

# INT 13h's function AX on sector 1, at BUFFER.
sector:
    movb drive, %dl
    movw $packet, %si
    int $0x13
    jc failed
    ret
failed:
    movw %ax, %bx
    movw $fails, %si
    call report
    jmp rest

# Says the text at SI and the number in BX.
report:
    lodsb
    testb %al, %al
    jz number
    call say
    jmp report
number:
    movw $4, %cx
digit:
    rolw $4, %bx
    movb %bl, %al
    andb $15, %al
    addb $'0', %al
    cmpb $'9', %al
    jbe shown
    addb $7, %al
shown:
    call say
    loop digit
    movb $'\r', %al
    call say
    movb $'\n', %al
say:
    pushw %bx
    movb $0x0e, %ah
    movw $7, %bx
    int $0x10
    movb %al, %bl
    movw $LSR, %dx
busy:
    inb %dx, %al
    testb $0x20, %al
    jz busy
    movw $COM1, %dx
    movb %bl, %al
    outb %al, %dx
    popw %bx
    ret

drive:  .byte 0
rounds: .asciz "SOFT round "
back:   .asciz "SOFT back "
fails:  .asciz "SOFT failed "

.balign 4
reason: .long SOFT_RESET
packet:
    .byte 16, 0
    .word 1
    .word BUFFER, 0
    .quad 1

.org 510
    .word 0xaa55
