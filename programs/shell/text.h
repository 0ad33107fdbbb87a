/* SPDX-License-Identifier: MIT
 * Numbers and words for people.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define TEXT_SIZE 24

/* Bytes as "512 B", "1.5 KiB", "32.0 MiB"; returns `to`. */
char *text_bytes(char to[TEXT_SIZE], uint64_t bytes);

/* The same in at most 7 characters: "512", "1.5K", "32.0M"; returns `to`. */
char *text_bytes_short(char to[TEXT_SIZE], uint64_t bytes);

/* A duration as "12.345s", "2m05s", "3h02m05s", "1d03h02m"; returns `to`. */
char *text_duration(char to[TEXT_SIZE], uint64_t ns);

/* "52:54:00:12:34:56"; returns `to`. */
char *text_mac(char to[TEXT_SIZE], const uint8_t mac[6]);

/* Cuts a text to at most `limit` bytes (at least 3), between two UTF-8 characters; what was cut
 * ends in "...". */
void text_cut(char *text, size_t limit);

/* Replaces \n, \t, \r, \b, \a, \e and \\ by what they stand for, in place. */
void text_unescape(char *text);
