; SPDX-License-Identifier: MIT
; Every way into the kernel and the two ways out. Offsets repeat struct arch_context and struct
; arch_cpu (include/arch/cpu.h); cpu.c asserts them.
;
; Order on several CPUs: save the user's registers, then set in_kernel, then take the lock. Who
; holds the lock and sees in_kernel may rely on the saved registers (x86 keeps stores in order).

CPU_CURRENT equ 8
CPU_KERNEL_STACK equ 16
CPU_USER_RSP equ 24
CPU_IN_KERNEL equ 65
CPU_RESCHED_FORCED equ 66
CPU_IDLE equ 67
CPU_CHOOSE equ 104

CONTEXT_RDI equ 8
CONTEXT_RSI equ 16
CONTEXT_R14 equ 72
CONTEXT_RBX equ 88
CONTEXT_RBP equ 96
CONTEXT_RSP equ 104
CONTEXT_RIP equ 112
CONTEXT_RFLAGS equ 120
CONTEXT_RCX equ 128
CONTEXT_R11 equ 136
CONTEXT_BY_SYSCALL equ 172

SYSCALL_CALL equ 0x80000001
SYSCALL_COMMIT_RECEIVE equ 0x80000002
SYSCALL_NATIVE equ 0x80000000
SYSCALL_TABLE_SIZE equ 100
SYSCALL_NO_RESULT equ -0x80000000
USER_SS equ 0x23
USER_CS equ 0x2b
VECTOR_FIRST_INTERRUPT equ 32
MSR_GS_BASE equ 0xc0000101

FRAME_RIP equ 16                        ; above vector and error code
FRAME_CS equ 24
FRAME_RFLAGS equ 32
FRAME_RSP equ 40
FRAME_SIZE equ 176                      ; struct exception_frame

extern syscall_table, fast_call, fast_commit_receive, sched_exit, schedule_forced
extern trap_user, trap_kernel, kernel_lock_wait
extern kernel_lock, smp_active

; Registers of a context from rdi on (the rest is saved by hand), and of an exception frame.
%define CONTEXT_REGISTERS rdi, rsi, rdx, r10, r8, r9, r12, r13, r14, r15, rbx, rbp
%define FRAME_REGISTERS rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15

%macro SAVE 2-*                         ; base, registers
%assign place 8
%xdefine base %1
%rep %0 - 1
%rotate 1
    mov [base + place], %1
%assign place place + 8
%endrep
%endmacro

%macro LOAD 2-*
%assign place 8
%xdefine base %1
%rep %0 - 1
%rotate 1
    mov %1, [base + place]
%assign place place + 8
%endrep
%endmacro

%macro PUSH_EACH 1-*
%rep %0
    push %1
%rotate 1
%endrep
%endmacro

%macro POP_EACH 1-*                     ; the same list, backwards
%rep %0
%rotate -1
    pop %1
%endrep
%endmacro

; Takes the kernel lock (1: held). Clobbers what C may clobber.
%macro LOCK_KERNEL 0
    mov byte [gs:CPU_IN_KERNEL], 1
    mov edi, 1
    xchg [kernel_lock], edi
    test edi, edi
    jz %%held
    call kernel_lock_wait
%%held:
%endmacro

%macro UNLOCK_KERNEL 0
    mov byte [gs:CPU_IN_KERNEL], 0
    mov dword [kernel_lock], 0
%endmacro

; stac, clac: three-byte nops that cpu.c replaces where there is SMAP.
%macro SMAP_SITE 1
%%site: db 0x0f, 0x1f, 0x00
    [section .rodata.smap]
    dd %%site - smap_sites
    dd %1
    __?SECT?__
%endmacro
%define SMAP_CLAC 0xca
%define SMAP_STAC 0xcb

section .rodata.smap progbits alloc noexec nowrite align=8
global smap_sites, smap_sites_end
smap_sites:

section .text progbits alloc exec nowrite align=64

; ---- System calls -----------------------------------------------------------------------------

; in: eax operation, rdi thread. out: rax result. No speculation with a number that has no handler.
%macro CALL_HANDLER 0
    sub eax, SYSCALL_NATIVE
    mov ecx, SYSCALL_TABLE_SIZE - 1
    cmp eax, ecx
    cmova eax, ecx
    call [syscall_table + rax * 8]
%endmacro

; rax operation, rcx rip, r11 rflags; interrupts off, rsp the user's. %1: several CPUs run.
%macro SYSCALL_ENTRY 1
    swapgs
    mov [gs:CPU_USER_RSP], rsp
    mov rsp, [gs:CPU_CURRENT]
    mov [rsp], rax
    SAVE rsp, CONTEXT_REGISTERS
    mov [rsp + CONTEXT_RIP], rcx
    mov rcx, [gs:CPU_USER_RSP]
    mov [rsp + CONTEXT_RFLAGS], r11
    mov [rsp + CONTEXT_RSP], rcx
    mov byte [rsp + CONTEXT_BY_SYSCALL], 1
    mov rdi, rsp
    mov rsp, [gs:CPU_KERNEL_STACK]
