/* SPDX-License-Identifier: MIT */
#include "protocol.h"

#include <common/format.h>
#include <common/string.h>

/* The first word of a text; *length: its bytes, 0 at the end. */
static const char *next_word(const char *text, size_t *length) {
    while (*text == ' ') {
        text++;
    }
    for (*length = 0; text[*length] != '\0' && text[*length] != ' '; ++*length) {
    }
    return text;
}

static bool has_word(const char *text, const char *word, size_t length) {
    size_t found;
    for (text = next_word(text, &found); found != 0; text = next_word(text + found, &found)) {
        if (found == length && memcmp(text, word, length) == 0) {
            return true;
        }
    }
    return false;
}

bool protocols_cover(const char *spoken, const char *needed) {
    size_t length;
    for (needed = next_word(needed, &length); length != 0;
         needed = next_word(needed + length, &length)) {
        if (!has_word(spoken, needed, length)) {
            return false;
        }
    }
    return true;
}

bool protocol_suits(const struct image_note *program, const char *needed, char *reason,
                    size_t size) {
    if (program->name[0] == '\0') {
        format(reason, size, "the program has no note that says what it speaks, needed: %s",
               needed[0] != '\0' ? needed : "a server's");
        return false;
    }
    if (!protocols_cover(program->protocols, needed)) {
        format(reason, size, "%s speaks %s, needed: %s", program->name,
               program->protocols[0] != '\0' ? program->protocols : "nothing", needed);
        return false;
    }
    return true;
}
