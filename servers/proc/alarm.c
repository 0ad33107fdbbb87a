/* SPDX-License-Identifier: MIT
 * Timers that send signals (setitimer, timer_create). One whose signal is pending rests until that
 * is taken, and then counts what it has missed: a short interval makes no more work than its taker.
 * Which signal is whose stands in the queue alone, so there is nothing that could disagree.
 */
#include "alarm.h"

#include "effects.h"
#include "process.h"
#include "ticks.h"

#define INTERVAL_MIN UINT64_C(1000000) /* ns, for those whose signals go nowhere */
#define OVERRUN_MAX INT32_MAX

static uint32_t alarm_index(const struct alarm *alarm) {
    return (uint32_t)(alarm - proc.alarms);
}

void alarms_init(void) {
    for (uint32_t i = 0; i < PROCESSES + ALARMS; i++) {
        proc.alarms[i].owner = i < PROCESSES ? (uint16_t)i : NONE;
        proc.alarms[i].signal = i < PROCESSES ? SIGNAL_ALRM : 0;
    }
}

struct alarm *alarm_of_process(const struct process *process) {
    return &proc.alarms[process_index(process)];
}

uint64_t alarm_number(const struct alarm *alarm) {
    return alarm_index(alarm) - PROCESSES;
}

struct alarm *alarm_find(const struct process *process, uint64_t number) {
    struct alarm *alarm = number < ALARMS ? &proc.alarms[PROCESSES + number] : NULL;
    return alarm != NULL && alarm->owner == process_index(process) ? alarm : NULL;
}

status_t alarm_add(const struct process *process, const struct proc_alarm_request *request,
                   struct alarm **alarm) {
    if (request->signal > SIGNAL_MAX || request->thread < 0 || request->thread > INT32_MAX) {
        return E_INVALID;
    }
    for (uint32_t i = PROCESSES; i < PROCESSES + ALARMS; i++) {
        if (proc.alarms[i].owner == NONE) {
            proc.alarms[i] = (struct alarm){.owner = (uint16_t)process_index(process),
                                            .numbered = request->number != 0,
                                            .signal = (int32_t)request->signal,
                                            .thread = (int32_t)request->thread,
                                            .value = request->value};
            *alarm = &proc.alarms[i];
            return OK;
        }
    }
    return E_NO_SPACE;
}

void alarm_drop(struct alarm *alarm) {
    signal_forget(&proc.processes[alarm->owner], alarm_index(alarm) + 1);
    alarm->timer = (struct proc_timer){0, 0};
    if (alarm_index(alarm) >= PROCESSES) {
        *alarm = (struct alarm){.owner = NONE};
    }
}

void alarms_drop(const struct process *process, bool own) {
    uint32_t index = process_index(process);
    for (uint32_t i = PROCESSES; i < PROCESSES + ALARMS; i++) {
        if (proc.alarms[i].owner == index) {
            alarm_drop(&proc.alarms[i]);
        }
    }
    if (own) {
        alarm_drop(&proc.alarms[index]);
    }
}

/* ---- time ---- */

static bool rests(const struct alarm *alarm) {
    return alarm->signal == 0 ||
           signal_of_alarm(&proc.processes[alarm->owner], alarm_index(alarm) + 1);
}

uint64_t alarm_taken(uint32_t index) {
    struct alarm *alarm = &proc.alarms[index];
    uint64_t missed = ticks_pass(&alarm->timer, effect_now());
    missed = missed == 0 ? 0 : missed - 1; /* the signal itself was for one */
    alarm->overrun = missed < OVERRUN_MAX ? missed : OVERRUN_MAX;
    (void)effect_timer();
    return alarm->overrun;
}

static void fire(struct alarm *alarm, uint64_t now) {
    struct signal_info info = {.signal = alarm->signal,
                               .code = SI_TIMER,
                               .thread = alarm->thread,
                               .value = alarm->numbered ? alarm_number(alarm) : alarm->value,
                               .alarm = alarm_index(alarm) + 1};
    if (alarm_index(alarm) < PROCESSES) {
        info.code = SI_KERNEL;
    } else {
        info.pid = (int32_t)alarm_number(alarm);
    }
    const uint64_t soon = (now / INTERVAL_MIN + 1) * INTERVAL_MIN; /* one time for all of them */
    if (!signal_send(&proc.processes[alarm->owner], &info)) {
        alarm->timer.due_ns = soon; /* there was no room for it */
    } else if (!rests(alarm)) {     /* it was ignored */
        (void)ticks_pass(&alarm->timer, now);
        if (alarm->timer.due_ns != 0 && alarm->timer.due_ns < soon) {
            alarm->timer.due_ns = soon;
        }
    }
}

static bool is_due(const struct alarm *alarm, uint64_t now) {
    return alarm->timer.due_ns != 0 && alarm->timer.due_ns <= now && !rests(alarm);
}

status_t alarm_set(struct alarm *alarm, const struct proc_timer_request *request,
                   struct proc_timer *before) {
    uint64_t now = effect_now();
    if (is_due(alarm, now)) {
        fire(alarm, now); /* the kernel's timer is about to say so */
    }
    if (alarm->owner == NONE) {
        return E_NOT_FOUND; /* its signal was SIGKILL */
    }
    status_t status = ticks_set(&alarm->timer, request, now, before);
    if (status == OK && request->set != 0) {
        alarm->overrun = 0;
    }
    return status;
}

void alarms_fire(void) {
    uint64_t now = effect_now();
    for (uint32_t i = 0; i < PROCESSES + ALARMS; i++) {
        if (is_due(&proc.alarms[i], now)) {
            fire(&proc.alarms[i], now);
        }
    }
}

uint64_t alarms_next(void) {
    uint64_t next = 0;
    for (uint32_t i = 0; i < PROCESSES + ALARMS; i++) {
        const struct alarm *alarm = &proc.alarms[i];
        if (alarm->timer.due_ns != 0 && !rests(alarm)) {
            next = ticks_nearer(next, alarm->timer.due_ns);
        }
    }
    return next;
}
