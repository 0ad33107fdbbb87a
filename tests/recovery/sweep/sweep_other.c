/* SPDX-License-Identifier: MIT
 * Operations of proto/ai.h, pci.h, init.h, and of proc.h those of native programs.
 */
#include <client/ai.h>
#include <client/file.h>
#include <client/init.h>
#include <client/pci.h>
#include <common/format.h>
#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/memory.h>
#include <ipc/startup.h>
#include <ipc/thread.h>
#include <ipc/time.h>
#include <proto/proc.h>

#include "judge.h"
#include "rows.h"

#define VICTIM "httpd"
#define VICTIM_FILE "/boot/bin/httpd.elf"
#define ACTOR "devmgr" /* a small one, with an arena */
#define ACTOR_FILE "/boot/bin/devmgr.elf"
#define SIGNAL_KILL 9
#define AI_LINE 2u                    /* notification bit of servers/aiproxy */
#define AI_INTERVAL (100 * NS_PER_MS) /* between questions of an account there, for ever */

/* ---- AI ------------------------------------------------------------------------------------ */

/* Once the relay has earned us the question: E_BUSY is for those who ask more quickly. */
static void ask(void) {
    static uint32_t number;
    struct ai_status before = {0}, after = {0};
    char prompt[64], wanted[80], answer[128];
    handle_t ai = startup_handle("aiproxy"), question = HANDLE_NONE;
    size_t count = 0, length = 0;
    (void)thread_sleep(AI_INTERVAL);
    GOOD(ai_status(ai, &before));
    size_t size = format(prompt, sizeof prompt, "question %u of the sweep", ++number);
    format(wanted, sizeof wanted, "AI echo: %s", prompt);
    GOOD(ai_ask(ai, prompt, size, &question));
    do {
        if (!GOOD(ai_read(question, answer + count, sizeof answer - 1 - count, 0, &length))) {
            return;
        }
        count += length;
    } while (length != 0);
    answer[count] = '\0';
    check(strcmp(answer, wanted) == 0, answer, (int64_t)count);
    handle_close(question);
    GOOD(ai_status(ai, &after));
    EQUAL(after.prompts, before.prompts + 1);
    EQUAL(after.pending, 0);
}

/* ---- Devices ------------------------------------------------------------------------------- */

static void list(void) {
    struct pci_entry entry = {0}, again = {0};
    handle_t devmgr = startup_handle("devmgr");
    GOOD(pci_list(devmgr, 0, &entry));
    GOOD(pci_list(devmgr, 0, &again));
    EQUAL(memcmp(&entry, &again, sizeof entry), 0);
    EQUAL(pci_list(devmgr, 999, &entry), E_NOT_FOUND);
}

/* ---- Services ------------------------------------------------------------------------------ */

static struct init_info_reply victim(const char *name) {
    return service_info(startup_handle("init"), name);
}

static void info(void) {
    struct init_info_reply now = victim(VICTIM);
    EQUAL(now.state, SERVICE_RUNNING);
    EQUAL(strcmp(now.name, VICTIM), 0);
}

/* One order is one restart. */
static void kill(void) {
    uint32_t before = victim(VICTIM).restarts;
    GOOD(init_kill(startup_handle("init"), VICTIM));
    EQUAL(victim(VICTIM).restarts, before + 1);
}

static void restart(void) {
    uint32_t before = victim(VICTIM).restarts;
    GOOD(init_restart(startup_handle("init"), VICTIM));
    EQUAL(victim(VICTIM).restarts, before + 1);
}

static handle_t load(const char *path, uint64_t *size) {
    static uint8_t piece[4096];
    struct file_open_reply opened = {0};
    handle_t file = HANDLE_NONE, memory = HANDLE_NONE;
    GOOD(file_open(startup_handle("vfs"), path, FILE_OPEN_READ, &file, &opened));
    GOOD(memory_create(startup_handle("account"), opened.size, &memory));
    for (uint64_t at = 0; at < opened.size;) {
        size_t done = 0;
        if (!GOOD(file_read(file, at, piece, sizeof piece, &done)) || done == 0) {
            break;
        }
        GOOD(memory_write(memory, at, piece, done));
        at += done;
    }
    handle_close(file);
    *size = opened.size;
    return memory;
}

