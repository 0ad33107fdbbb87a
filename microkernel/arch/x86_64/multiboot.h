/* SPDX-License-Identifier: MIT
 * Reader of the Multiboot2 information structure. No hardware access; tested on the host.
 */
#pragma once

#include <arch/boot.h>

#define MULTIBOOT_LOADER_MAGIC 0x36d76289u

/*
 * Fills command_line, modules, ram, framebuffer, rsdp, uefi of *info (zeroed by the caller) from
 * the structure of `size` bytes at `data`. Whatever is malformed is left out.
 */
void multiboot_parse(struct boot_info *info, const void *data, size_t size);

/* Removes [start, end) from the ranges, rounded outwards to pages. Where that makes more than fit,
 * the highest is lost. */
void boot_range_remove(struct boot_info *info, phys_t start, phys_t end);
