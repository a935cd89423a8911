# A boot sector that rests until it is told something on COM1: 'd' changes a part of the screen (mode 13h), 'p' reads the
# serial port's line status 100 times, 't' changes to text, where 'l' scrolls by a line, 'g' back to graphics, where 'f' draws
# a picture. It says the same letter when that is done. Text and pictures are the BIOS's code.
.code16
.globl _start

.set READS, 100
.set COM1, 0x3f8
.set SCREEN, 0x8000 # what the text screen shows
.set ROM, 0xf000

_start:
    ljmp $0, $start
start:
    cli
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw $0x7c00, %sp
    movw $0x0013, %ax
    int $0x10

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

    cli
    movw $received, 4 * 0x0c # IRQ 4
    movw $0, 4 * 0x0c + 2
    movw $COM1 + 4, %dx # DTR, RTS, OUT2: interrupts may pass
    movb $0x0b, %al
    outb %al, %dx
    movw $COM1 + 1, %dx # when a byte has arrived
    movb $0x01, %al
    outb %al, %dx
    movw $COM1, %dx
    inb %dx, %al
    movb $0xef, %al # and no other interrupt: the guest rests
    outb %al, $0x21

    movw $ready, %si
next:
    lodsb
    testb %al, %al
    jz rest
    call say
    jmp next

rest:
    cli
    movb letter, %al
    movb $0, letter
    testb %al, %al
    jnz do
    sti
halt:
    hlt
    jmp rest
do:
    sti
    pushw %ax
    cmpb $'d', %al
    je draw
    cmpb $'p', %al
    je ports
    cmpb $'l', %al
    je line
    cmpb $'f', %al
    je picture
    movw $0x0003, %cx
    cmpb $'t', %al
    je mode
    movb $0x13, %cl
    cmpb $'g', %al
    je mode
done:
    popw %ax
    call say
    jmp rest

draw:
    movw $0xa000, %ax
    movw %ax, %es
    xorw %di, %di
    incb colour
    movb colour, %al
    movb %al, %ah
    movw $160, %cx # a line
    rep stosw
    jmp done

mode:
    movw %cx, %ax
    int $0x10
    jmp done

line:
    pushw %ds
    popw %es
    movw $SCREEN + 160, %si
    movw $SCREEN, %di
    movw $80 * 24, %cx
    rep movsw
    movw $ROM, %ax
    movw %ax, %ds
    movw %cs:place, %si
    movw $80, %cx
character:
    lodsb
    andb $0x3f, %al
    addb $0x20, %al
    movb $7, %ah
    stosw
    loop character
    movw $SCREEN, %si
    xorw %ax, %ax
    movw %ax, %ds
    movw $0xb800, %ax
    movw $80 * 25, %cx
show:
    movw %ax, %es
    xorw %di, %di
    rep movsw
    xorw %ax, %ax
    movw %ax, %ds
    addw $0x142, place # even: a word at the segment's end would be half outside
    jmp done

picture:
    movw $ROM, %ax
    movw %ax, %ds
    movw %cs:place, %si
    movw $0xa000, %ax
    movw $32000, %cx
    jmp show

ports:
    movw $READS, %cx
    movw $COM1 + 5, %dx
again:
    inb %dx, %al
    loop again
    jmp done

say:
    movb %al, %bl
    movw $COM1 + 5, %dx
wait:
    inb %dx, %al
    testb $0x20, %al
    jz wait
    movw $COM1, %dx
    movb %bl, %al
    outb %al, %dx
    ret

received:
    # The lab's emulated processor forgets that STI holds interrupts back for one instruction when it leaves the guest
    # there: the HLT would wait for a byte that has come.
    pushw %bp
    movw %sp, %bp
    cmpw $halt, 2(%bp)
    jne awake
    incw 2(%bp)
awake:
    popw %bp
    pushw %ax
    pushw %dx
    movw $COM1, %dx
    inb %dx, %al
    movb %al, %cs:letter
    movb $0x20, %al
    outb %al, $0x20
    popw %dx
    popw %ax
    iret

letter: .byte 0
colour: .byte 0
place:  .word 0
ready:  .asciz "DISPLAY ready\r\n"

.org 510
    .word 0xaa55
