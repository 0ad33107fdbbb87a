/* SPDX-License-Identifier: MIT
 * Conformance: every status that docs/spec/syscalls.md promises of every system call. Each check
 * makes the call itself; what it returned as expected is recorded and printed at the end, and the
 * host compares that with the document (tests/guest/test_conformance.py).
 */
#pragma once

#include "guest.h"

/* A system call: its arguments 0-5; 6 and 7 are zero. */
struct arguments {
    uint64_t a[6];
};
#define ARGUMENTS(...) ((const struct arguments){{__VA_ARGS__}})

/* Makes the call; OK: anything but an error. Returns what it returned. */
int64_t expect(const char *file, int line, uint32_t op, status_t wanted,
               const struct arguments *arguments);
#define EXPECT(NAME, wanted, ...)                                                                  \
    expect(__FILE__, __LINE__, SYS_##NAME, wanted, &ARGUMENTS(__VA_ARGS__))

/* The same with the registers of a message, which get the results. */
int64_t expect_message(const char *file, int line, uint32_t op, status_t wanted,
                       struct message_registers *registers);
#define EXPECT_MESSAGE(NAME, wanted, registers)                                                    \
    expect_message(__FILE__, __LINE__, SYS_##NAME, wanted, registers)

/* The same made by an actor in a turn; *r14 (may be NULL) gets that register. `operation`:
 * PROBE_SYSCALL, or PROBE_FULL with `signal`, a handle of the actor's. */
struct in_actor {
    const struct child *actor;
    uint32_t operation;
    handle_t signal;
    uint64_t *r14;
};
int64_t expect_in(const char *file, int line, const struct in_actor *where, uint32_t op,
                  status_t wanted, const struct arguments *arguments);
#define EXPECT_IN(where, NAME, wanted, ...)                                                        \
    expect_in(__FILE__, __LINE__, where, SYS_##NAME, wanted, &ARGUMENTS(__VA_ARGS__))

/* For calls that do not return: their effect was seen. */
void record(uint32_t op, status_t status);

enum { CLASS_READ, CLASS_IMMEDIATE, CLASS_CREATE, CLASS_STAGED, CLASS_BLOCKING };

/* What the kernel looks up first, from abi/axolotl/syscall.def. */
struct call_row {
    const char *name;
    int class;
    struct {
        uint32_t argument, type, right;
    } handles[3];
};
extern const struct call_row call_rows[SYS_COUNT];

/* A handle with all rights that there are for each type; what is not there is HANDLE_NONE. */
extern handle_t objects[OBJECT_TYPE_COUNT];
extern struct child object_child; /* a plain program that sleeps; objects[OBJECT_TASK] */
bool objects_make(void);

/* A status from every table of handles; creations; staged calls of an actor without a byte left. */
void check_handles(void);
void check_creations(void);
void check_full_actor(void);
void check_messages(void);
void check_memory(void);
void check_tasks(void);
void check_machine(void);

/* Runs body on a thread of its own whose message buffer is not there, until it ends. */
void without_buffer(void (*body)(void));

/* Functions that nobody drives: the screen's, one with MSI (as SYSTEM_DEVICE wants it), one with a
 * BAR of 256 bytes. */
#define SPARE_DEVICE PCI_ADDRESS(0, 1, 0, 0)
#define AHCI PCI_ADDRESS(0, 31, 2, 0)
#define SDHCI PCI_ADDRESS(0, 5, 0, 0)
#define AHCI_PLACE (AHCI | (uint64_t)(AHCI >> 8) << 24 | 78ull << 40)
