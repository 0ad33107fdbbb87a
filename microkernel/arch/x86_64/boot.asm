; SPDX-License-Identifier: MIT
; From the boot loader (32-bit protected mode, Multiboot2) and from a start-up IPI (real mode) to
; 64-bit C in the higher half. The image may lie at any 2 MiB boundary below 4 GiB, so 32-bit code
; addresses everything relative to ebp = physical address of image_start.

IMAGE_START_NEG equ 0x7fe00000          ; -(0xffffffff80200000) modulo 2^64
%define REL(symbol) (symbol + IMAGE_START_NEG)

MULTIBOOT_MAGIC equ 0xe85250d6
CR0_START equ 0x80010023                ; PG WP NE MP PE
CR4_START equ 0x20                      ; PAE; cpu.c sets the rest
EFER equ 0xc0000080
EFER_START equ 0x900                    ; NXE LME
PRESENT_WRITE equ 0x3
LARGE_PRESENT_WRITE equ 0x83

extern arch_start, kernel_main
extern ap_start, ap_starting
extern exit_to_user

; in: eax page-table root. Clobbers eax ecx edx. For 16-bit and 32-bit code.
%macro ENTER_LONG_MODE 0
    mov cr3, eax
    mov eax, CR4_START
    mov cr4, eax
    mov ecx, EFER
    rdmsr
    or eax, EFER_START
    wrmsr
    mov eax, CR0_START
    mov cr0, eax
%endmacro

; An entry of a page table that leads to another table. Clobbers eax.
%macro LINK 2                           ; entry, table
    lea eax, [ebp + REL(%2) + PRESENT_WRITE]
    mov [ebp + REL(%1)], eax
%endmacro

