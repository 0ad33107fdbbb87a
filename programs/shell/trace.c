/* SPDX-License-Identifier: MIT
 * See the header.
 */
#include "trace.h"

#include <common/format.h>
#include <common/string.h>

#define LINE 320

/* ---- names -------------------------------------------------------------------------------- */

void trace_name(struct trace_view *view, uint32_t id, const char *name) {
    uint32_t i = 0;
    while (i < view->task_count && view->tasks[i].id != id) {
        i++;
    }
    if (i == TRACE_TASKS) {
        return;
    }
    view->task_count = i == view->task_count ? i + 1 : view->task_count;
    view->tasks[i].id = id;
    strlcpy(view->tasks[i].name, name, TASK_NAME);
    for (char *at = view->tasks[i].name; *at != 0; at++) {
        *at = *at < ' ' || *at > '~' || *at == '"' || *at == '\\' ? '?' : *at;
    }
}

void trace_names(struct trace_view *view, const struct trace_record *record) {
    char name[TRACE_NAME + 1] = "";
    if (record->kind == TRACE_DEATH) {
        memcpy(name, record->name, TRACE_NAME);
        trace_name(view, record->task, name);
    }
}

static const char *name_of(const struct trace_view *view, uint32_t id, char room[TASK_NAME]) {
    for (uint32_t i = 0; i < view->task_count; i++) {
        if (view->tasks[i].id == id) {
            return view->tasks[i].name;
        }
    }
    format(room, TASK_NAME, id == 0 ? "nobody" : "task %u", id);
    return room;
}

static const char *status_name(uint16_t detail, char room[TASK_NAME]) {
    static const struct {
        int16_t value;
        const char *name;
    } names[] = {
#define STATUS(name, value, text) {value, #name},
#include <axolotl/status.def>
#undef STATUS
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].value == (int16_t)detail) {
            return names[i].name;
        }
    }
    format(room, TASK_NAME, "%d", (int16_t)detail);
    return room;
}

/* ---- what has begun ------------------------------------------------------------------------- */

/* A turn (token 0) by its task, a call by its token, which no other has. */
static struct trace_span *span_of(struct trace_view *view, uint32_t task, uint64_t token) {
    for (uint32_t i = 0; i < view->span_count; i++) {
        struct trace_span *span = &view->spans[i];
        if (span->token == token && (token != 0 || span->task == task)) {
            return span;
        }
    }
    return NULL;
}

/* The call that a thread waits for. */
static struct trace_span *call_of(struct trace_view *view, uint32_t thread) {
    for (uint32_t i = 0; i < view->span_count && thread != 0; i++) {
        if (view->spans[i].thread == thread && view->spans[i].token != 0) {
            return &view->spans[i];
        }
    }
    return NULL;
}

static bool span_begin(struct trace_view *view, struct trace_span span) {
    if (view->span_count == TRACE_OPEN) {
        return false;
    }
    view->spans[view->span_count++] = span;
    return true;
}

static void span_end(struct trace_view *view, struct trace_span *span) {
    *span = view->spans[--view->span_count];
}

static struct trace_span span_from(const struct trace_record *record, uint64_t token) {
    return (struct trace_span){token, record->time, record->task, record->thread};
}

/* ---- lines ---------------------------------------------------------------------------------- */

struct line {
    char text[LINE];
    size_t length;
};
#define ADD(line, ...) format_append((line)->text, LINE, &(line)->length, __VA_ARGS__)

static void say_took(struct line *line, const struct trace_record *record,
                     const struct trace_span *span) {
    if (span != NULL) {
        uint64_t ns = record->time - span->start;
        ADD(line, ", took %lu.%03lu us", ns / 1000, ns % 1000);
    }
}

static void say_event(struct line *line, const struct trace_record *record, const char *other) {
    switch (record->detail) {
    case EVENT_CALL:
        ADD(line, "takes a call of %s", other);
        break;
    case EVENT_CANCEL:
        ADD(line, "is asked by %s to give a call back", other);
        break;
    case EVENT_REPLY:
        ADD(line, "takes an answer");
        break;
    case EVENT_NOTIFY:
        ADD(line, "is notified, bits 0x%lx", record->value);
        break;
    default:
        ADD(line, "learns that session 0x%lx is closed", record->value);
    }
}

