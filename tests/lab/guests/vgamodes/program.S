.section .rodata
.globl scenes
scenes:
    .incbin "scenes.bin"
.section .note.GNU-stack, "", @progbits
