/* SPDX-License-Identifier: MIT
 * The kernel half of every address space, built once on the boot CPU:
 *   0xffff800000000000  all RAM, 2 MiB or 1 GiB pages, never executable
 *   0xffffffff40000000  window: device registers from the bottom, kernel stacks from the top
 *   0xffffffff80200000  kernel image, 4 KiB pages with the rights of their section
 * All of it is global. boot.asm made a provisional version of it.
 */
#include "acpi.h"
#include "machine.h"

#include <common/string.h>
#include <debug.h>

#define LARGE_SIZE (2ull << 20)
#define HUGE_SIZE (1ull << 30)
#define WINDOW_BASE 0xffffffff40000000ull
#define STACK_TABLES 2u
#define STACK_BASE (WINDOW_BASE + (512 - STACK_TABLES) * LARGE_SIZE)
#define RAM_BITS (PTE_PRESENT | PTE_WRITE | PTE_GLOBAL | PTE_NO_EXECUTE | PTE_ACCESSED | PTE_DIRTY)

extern uint64_t kernel_pt[2 * 512];
extern uint64_t direct_pdpt[512];
extern uint64_t direct_pd[4 * 512];
extern uint64_t window_pd[512];
extern const char image_start[], image_text_end[], image_rodata_end[], image_end[];

struct boot_info boot_info;
struct arch_space kernel_space;

static phys_t image_phys;
static uint32_t window_used; /* 2 MiB entries given to devices */

phys_t kernel_virt_to_phys(const void *pointer) {
    return image_phys + ((uintptr_t)pointer - (uintptr_t)image_start);
}

/* Only below 4 GiB: that part of the direct map exists from the start. */
void *boot_alloc(size_t pages) {
    uint64_t size = pages * PAGE_SIZE;
    for (uint32_t i = boot_info.range_count; i-- > 0;) {
        struct boot_range *range = &boot_info.ranges[i];
        if (range->end <= 4 * HUGE_SIZE && range->end - range->start > size) {
            range->end -= size;
            boot_info.memory_kernel += size;
            void *memory = phys_to_virt(range->end);
            memset(memory, 0, size);
            return memory;
        }
    }
    panic("no memory for the kernel's tables");
}

static uint64_t *table_below(uint64_t *entry) {
    if ((*entry & PTE_PRESENT) == 0) {
        *entry = virt_to_phys(boot_alloc(1)) | PTE_PRESENT | PTE_WRITE;
    }
    return phys_to_virt(*entry & PTE_ADDRESS);
}

static void direct_map(phys_t start, phys_t end) {
    start &= ~(LARGE_SIZE - 1);
    while (start < end) {
        uint64_t *pdpt = table_below(&kernel_pml4[256 + (start >> 39)]);
        uint64_t *entry = &pdpt[start >> 30 & 511];
        bool whole = (start & (HUGE_SIZE - 1)) == 0 && end - start >= HUGE_SIZE;
        if ((*entry & PTE_LARGE) != 0) {
            start = (start | (HUGE_SIZE - 1)) + 1;
        } else if (whole && cpu_features.page_1g && (*entry & PTE_PRESENT) == 0) {
            *entry = start | RAM_BITS | PTE_LARGE;
            start += HUGE_SIZE;
        } else {
            table_below(entry)[start >> 21 & 511] = start | RAM_BITS | PTE_LARGE;
            start += LARGE_SIZE;
        }
    }
}

/* Maps the image's pages [from, to) with `bits`. */
static void image_protect(const char *from, const char *to, uint64_t bits) {
    size_t first = ((uintptr_t)from - (uintptr_t)image_start) / PAGE_SIZE;
    size_t last = ((uintptr_t)to - (uintptr_t)image_start) / PAGE_SIZE;
    for (size_t i = first; i < last; i++) {
        kernel_pt[i] = (image_phys + i * PAGE_SIZE) | PTE_PRESENT | PTE_GLOBAL | bits;
    }
}

void layout_init(phys_t image) {
    image_phys = image;
    size_t pages = (size_t)(image_end - image_start) / PAGE_SIZE;
    image_protect(image_start, image_text_end, 0);
    image_protect(image_text_end, image_rodata_end, PTE_NO_EXECUTE);
    image_protect(image_rodata_end, image_end, PTE_NO_EXECUTE | PTE_WRITE);
    memset(&kernel_pt[pages], 0, (2 * 512 - pages) * sizeof(kernel_pt[0]));
    direct_map(0, LARGE_SIZE);
    for (uint32_t i = 0; i < boot_info.ram_count; i++) {
        direct_map(boot_info.ram[i].start, boot_info.ram[i].end);
    }
    for (size_t i = 0; i < 4 * 512; i++) { /* what boot.asm mapped and is no RAM */
        if ((direct_pd[i] & PTE_GLOBAL) == 0) {
            direct_pd[i] = 0;
        }
    }
    kernel_pml4[0] = 0;
    kernel_space.root = kernel_virt_to_phys(kernel_pml4);
    kernel_space.walk_tag = ~0ull;
    cr3_write(kernel_space.root);
}

/* Firmware tables lie in memory that is not listed as usable. */
const void *acpi_memory(phys_t address, size_t size) {
    if (address == 0 || address >= 1ull << 46 || size > 1u << 30) {
        return NULL;
    }
    direct_map(address, address + size);
    return phys_to_virt(address);
}

void layout_identity(bool on) {
    kernel_pml4[0] = on ? kernel_virt_to_phys(direct_pdpt) | PTE_PRESENT | PTE_WRITE : 0;
    direct_pd[0] ^= PTE_NO_EXECUTE; /* the only writable and executable page, for a moment */
    arch_invalidate(0);
    arch_invalidate(DIRECT_MAP_BASE);
}

uint64_t layout_stack(uint32_t slot, size_t pages) {
    ASSERT(slot + pages <= STACK_TABLES * 512);
    for (size_t i = 0; i < pages; i++) {
        size_t index = slot + i;
        uint64_t *table = table_below(&window_pd[512 - STACK_TABLES + index / 512]);
        table[index % 512] =
            virt_to_phys(boot_alloc(1)) | PTE_PRESENT | PTE_WRITE | PTE_GLOBAL | PTE_NO_EXECUTE;
    }
    return STACK_BASE + (slot + pages) * PAGE_SIZE;
}

volatile void *arch_map_device(phys_t address, size_t size) {
    phys_t start = address & ~(LARGE_SIZE - 1);
    uint64_t count = (address + size - start + LARGE_SIZE - 1) / LARGE_SIZE;
    for (uint32_t i = 0; i < window_used; i++) {
        if ((window_pd[i] & PTE_ADDRESS & ~(LARGE_SIZE - 1)) == start && count == 1) {
            return (volatile void *)(WINDOW_BASE + i * LARGE_SIZE + (address - start));
        }
    }
    if (size == 0 || count > 512 - STACK_TABLES - window_used) {
        return NULL;
    }
    uint64_t base = WINDOW_BASE + window_used * LARGE_SIZE;
    for (uint64_t i = 0; i < count; i++) {
        window_pd[window_used++] = (start + i * LARGE_SIZE) | PTE_PRESENT | PTE_WRITE | PTE_LARGE |
                                   PTE_UNCACHED | PTE_GLOBAL | PTE_NO_EXECUTE;
    }
    return (volatile void *)(base + (address - start));
}
