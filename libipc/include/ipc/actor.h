/* SPDX-License-Identifier: MIT */
/*
 * The frame of a server. All state that must outlive the program text is marked ARENA; everything
 * else is as the linker made it whenever the server starts again.
 *
 *     ARENA static struct example example;
 *     int main(void) {
 *         static const struct actor actor = {.create = create, .call = dispatch};
 *         actor_run(&actor);
 *     }
 */
#pragma once

#include <stdbool.h>

#include <ipc/event.h>
#include <ipc/records.h>

/* Puts a variable into the arena. ARENA: zero at the very first start. ARENA_DATA: initialised.
 * (The end of the name keeps the compiler from storing the zeros in the file.) */
#define ARENA __attribute__((section(".arena.bss,\"aw\",@nobits#")))
#define ARENA_DATA __attribute__((section(".arena.data")))

/*
 * Names the program, its version and the protocols that it speaks (PROTOCOL, with a blank between
 * two), once per program: init lets it serve only where all that clients need is among them.
 * `meaning` counts what the types don't tell: raise it when a field means something else though its
 * type is the same. The build mixes it with everything else that two programs must have in common
 * to share an arena (tools/layout.py) into the layout number of the image: a program with the same
 * name and layout takes the arena of the old one over as it is, any other gets records
 * (docs/spec/upgrade.md).
 */
#define ACTOR_IMAGE(image_name, image_meaning, image_version, image_protocols)                     \
    const struct image_note_section image_note                                                     \
        __attribute__((used, section(".note.axolotl"), aligned(4))) = {                            \
            sizeof(IMAGE_NOTE_OWNER),                                                              \
            sizeof(struct image_note),                                                             \
            1,                                                                                     \
            IMAGE_NOTE_OWNER,                                                                      \
            {(image_meaning), (image_version), image_name, image_protocols},                       \
    }

/* A protocol as a word of the note. */
#define PROTOCOL(name, version) name "/" PROTOCOL_TEXT(version)
#define PROTOCOL_TEXT(version) PROTOCOL_WORD(version)
#define PROTOCOL_WORD(version) #version

#define IMAGE_NOTE_OWNER "Axolotl"
struct image_note_section {
    uint32_t owner_size, data_size, type;
    char owner[8];
    struct image_note data;
} __attribute__((packed));
extern const struct image_note_section image_note;

struct actor {
    /* Once in the life of the arena, before the first event: builds the state. A negative status
     * ends the task with a log line. Optional. */
    status_t (*create)(void);
    /* At every start, after create: restores what lies outside the arena. Optional. */
    void (*start)(void);
    /* One per kind of event; a missing one has the default in brackets. */
    void (*call)(struct event *event);   /* [answers E_UNSUPPORTED] */
    void (*reply)(struct event *event);  /* [closes its handles] */
    void (*notify)(struct event *event); /* [nothing] */
    void (*closed)(struct event *event); /* [nothing] */
    void (*cancel)(struct event *event); /* [answers E_CANCELLED] */
    void (*idle)(void); /* [nothing] no event, with RECEIVE_POLL in the mask: work to go on with */
    /* Writes the state as records. A pure function of the arena, which is all there is: it runs in
     * a task of its own, without handles; a fault ends the export. Optional: without it a program
     * with another layout can't go on from here. */
    void (*export)(struct records_writer *records);
    /* In place of create, from records that a program of the same or of another layout wrote. What
     * fails its checks is left out. A negative status: these records can't be used. Optional. */
    status_t (*import)(struct records_reader *records);
    /* What is wrong with the state; NULL: nothing. Asked before every commit; with `full` it may
     * take as long as the state is large: after a start, before and after an export. Optional. */
    const char *(*check)(bool full);
};

/* Binds the startup handles "endpoint" and "notification" (those that are there) and runs. */
_Noreturn void actor_run(const struct actor *actor);

/* The same for an actor that has bound itself (actor_bind). */
_Noreturn void actor_loop(const struct actor *actor);

/* The receive mask that actor_run uses from the next commit on: RECEIVE_ALL, or without
 * RECEIVE_CALL while there is no room for new work. Not in the arena: set it again in start(). */
void actor_set_mask(uint32_t mask);

/* Promises that of the page of the arena in which `start` lies nothing else is changed in this turn
 * than the ranges named so: the commit copies only them. For one hot page a turn, of the first
 * range named; others, and a range that crosses a page's end, are copied whole as ever. A broken
 * promise loses the change that was not named at the next restart; with Meson's `state_checks` the
 * kernel finds it at the commit, and the server dies. */
void actor_changed(const void *start, size_t length);

/* How often the task was reset since it was made; 0 at the first start. */
uint64_t actor_incarnation(void);

/* Stops the task with a fault and a log line: the state is inconsistent. */
_Noreturn void actor_abort(const char *why);

/* Exit code of a program that wants its turn done again by a fresh incarnation (see reply). */
#define EXIT_SECOND_LOOK 1000

/* From now on this incarnation refuses a call without a second look (see reply): for a program that
 * nobody would start again, or whose callers ask for what it may not have. */
void actor_trust_refusals(void);

/* The result of a system call that can't fail as long as this program is sound: else it stops. */
void actor_must(status_t status);