static void say(struct trace_view *view, struct line *line, const struct trace_record *record) {
    char room[TASK_NAME], status[TASK_NAME];
    const char *other = name_of(view, record->kind == TRACE_DEATH ? 0 : record->other, room);
    unsigned long value = record->value;
    switch (record->kind) {
    case TRACE_CALL:
        ADD(line, "calls %s, operation %u%s", other, record->detail,
            record->thread == 0 ? ", does not wait" : "");
        break;
    case TRACE_EVENT:
        say_event(line, record, other);
        break;
    case TRACE_ANSWER:
        ADD(line, "answers %s, %s", other, status_name(record->detail, status));
        say_took(line, record, span_of(view, 0, record->value));
        break;
    case TRACE_COMMIT:
        ADD(line, "commits %lu pages", value);
        say_took(line, record, span_of(view, record->task, 0));
        break;
    case TRACE_SWITCH:
        ADD(line, record->thread == 0 ? "idle" : "runs");
        break;
    case TRACE_IRQ:
        ADD(line, "interrupt, vector %lu", value);
        break;
    case TRACE_FAULT:
        ADD(line, "exception %u at 0x%lx", record->detail, value);
        break;
    case TRACE_PAGE_FAULT:
        ADD(line, "touches 0x%lx to %s it", value,
            (record->detail & 16) != 0  ? "execute"
            : (record->detail & 2) != 0 ? "write"
                                        : "read");
        break;
    case TRACE_RESET:
        ADD(line, "is reset, flags 0x%lx", value);
        break;
    case TRACE_DEATH:
        ADD(line, "ends, %d", (int16_t)record->detail);
        break;
    default:
        ADD(line, "record of kind %u", record->kind);
    }
}

/* Whether a task's end, or its reset, ends what it was at: a staged call outlives a reset. */
static bool goes_with(const struct trace_span *span, const struct trace_record *record) {
    return span->task == record->task &&
           (record->kind == TRACE_DEATH || (record->kind == TRACE_RESET && span->thread != 0));
}

/* Ends what the record ends; `ended` hears of each. */
static void follow(struct trace_view *view, const struct trace_record *record,
                   void (*ended)(struct trace_view *view, const struct trace_span *span)) {
    struct trace_span *span = record->kind == TRACE_ANSWER ? span_of(view, 0, record->value)
                              : record->kind == TRACE_CALL ? call_of(view, record->thread)
                              : record->kind == TRACE_EVENT || record->kind == TRACE_COMMIT
                                  ? span_of(view, record->task, 0)
                                  : NULL;
    view->last = record->time;
    if (span != NULL) {
        ended(view, span);
        span_end(view, span);
    }
    for (uint32_t i = view->span_count; i-- > 0;) {
        if (goes_with(&view->spans[i], record)) {
            ended(view, &view->spans[i]);
            span_end(view, &view->spans[i]);
        }
    }
}

static void nothing(struct trace_view *view, const struct trace_span *span) {
    (void)view;
    (void)span;
}

/* A record that begins something: a call or a turn. */
static bool begins(const struct trace_record *record) {
    return record->kind == TRACE_CALL || record->kind == TRACE_EVENT;
}

static uint64_t token_of(const struct trace_record *record) {
    return record->kind == TRACE_CALL ? record->value : 0;
}

void trace_text(struct trace_view *view, const struct trace_record *record, bool show) {
    struct line line = {.length = 0};
    char room[TASK_NAME];
    if (show) {
        bool idle = record->task == 0 && record->kind != TRACE_ANSWER;
        ADD(&line, "%4lu.%09lu %3u  %-12s ", record->time / 1000000000, record->time % 1000000000,
            record->cpu, idle ? "-" : name_of(view, record->task, room));
        say(view, &line, record);
        ADD(&line, "\n");
        view->put(view->context, line.text);
    }
    follow(view, record, nothing);
    if (begins(record)) {
        (void)span_begin(view, span_from(record, token_of(record)));
    }
}

/* ---- JSON ----------------------------------------------------------------------------------- */

#define PROCESSORS 0u /* the process whose threads are the processors; tasks count from 1 */

/* {"ph":"PHASE","pid":PID,"tid":TID,"ts":TIME and what follows, which ends in }. */
__attribute__((format(printf, 5, 6))) static void event(struct trace_view *view, const char *phase,
                                                        uint32_t pid, uint32_t tid,
                                                        const char *text, ...) {
    struct line line = {.length = 0};
    va_list arguments;
    ADD(&line, "%s{\"ph\":\"%s\",\"pid\":%u,\"tid\":%u,\"ts\":%lu.%03lu", view->some ? ",\n" : "",
        phase, pid, tid, view->last / 1000, view->last % 1000);
    va_start(arguments, text);
    format_v(line.text + line.length, LINE - line.length, text, arguments);
    va_end(arguments);
    view->some = true;
    view->put(view->context, line.text);
}

