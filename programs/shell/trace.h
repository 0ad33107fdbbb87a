/* SPDX-License-Identifier: MIT
 * What the kernel's records mean, as lines for people and as events of the Trace Event Format,
 * which Chrome and Perfetto show. Records go in one after the other, all of them, in their order.
 */
#pragma once

#include <axolotl/trace.h>
#include <stdbool.h>
#include <stddef.h>

#define TRACE_TASKS 96u
#define TRACE_OPEN 128u /* calls and turns at a time; of more nothing is shown but their ends */
#define TRACE_CPUS 64u

/* Something that has begun. */
struct trace_span {
    uint64_t token; /* of a call; a turn has 0 */
    uint64_t start; /* ns since boot */
    uint32_t task, thread;
};

struct trace_view {
    void (*put)(void *context, const char *text); /* gets the output, piece by piece */
    void *context;
    uint64_t last; /* time of the last record */
    uint32_t task_count, span_count;
    bool running[TRACE_CPUS]; /* a thread, as far as was written */
    bool some;                /* some event was written */
    struct {
        uint32_t id;
        char name[TASK_NAME];
    } tasks[TRACE_TASKS];
    struct trace_span spans[TRACE_OPEN];
};

/* Tells the name of a task. What JSON can't hold becomes '?'. */
void trace_name(struct trace_view *view, uint32_t id, const char *name);
/* Finds names in a record. */
void trace_names(struct trace_view *view, const struct trace_record *record);

/* Takes a record in, and writes the line about it if `show`. */
void trace_text(struct trace_view *view, const struct trace_record *record, bool show);

/* A whole file: its begin, each record, its end. Everything that begins in it ends in it, and on
 * each thread what begins later ends earlier. */
void trace_json_begin(struct trace_view *view, uint32_t cpus);
void trace_json(struct trace_view *view, const struct trace_record *record);
void trace_json_end(struct trace_view *view);
