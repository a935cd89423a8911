# A boot sector for a floppy disk of 1440 KB. It prints a line by INT 17h. By INT 13h it asks for the drive's geometry, reads
# the whole disk, track by track, adds up its 16-bit words, writes a sector at the end and reads that back. It reports on COM1.
.code16
.globl _start

.set CYLINDERS, 80
.set SECTORS, 18

_start:
    ljmp $0, $start
start:
    xorw %ax, %ax
    movw %ax, %ds
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

    movw $on_paper, %si
paper:
    lodsb
    testb %al, %al
    jz drives
    movb $0x00, %ah
    xorw %dx, %dx
    int $0x17
    jmp paper
drives:
    movw $says_drive, %si
    call print
    movzbw drive, %ax
    call hexadecimal
    movb $0x08, %ah
    movb drive, %dl
    int $0x13
    pushw %dx # heads - 1, drives
    pushw %cx # cylinders - 1, sectors
    movw $says_geometry, %si
    call print
    popw %ax
    call hexadecimal
    popw %ax
    call hexadecimal

    movw $0x1000, %ax
    movw %ax, %es
track:
    movw $0x0200 + SECTORS, %ax
    call transfer
    jc failed
    xorw %bx, %bx
    movw $SECTORS * 256, %cx
add:
    movw %es:(%bx), %ax
    addw %ax, sum
    adcw $0, sum + 2
    addw $2, %bx
    loop add
    xorb $1, head
    jnz track
    incb cylinder
    cmpb $CYLINDERS, cylinder
    jb track
    movw $says_sum, %si
    call print
    movw sum + 2, %ax
    call hexadecimal
    movw sum, %ax
    call hexadecimal

    decb cylinder # the last sector
    incb head
    movb $SECTORS, sector
    xorw %bx, %bx
fill:
    movb %bl, %es:(%bx)
    incw %bx
    cmpw $512, %bx
    jb fill
    movw $0x0301, %ax
    call transfer
    jc failed
    movw $0xffff, %es:6
    movw $0x0201, %ax
    call transfer
    jc failed
    movw $says_back, %si
    call print
    movw %es:6, %ax
    call hexadecimal
    jmp done
failed:
    pushw %ax
    movw $says_error, %si
    call print
    popw %ax
    call hexadecimal
done:
    movw $says_done, %si
    call print
stop:
    hlt
    jmp stop

transfer: # AX: command and sectors
    xorw %bx, %bx
    movb cylinder, %ch
    movb sector, %cl
    movb head, %dh
    movb drive, %dl
    int $0x13
    ret

hexadecimal: # AX
    movw $4, %cx
digit:
    rolw $4, %ax
    pushw %ax
    andb $0x0f, %al
    cmpb $10, %al
    sbbb $0x69, %al
    das
    call send
    popw %ax
    loop digit
    ret
print:
    lodsb
    testb %al, %al
    jz printed
    call send
    jmp print
send:
    movb %al, %ah
    movw $0x3fd, %dx
wait:
    inb %dx, %al
    testb $0x20, %al
    jz wait
    movw $0x3f8, %dx
    movb %ah, %al
    outb %al, %dx
printed:
    ret

drive:    .byte 0
cylinder: .byte 0
head:     .byte 0
sector:   .byte 1
sum:      .long 0
on_paper:      .asciz "Printed by INT 17h.\r\n"
says_drive:    .asciz "\r\nGUEST drive "
says_geometry: .asciz "\r\nGUEST geometry "
says_sum:      .asciz "\r\nGUEST sum "
says_back:     .asciz "\r\nGUEST back "
says_error:    .asciz "\r\nGUEST error "
says_done:     .asciz "\r\nGUEST done\r\n"

.org 510
    .word 0xaa55
