/* SPDX-License-Identifier: MIT */
/*
 * The part of C's <string.h> that freestanding code needs. The meaning is that of ISO C (strlcpy:
 * of OpenBSD), so host builds may link the C library's versions in their place.
 */
#pragma once

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *left, const void *right, size_t size);
void *memchr(const void *bytes, int byte, size_t size);

size_t strlen(const char *text);
size_t strnlen(const char *text, size_t limit);
int strcmp(const char *left, const char *right);
int strncmp(const char *left, const char *right, size_t limit);
char *strchr(const char *text, int character);
char *strrchr(const char *text, int character);
char *strstr(const char *text, const char *part);

/*
 * Copies `from` into the `size` bytes at `to`, cutting it if need be; the result always ends in NUL
 * when size > 0. Returns strlen(from): a value >= size says that the text was cut.
 */
size_t strlcpy(char *restrict to, const char *restrict from, size_t size);