%if %1
    LOCK_KERNEL
    cmp byte [gs:CPU_RESCHED_FORCED], 0
    jne forced
    mov rdi, [gs:CPU_CURRENT]
    mov eax, [rdi]
%endif
    cmp eax, SYSCALL_CALL
    jne %%no_call
    call fast_call
%%tried:
    test rax, rax
    jz %%general
    mov rbx, [gs:CPU_CURRENT]
    SYSRET_EXIT rax, %1
%%no_call:
    cmp eax, SYSCALL_COMMIT_RECEIVE
    jne %%other
    call fast_commit_receive
    jmp %%tried
%%other:
    CALL_HANDLER
    cmp rax, SYSCALL_NO_RESULT
    je %%done
    mov rcx, [gs:CPU_CURRENT]
    cmp byte [gs:CPU_CHOOSE], 0
    jne %%store
    ; The same thread goes on, with the result and what the handler put into its context; C has
    ; kept the other registers.
    mov rdi, [rcx + CONTEXT_RDI]
    LOAD rcx + CONTEXT_RDI, rsi, rdx, r10, r8, r9
    mov r14, [rcx + CONTEXT_R14]
    mov r11, [rcx + CONTEXT_RFLAGS]
    mov rsp, [rcx + CONTEXT_RSP]
    mov rcx, [rcx + CONTEXT_RIP]
%if %1
    UNLOCK_KERNEL
%endif
    swapgs
    o64 sysret
%%general:                              ; a fast path gave up, its registers are lost
    mov rdi, [gs:CPU_CURRENT]
    mov eax, [rdi]
    CALL_HANDLER
    cmp rax, SYSCALL_NO_RESULT
    je %%done
    mov rcx, [gs:CPU_CURRENT]
%%store:
    mov [rcx], rax
%%done:
    cmp byte [gs:CPU_CHOOSE], 0
    je %%chosen
    call sched_exit
%%chosen:
%endmacro

; Leaves by sysret for the thread whose context is at rbx; %1: the context (rax or rbx) with the
; message that it gets. The lock protects that one, so the message is loaded before it is released.
%macro SYSRET_EXIT 2                    ; %2: release it
    mov rsi, [%1 + CONTEXT_RSI]
    LOAD %1 + CONTEXT_RSI, rdx, r10, r8, r9, r12, r13
%if %2
    UNLOCK_KERNEL
%endif
    mov rcx, [rbx + CONTEXT_RIP]
    mov r11, [rbx + CONTEXT_RFLAGS]
    mov rdi, [rbx + CONTEXT_RDI]
    LOAD rbx + CONTEXT_R14 - 8, r14, r15
    mov rbp, [rbx + CONTEXT_RBP]
    mov rsp, [rbx + CONTEXT_RSP]
    mov rax, [rbx]
    mov rbx, [rbx + CONTEXT_RBX]
    swapgs
    o64 sysret
%endmacro

align 64
global syscall_entry_single
syscall_entry_single:
    SYSCALL_ENTRY 0
    mov rbx, [gs:CPU_CURRENT]
    jmp exit_to_user.unlocked

align 64
global syscall_entry_smp
syscall_entry_smp:
    SYSCALL_ENTRY 1
    ; falls through

; Unlocks and continues the current thread, or idles.
global exit_to_user
exit_to_user:
    mov rbx, [gs:CPU_CURRENT]
    cmp byte [smp_active], 0
    je .unlocked
    UNLOCK_KERNEL
.unlocked:
    test rbx, rbx
    jz idle
    cmp byte [rbx + CONTEXT_BY_SYSCALL], 0
    je exit_by_iret
    SYSRET_EXIT rbx, 0

; in: rbx context; unlocked.
exit_by_iret:
    mov rsp, [gs:CPU_KERNEL_STACK]
    push USER_SS
    push qword [rbx + CONTEXT_RSP]
    push qword [rbx + CONTEXT_RFLAGS]
    push USER_CS
    push qword [rbx + CONTEXT_RIP]
    mov rcx, [rbx + CONTEXT_RCX]
    mov r11, [rbx + CONTEXT_R11]
    mov rbp, [rbx + CONTEXT_RBP]
    mov rax, [rbx]
    LOAD rbx, rdi, rsi, rdx, r10, r8, r9, r12, r13, r14, r15, rbx
    swapgs
    iretq

forced:
    call schedule_forced
    jmp exit_to_user

; Nothing to run; unlocked. An interrupt does not return here (see from_kernel).
idle:
    mov rsp, [gs:CPU_KERNEL_STACK]
    mov byte [gs:CPU_IDLE], 1
    sti
.wait:
    hlt
    jmp .wait

; ---- Exceptions and interrupts ----------------------------------------------------------------