/* A call that nobody waits for is no part of a thread's time: it has its number instead. */
static void json_ended(struct trace_view *view, const struct trace_span *span) {
    if (span->token != 0 && span->thread == 0) {
        event(view, "e", span->task, 0, ",\"cat\":\"call\",\"name\":\"call\",\"id\":\"0x%lx\"}",
              span->token);
    } else {
        event(view, "E", span->task, span->thread, "}");
    }
}

static void json_switch(struct trace_view *view, const struct trace_record *record) {
    char room[TASK_NAME];
    if (record->cpu >= TRACE_CPUS) {
        return;
    }
    if (view->running[record->cpu]) {
        event(view, "E", PROCESSORS, record->cpu, "}");
    }
    view->running[record->cpu] = record->thread != 0;
    if (record->thread != 0) {
        event(view, "B", PROCESSORS, record->cpu, ",\"name\":\"%s\",\"args\":{\"thread\":%u}}",
              name_of(view, record->task, room), record->thread);
    }
}

static void json_begins(struct trace_view *view, const struct trace_record *record) {
    struct line line = {.length = 0};
    char room[TASK_NAME];
    const char *other = name_of(view, record->other, room);
    if (!span_begin(view, span_from(record, token_of(record)))) {
        return;
    }
    if (record->kind == TRACE_EVENT) {
        say_event(&line, record, other);
        event(view, "B", record->task, record->thread, ",\"cat\":\"turn\",\"name\":\"%s\"}",
              line.text);
    } else if (record->thread == 0) {
        event(view, "b", record->task, 0,
              ",\"cat\":\"call\",\"name\":\"call\",\"id\":\"0x%lx\",\"args\":{\"server\":\"%s\","
              "\"operation\":%u}}",
              (unsigned long)record->value, other, record->detail);
    } else {
        event(view, "B", record->task, record->thread,
              ",\"cat\":\"call\",\"name\":\"call %s\",\"args\":{\"operation\":%u}}", other,
              record->detail);
    }
}

/* A point in time: of a thread, or of a processor. */
static void json_instant(struct trace_view *view, const struct trace_record *record) {
    struct line line = {.length = 0};
    bool irq = record->kind == TRACE_IRQ;
    say(view, &line, record);
    event(view, "i", irq ? PROCESSORS : record->task,
          irq                           ? record->cpu
          : record->kind == TRACE_DEATH ? 0
                                        : record->thread,
          ",\"s\":\"t\",\"name\":\"%s\"}", line.text);
}

void trace_json_begin(struct trace_view *view, uint32_t cpus) {
    view->put(view->context, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n");
    event(view, "M", PROCESSORS, 0,
          ",\"name\":\"process_name\",\"args\":{\"name\":\"processors\"}}");
    for (uint32_t cpu = 0; cpu < cpus; cpu++) {
        event(view, "M", PROCESSORS, cpu,
              ",\"name\":\"thread_name\",\"args\":{\"name\":\"processor %u\"}}", cpu);
    }
    for (uint32_t i = 0; i < view->task_count; i++) {
        event(view, "M", view->tasks[i].id, 0,
              ",\"name\":\"process_name\",\"args\":{\"name\":\"%s\"}}", view->tasks[i].name);
    }
}

void trace_json(struct trace_view *view, const struct trace_record *record) {
    bool pages = record->kind == TRACE_COMMIT && record->value != 0;
    view->last = record->time;
    if (record->kind == TRACE_SWITCH) {
        json_switch(view, record);
    } else if (pages || record->kind >= TRACE_IRQ) {
        json_instant(view, record);
    }
    follow(view, record, json_ended);
    if (begins(record)) {
        json_begins(view, record);
    }
}

void trace_json_end(struct trace_view *view) {
    while (view->span_count > 0) {
        json_ended(view, &view->spans[view->span_count - 1]);
        span_end(view, &view->spans[view->span_count - 1]);
    }
    for (uint32_t cpu = 0; cpu < TRACE_CPUS; cpu++) {
        if (view->running[cpu]) {
            event(view, "E", PROCESSORS, cpu, "}");
        }
    }
    view->put(view->context, "\n]}\n");
}
