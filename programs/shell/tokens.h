/* SPDX-License-Identifier: MIT
 * A command line cut into words: blanks separate, '…' and "…" keep text together, \ takes the next
 * character as it is (inside "…" only before " and \). > FILE and >> FILE redirect the output; #
 * starts a comment. $? outside '…' is the last command's status.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKENS_WORDS 64
#define TOKENS_TEXT 2048

struct tokens {
    int argc;
    char *argv[TOKENS_WORDS + 1];
    const char *redirect; /* NULL: none */
    bool append;
    char text[TOKENS_TEXT];
};

/* Cuts a line. NULL on success, else what is wrong with it. */
const char *tokens_split(struct tokens *tokens, const char *line, int last_status);