static void swap(void) {
    uint64_t size;
    struct init_program_reply answer = {0};
    uint32_t before = victim(VICTIM).generation;
    handle_t memory = load(VICTIM_FILE, &size);
    GOOD(init_swap(startup_handle("init"), VICTIM, memory, size, &answer));
    EQUAL(victim(VICTIM).generation, before + 1);
    handle_close(memory);
    info();
}

static void upgrade(void) {
    uint64_t size;
    struct init_program_reply answer = {0};
    uint32_t before = victim(ACTOR).generation;
    handle_t memory = load(ACTOR_FILE, &size);
    GOOD(init_upgrade(startup_handle("init"), ACTOR, memory, size, &answer));
    EQUAL(answer.state, PROGRAM_STATE_KEPT);
    EQUAL(victim(ACTOR).generation, before + 1);
    handle_close(memory);
    list();
}

static void power(void) {
    refuse("it ends the machine; test_sweep.py has a machine for each point");
}

/* ---- Linux programs ------------------------------------------------------------------------ */

static status_t start(const char *first, const char *second, struct proc_pid *pid) {
    static char text[128];
    const char *const words[] = {"/", "/boot/bin/busybox", "busybox", first, second};
    size_t length = 0;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t size = strlen(words[i]) + 1;
        memcpy(text + length, words[i], size);
        length += size;
    }
    struct proc_run_request request = {3, 0, length};
    struct lease lease = lease_in(text, length);
    struct handle_slot handles[] = {{startup_handle("vfs"), RIGHT_CALL | RIGHT_COPY},
                                    {startup_handle("console"), RIGHT_CALL | RIGHT_COPY}};
    struct message message = {.data = &request,
                              .size = sizeof request,
                              .leases = &lease,
                              .lease_count = 1,
                              .handles = handles,
                              .handle_count = 2};
    struct answer answer = {.data = pid, .size = sizeof *pid};
    return call(startup_handle("proc"), PROC_RUN, &message, &answer);
}

static int64_t wait_end(struct proc_pid pid) {
    struct proc_status status = {-1};
    GOOD(call_words(startup_handle("proc"), PROC_RUN_WAIT, &pid, sizeof pid, &status,
                    sizeof status));
    EQUAL(call_words(startup_handle("proc"), PROC_RUN_WAIT, &pid, sizeof pid, NULL, 0),
          E_NOT_FOUND);
    return status.status;
}

static void run(void) {
    struct proc_pid pid = {0};
    GOOD(start("sleep", "0", &pid));
    EQUAL(wait_end(pid), 0);
}

static void run_signal(void) {
    struct proc_pid pid = {0};
    GOOD(start("sleep", "1000", &pid));
    struct proc_kill_request request = {.pid = pid.pid, .signal = SIGNAL_KILL};
    GOOD(call_words(startup_handle("proc"), PROC_RUN_SIGNAL, &request, sizeof request, NULL, 0));
    EQUAL(wait_end(pid), SIGNAL_KILL);
}

#define status ask
#define claim restart_driver
#define read ask
#define AI_ROW(number, NAME, name, request, answer)                                                \
    {"aiproxy", "ai", #NAME, EVENT_CALL, number, name},
#define PCI_ROW(number, NAME, name, request, answer)                                               \
    {"devmgr", "pci", #NAME, EVENT_CALL, number, name},
#define INIT_ROW(number, NAME, name, request, answer)                                              \
    {"init", "init", #NAME, EVENT_CALL, number, name},
static const struct sweep_row other_rows[] = {
    AI_PROTOCOL(AI_ROW){"aiproxy", "", "the line", EVENT_NOTIFY, AI_LINE, ask},
    {"aiproxy", "", "a question is closed", EVENT_CLOSED, 0, ask},
    PCI_PROTOCOL(PCI_ROW) INIT_PROTOCOL(INIT_ROW){"proc", "proc", "RUN", EVENT_CALL, PROC_RUN, run},
    {"proc", "proc", "RUN_WAIT", EVENT_CALL, PROC_RUN_WAIT, run},
    {"proc", "proc", "RUN_SIGNAL", EVENT_CALL, PROC_RUN_SIGNAL, run_signal},
    {"proc", "", "an answer", EVENT_REPLY, 0, run},
};
ROWS(other_rows);
