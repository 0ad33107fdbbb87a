/* SPDX-License-Identifier: MIT
 * Timers of processes that send them signals.
 */
#pragma once
#include "state.h"

void alarms_init(void);
/* The timer that each process has. */
struct alarm *alarm_of_process(const struct process *process);
/* One that the process has made, by its number; NULL: it has none of that number. */
struct alarm *alarm_find(const struct process *process, uint64_t number);
uint64_t alarm_number(const struct alarm *alarm);
/* E_INVALID; E_NO_SPACE: ALARMS are in use. */
status_t alarm_add(const struct process *process, const struct proc_alarm_request *request,
                   struct alarm **alarm);
/* Sets it anew, if asked to; *before is what it was, with the time left. effect_timer is left to
 * the caller. E_INVALID: times that never come; E_NOT_FOUND: it has just killed its process. */
status_t alarm_set(struct alarm *alarm, const struct proc_timer_request *request,
                   struct proc_timer *before);
/* Takes its pending signal back as well. */
void alarm_drop(struct alarm *alarm);
/* exec: those that the process has made go, its own stays. Its end: all stop. */
void alarms_drop(const struct process *process, bool own);
/* Its signal is being taken: it goes on, and *overrun says what was missed. */
uint64_t alarm_taken(uint32_t index);
/* Sends what is due. */
void alarms_fire(void);
/* When the next is due; 0: none. */
uint64_t alarms_next(void);
