; SPDX-License-Identifier: MIT
; The upcall entry, and the state of the FPU, which belongs to the program.
bits 64
default rel

extern upcall

SYSCALL_UPCALL_RETURN equ 0x80000000 + 47
THREAD_STACK_TOP equ 192                ; struct thread, behind its upcall_page

section .text.entry progbits alloc exec nowrite align=16

; in: rdi the thread's page; all other registers are the program's
global upcall_entry:function
upcall_entry:
    mov     rsp, [rdi + THREAD_STACK_TOP]
    xor     ebp, ebp
    cld
    call    upcall
    mov     eax, SYSCALL_UPCALL_RETURN
    syscall
    ud2

; in: rdi 512 bytes, 16-byte aligned
global fpu_save:function
fpu_save:
    fxsave64 [rdi]
    ret

global fpu_load:function
fpu_load:
    fxrstor64 [rdi]
    ret

; in: rdi a word, esi a value; stores it, wakes waiters, ends the thread. Uses no stack: from the
; store on another thread may have it.
global leave_stack:function
leave_stack:
    mov     byte [rdi], sil
    mov     eax, 0x80000000 + 41        ; THREAD_EXIT
    syscall
    ud2
