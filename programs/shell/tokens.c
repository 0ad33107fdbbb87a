/* SPDX-License-Identifier: MIT
 * Tokenizer of the shell.
 */
#include "tokens.h"

#include <common/format.h>

struct cutter {
    struct tokens *tokens;
    const char *at;
    size_t length; /* of tokens->text */
    int status;
    bool full;
};

static void cutter_put(struct cutter *cutter, char character) {
    if (cutter->length + 1 < TOKENS_TEXT) {
        cutter->tokens->text[cutter->length++] = character;
    } else {
        cutter->full = true;
    }
}

/* $? at the cursor; anything else after $ is text. */
static void cutter_dollar(struct cutter *cutter) {
    if (cutter->at[1] != '?') {
        cutter_put(cutter, '$');
        cutter->at++;
        return;
    }
    char number[16];
    format(number, sizeof(number), "%d", cutter->status);
    for (const char *digit = number; *digit != 0; digit++) {
        cutter_put(cutter, *digit);
    }
    cutter->at += 2;
}

/* Reads up to the closing quote; false when there is none. */
static bool cutter_quoted(struct cutter *cutter) {
    char quote = *cutter->at++;
    while (*cutter->at != quote) {
        if (*cutter->at == 0) {
            return false;
        }
        bool doubled = quote == '"';
        if (doubled && cutter->at[0] == '\\' && (cutter->at[1] == '"' || cutter->at[1] == '\\')) {
            cutter->at++;
            cutter_put(cutter, *cutter->at++);
        } else if (doubled && *cutter->at == '$') {
            cutter_dollar(cutter);
        } else {
            cutter_put(cutter, *cutter->at++);
        }
    }
    cutter->at++;
    return true;
}

static bool is_blank(char character) {
    return character == ' ' || character == '\t';
}

/* The word at the cursor; NULL on success. */
static const char *cutter_word(struct cutter *cutter, char **word) {
    *word = cutter->tokens->text + cutter->length;
    while (*cutter->at != 0 && !is_blank(*cutter->at) && *cutter->at != '>') {
        if (*cutter->at == '\'' || *cutter->at == '"') {
            if (!cutter_quoted(cutter)) {
                return "quote without an end";
            }
        } else if (*cutter->at == '\\' && cutter->at[1] != 0) {
            cutter_put(cutter, cutter->at[1]);
            cutter->at += 2;
        } else if (*cutter->at == '$') {
            cutter_dollar(cutter);
        } else {
            cutter_put(cutter, *cutter->at++);
        }
    }
    cutter_put(cutter, 0);
    return NULL;
}

static void cutter_skip_blanks(struct cutter *cutter) {
    while (is_blank(*cutter->at)) {
        cutter->at++;
    }
}

/* > or >> at the cursor, then a word. */
static const char *cutter_redirect(struct cutter *cutter) {
    struct tokens *tokens = cutter->tokens;
    if (tokens->redirect != NULL) {
        return "output redirected twice";
    }
    cutter->at++;
    tokens->append = *cutter->at == '>';
    cutter->at += tokens->append;
    cutter_skip_blanks(cutter);
    char *word;
    const char *error = cutter_word(cutter, &word);
    tokens->redirect = word;
    return error == NULL && *word == 0 ? "no file after >" : error;
}

const char *tokens_split(struct tokens *tokens, const char *line, int last_status) {
    struct cutter cutter = {.tokens = tokens, .at = line, .status = last_status};
    tokens->argc = 0;
    tokens->argv[0] = NULL;
    tokens->redirect = NULL;
    tokens->append = false;
    for (;;) {
        cutter_skip_blanks(&cutter);
        if (*cutter.at == 0 || *cutter.at == '#') {
            break;
        }
        const char *error = NULL;
        if (*cutter.at == '>') {
            error = cutter_redirect(&cutter);
        } else if (tokens->argc == TOKENS_WORDS) {
            error = "too many words";
        } else {
            error = cutter_word(&cutter, &tokens->argv[tokens->argc]);
            tokens->argc++;
        }
        if (error == NULL && cutter.full) {
            error = "line too long";
        }
        if (error != NULL) {
            return error;
        }
    }
    tokens->argv[tokens->argc] = NULL;
    return NULL;
}
