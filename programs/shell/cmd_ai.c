/* SPDX-License-Identifier: MIT
 * Commands to the AI relay.
 */
#include <client/ai.h>
#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/status.h>

#include "shell.h"

#define LINE_PROMPT 240 /* bytes, as proto/ai.h says; no line typed here is too long for frames */

static int run_aistatus(struct shell *shell, int argc, char **argv) {
    static const char *const links[] = {"none", "line", "frames", "probing"};
    if (!count_arguments(shell, argc, argv, 0, 0) || !need(shell, shell->ai, "aiproxy")) {
        return STATUS_USAGE;
    }
    struct ai_status info;
    status_t status = ai_status(shell->ai, &info);
    if (status != OK) {
        return fail_status(shell, "aiproxy", status);
    }
    if (info.port == 0) {
        print(shell, "AI unavailable: no COM2\n");
        return 0;
    }
    print(shell, "link=%s backend=%s available=%u\n", info.link < 4 ? links[info.link] : "?",
          info.backend[0] != 0 ? info.backend : "-",
          info.link == AI_LINK_LINE || info.link == AI_LINK_FRAMES);
    print(shell, "prompts=%lu responses=%lu errors=%lu pending=%lu\n", (unsigned long)info.prompts,
          (unsigned long)info.responses, (unsigned long)info.errors, (unsigned long)info.pending);
    print(shell, "tx=%lu rx=%lu retransmits=%lu bad_frames=%lu\n", (unsigned long)info.tx_bytes,
          (unsigned long)info.rx_bytes, (unsigned long)info.retransmits,
          (unsigned long)info.bad_frames);
    return 0;
}

/* Prints the answer as it comes. E_WOULD_BLOCK (with AI_READ_NO_WAIT): nothing more yet. */
static status_t show_answer(struct shell *shell, uint64_t flags) {
    static char piece[2048];
    char last = '\n';
    for (;;) {
        size_t length = 0;
        status_t status = ai_read(shell->question, piece, sizeof(piece), flags, &length);
        if (status == E_IO) {
            length = length < sizeof(piece) ? length : sizeof(piece) - 1;
            piece[length] = 0;
            fail(shell, "%s", length != 0 ? piece : status_text(E_IO));
            return status;
        }
        if (status == OK && length != 0) {
            print_bytes(shell, piece, length);
            last = piece[length - 1];
            print_flush(shell);
            status = shell->output_status;
        }
        if (status != OK || length == 0) {
            if (last != '\n') {
                print(shell, "\n");
            }
            return status;
        }
    }
}

static void drop_question(struct shell *shell) {
    handle_close(shell->question);
    shell->question = HANDLE_NONE;
}

static int finish_answer(struct shell *shell, uint64_t flags) {
    status_t status = show_answer(shell, flags);
    if (status == E_WOULD_BLOCK) {
        print(shell, "aipoll: pending\n");
        return 0;
    }
    drop_question(shell);
    if (status == E_IO) {
        return STATUS_FAILED; /* its text is shown */
    }
    return status == OK ? 0 : fail_status(shell, "aiproxy", status);
}

static int run_aiask(struct shell *shell, int argc, char **argv) {
    static char prompt[TOKENS_TEXT];
    bool wait = argc < 2 || strcmp(argv[1], "-n") != 0;
    int first = wait ? 1 : 2;
    if (argc <= first || (argc == first + 1 && *argv[first] == 0)) {
        return usage(shell, "PROMPT is missing");
    }
    if (!need(shell, shell->ai, "aiproxy")) {
        return STATUS_FAILED;
    }
    size_t length = 0;
    for (int i = first; i < argc; i++) {
        length += strlcpy(prompt + length, argv[i], sizeof(prompt) - length);
        if (i + 1 < argc) {
            prompt[length++] = ' ';
        }
    }
    drop_question(shell);
    status_t status = ai_ask(shell->ai, prompt, length, &shell->question);
    if (status == E_MESSAGE_SIZE) {
        return fail(shell, "PROMPT is too long: %d bytes at most without a bridge", LINE_PROMPT);
    }
    if (status != OK) {
        return fail_status(shell, "aiproxy", status);
    }
    if (!wait) {
        print(shell, "aiask: sent\n");
        return 0;
    }
    return finish_answer(shell, 0);
}

static int run_aipoll(struct shell *shell, int argc, char **argv) {
    if (!count_arguments(shell, argc, argv, 0, 0)) {
        return STATUS_USAGE;
    }
    if (shell->question == HANDLE_NONE) {
        print(shell, "aipoll: no question was asked with aiask -n\n");
        return 0;
    }
    return finish_answer(shell, AI_READ_NO_WAIT);
}

const struct command commands_ai[] = {
    {"aistatus", run_aistatus, "", "Shows the link to the AI and its counters."},
    {"aiask", run_aiask, "[-n] PROMPT...", "Asks the AI; -n does not wait for the answer."},
    {"aipoll", run_aipoll, "", "Prints what the AI has answered to aiask -n so far."},
    {NULL, NULL, NULL, NULL},
};
