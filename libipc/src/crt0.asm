; SPDX-License-Identifier: MIT
; Entry of every user program.
bits 64
default rel

extern program_start

section .text.start progbits alloc exec nowrite align=16

; in: rdi incarnation, rsi RESET_* flags, rsp top of the stack
; out: does not return
global _start:function
_start:
    xor     ebp, ebp            ; end of the frame chain
    and     rsp, -16
    call    program_start
    ud2