section .multiboot progbits alloc noexec nowrite align=8
header:
    dd MULTIBOOT_MAGIC, 0, header_end - header
    dd -(MULTIBOOT_MAGIC + (header_end - header))
    align 8
    dw 6, 0                             ; modules on page boundaries
    dd 8
    align 8
    dw 5, 1                             ; a framebuffer is welcome; the menu's gfxpayload decides
    dd 20, 1024, 768, 32
    align 8
    dw 10, 1                            ; relocatable (a loader that can't, loads at 2 MiB)
    dd 24, 0x200000, 0xffffffff, 0x200000, 1
    align 8
    dw 0, 0
    dd 8
header_end:

section .bss.page nobits alloc noexec write align=4096
global kernel_pml4, direct_pdpt, direct_pd, high_pdpt, kernel_pt, window_pd
kernel_pml4: resb 4096
direct_pdpt: resb 4096
direct_pd:   resb 4 * 4096              ; first 4 GiB
high_pdpt:   resb 4096
kernel_pd:   resb 4096
kernel_pt:   resb 2 * 4096              ; 4 MiB of kernel image
window_pd:   resb 4096                  ; devices and kernel stacks
boot_stack:  resb 8192
boot_stack_top:

section .bss nobits alloc noexec write align=16
global boot_tsc
boot_tsc: resq 1

section .rodata progbits alloc noexec nowrite align=8
too_old: db "Axolotl needs a 64-bit processor with NX.", 0

section .text.boot progbits alloc exec nowrite align=16
bits 32

; in: eax loader magic, ebx physical address of the information; esp is undefined
global boot_entry
boot_entry:
    cli
    cld
    lea esp, [ebx + 8]                  ; the call writes into the reserved word at ebx + 4
    call .here
.here:
    pop ebp
    sub ebp, REL(.here)
    lea esp, [ebp + REL(boot_stack_top)]
    mov esi, eax
    rdtsc
    mov [ebp + REL(boot_tsc)], eax
    mov [ebp + REL(boot_tsc) + 4], edx
    push ebx
    mov eax, 0x80000000
    cpuid
    cmp eax, 0x80000001
    jb .unsupported
    mov eax, 0x80000001
    cpuid
    pop ebx
    and edx, (1 << 29) | (1 << 20)      ; LM, NX
    cmp edx, (1 << 29) | (1 << 20)
    jne .unsupported
    call build_tables
    lea eax, [ebp + REL(trampoline_gdt)]
    mov [ebp + REL(trampoline_gdt_base)], eax
    lgdt [ebp + REL(trampoline_gdtr)]
    lea eax, [ebp + REL(kernel_pml4)]
    ENTER_LONG_MODE
    lea eax, [ebp + REL(boot_entry64)]
    push dword 0x08
    push eax
    retf
.unsupported:
    lea esi, [ebp + REL(too_old)]
    mov edi, 0xb8000
    mov ah, 0x4f
.print:
    lodsb
    stosw
    test al, al
    jnz .print
.halt:
    hlt
    jmp .halt

; Identity and direct map of the first 4 GiB, kernel image in 4 KiB pages. Clobbers eax ecx edx edi.
build_tables:
    LINK kernel_pml4, direct_pdpt
    LINK kernel_pml4 + 256 * 8, direct_pdpt
    LINK kernel_pml4 + 511 * 8, high_pdpt
    LINK high_pdpt + 510 * 8, kernel_pd
    LINK high_pdpt + 509 * 8, window_pd
    LINK kernel_pd + 8, kernel_pt
    LINK kernel_pd + 16, kernel_pt + 4096
    lea eax, [ebp + REL(direct_pd) + PRESENT_WRITE]
    lea edi, [ebp + REL(direct_pdpt)]
    mov ecx, 4
    mov edx, 4096
    call .fill
    mov eax, LARGE_PRESENT_WRITE
    lea edi, [ebp + REL(direct_pd)]
    mov ecx, 4 * 512
    mov edx, 0x200000
    call .fill
    lea eax, [ebp + PRESENT_WRITE]
    lea edi, [ebp + REL(kernel_pt)]
    mov ecx, 2 * 512
    mov edx, 4096
.fill:                                  ; ecx entries at edi from eax in steps of edx
    mov [edi], eax
    add eax, edx
    add edi, 8
    dec ecx
    jnz .fill
    ret

bits 64
boot_entry64:                           ; still at the physical address
    mov rax, .high
    jmp rax
.high:
    mov edi, esi                        ; loader magic
    mov esi, ebx                        ; information, physical
    mov edx, ebp                        ; image, physical
    mov rsp, boot_stack_top
    xor ebp, ebp
    call arch_start                     ; returns struct boot_info *
    mov rsp, [gs:16]
    mov rdi, rax
    call kernel_main
    jmp exit_to_user

; ---- Application processors -------------------------------------------------------------------
; smp.c writes the addresses that depend on the page below 1 MiB that it copies this to.

section .data progbits alloc noexec write align=8
bits 16
global trampoline_start, trampoline_gdt, trampoline_gdt_base
global trampoline_long, trampoline_far, trampoline_root, trampoline_end
trampoline_start:
    cli
    cld
    mov ax, cs
    mov ds, ax
    o32 lgdt [trampoline_gdtr - trampoline_start]
    mov eax, [trampoline_root - trampoline_start]
    ENTER_LONG_MODE
    o32 jmp far [trampoline_far - trampoline_start]
bits 64
trampoline_long:
    mov rdi, [ap_starting]              ; struct cpu
    mov rsp, [rdi + 16]
    xor ebp, ebp
    push exit_to_user
    mov rax, ap_start
    jmp rax
    align 8
trampoline_gdt: dq 0, 0x00af9b000000ffff, 0x00cf93000000ffff
    dw 0                                ; puts the base of gdtr on a 4-byte boundary
trampoline_gdtr:
    dw trampoline_gdtr - trampoline_gdt - 3
trampoline_gdt_base: dd 0
trampoline_far: dd 0
    dw 0x08
    align 4
trampoline_root: dd 0
trampoline_end:
