/* SPDX-License-Identifier: MIT */
/*
 * Text formatting without a C library.
 *
 * The syntax is printf's: conversions d i u x X o p s c %, flags - 0 + space #, width and precision
 * (also as *), length modifiers hh h l ll z t j. No floating point and no %n. An unknown conversion
 * is copied as it stands.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

/*
 * Writes at most `size` bytes including the closing NUL (nothing when size is 0). Returns the
 * length of the whole text without the NUL: a value >= size says that it was cut.
 */
size_t format(char *buffer, size_t size, const char *text, ...)
    __attribute__((format(printf, 3, 4)));
size_t format_v(char *buffer, size_t size, const char *text, va_list arguments)
    __attribute__((format(printf, 3, 0)));

/*
 * Like format, but appends after the text that already lies in `buffer` (`*length` bytes) and moves
 * *length to the end of what is stored, never beyond size - 1.
 */
void format_append(char *buffer, size_t size, size_t *length, const char *text, ...)
    __attribute__((format(printf, 4, 5)));