; in: stack vector, error, rip, cs, rflags, rsp, ss (the kernel stack or an IST stack).
align 16
vector_common:
    test byte [rsp + FRAME_CS], 3
    jz from_kernel
from_user:
    swapgs
    lfence                              ; no speculation past a mispredicted swapgs
    mov [gs:CPU_USER_RSP], rax
    mov rax, [gs:CPU_CURRENT]
    SAVE rax, CONTEXT_REGISTERS
    mov [rax + CONTEXT_RCX], rcx
    mov [rax + CONTEXT_R11], r11
    mov byte [rax + CONTEXT_BY_SYSCALL], 0
    mov rcx, [gs:CPU_USER_RSP]
    mov [rax], rcx
    mov rcx, [rsp + FRAME_RIP]
    mov rdx, [rsp + FRAME_RFLAGS]
    mov rsi, [rsp + FRAME_RSP]
    mov [rax + CONTEXT_RIP], rcx
    mov [rax + CONTEXT_RFLAGS], rdx
    mov [rax + CONTEXT_RSP], rsi
    mov r12, [rsp]                      ; vector
    mov r13, [rsp + 8]                  ; error code
    mov r14, cr2                        ; before another fault can change it
    mov rsp, [gs:CPU_KERNEL_STACK]
    cld
    SMAP_SITE SMAP_CLAC
entered:                                ; the kernel stack is empty
    cmp byte [smp_active], 0
    je .locked
    LOCK_KERNEL
    cmp byte [gs:CPU_RESCHED_FORCED], 0
    je .locked
    call schedule_forced
    cmp r12d, VECTOR_FIRST_INTERRUPT
    jb exit_to_user                     ; an exception of who was taken away; interrupts count
.locked:
    mov edi, r12d
    mov rsi, r13
    mov rdx, r14
    call trap_user
    jmp exit_to_user

from_kernel:
    lfence                              ; nor past a swapgs that was mistakenly left out
    cmp dword [rsp], VECTOR_FIRST_INTERRUPT
    jb kernel_exception
    cmp byte [gs:CPU_IDLE], 0
    je kernel_exception                 ; interrupts are off in the kernel: a bug, reported there
    mov byte [gs:CPU_IDLE], 0
    mov r12, [rsp]
    mov rsp, [gs:CPU_KERNEL_STACK]
    jmp entered

kernel_exception:
    PUSH_EACH FRAME_REGISTERS
    cld
    SMAP_SITE SMAP_CLAC                 ; iretq brings AC back
    mov rdi, rsp
    mov rsi, cr2
    call trap_kernel
frame_return:
    POP_EACH FRAME_REGISTERS
    add rsp, 16                         ; vector, error code
    iretq

; NMI, machine check, double fault, #DB in the kernel: on an IST stack, at any instruction, so
; neither GS nor the lock can be relied on. The word above the frame is this CPU's struct cpu.
paranoid:
    PUSH_EACH FRAME_REGISTERS
    cld
    SMAP_SITE SMAP_CLAC
    mov ecx, MSR_GS_BASE
    rdmsr
    mov r12d, eax
    mov r13d, edx
    mov rax, [rsp + FRAME_SIZE]
    mov rdx, rax
    shr rdx, 32
    wrmsr
    mov rdi, rsp
    mov rsi, cr2
    mov r14, rsi
    call trap_kernel
    mov cr2, r14
    mov ecx, MSR_GS_BASE
    mov eax, r12d
    mov edx, r13d
    wrmsr
    jmp frame_return

debug:
    test byte [rsp + FRAME_CS], 3
    jnz from_user
    jmp paranoid

; One stub of 16 bytes for each vector.
align 16
global vector_stubs
vector_stubs:
%assign vector 0
%rep 256
    align 16
%if vector <> 8 && (vector < 10 || vector > 14) && vector <> 17 && vector <> 21 && vector <> 29 && vector <> 30
    push 0
%endif
    push vector
%if vector = 1
    jmp debug
%elif vector = 2 || vector = 8 || vector = 18
    jmp paranoid
%else
    jmp vector_common
%endif
%assign vector vector + 1
%endrep

; ---- User memory --------------------------------------------------------------------------------

; in: rdi to, rsi from, rdx bytes. out: eax 0, or E_FAULT by way of user_copy_fault. A fault between
; user_copy and user_copy_end at a user address is vm_fault's, see trap.c.
global user_copy, user_copy_end, user_copy_fault
align 16
user_copy:
    SMAP_SITE SMAP_STAC
    mov rcx, rdx
    shr rcx, 3
    rep movsq
    mov ecx, edx
    and ecx, 7
    rep movsb
    SMAP_SITE SMAP_CLAC
    xor eax, eax
    ret
user_copy_end:
user_copy_fault:
    SMAP_SITE SMAP_CLAC
    mov eax, -5
    ret

section .rodata.smap
smap_sites_end:
