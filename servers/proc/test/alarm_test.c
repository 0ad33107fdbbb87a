/* SPDX-License-Identifier: MIT
 * Timers that send signals, and counters that rise by time.
 */
#include "check.h"

#include "../alarm.h"
#include "../ticks.h"
#include "world.h"

/* Sets it to go off at `due`, then every `interval`; what was left before. */
static uint64_t set(struct alarm *alarm, uint64_t due, uint64_t interval) {
    struct proc_timer_request request = {1, {due, interval}};
    struct proc_timer before;
    CHECK_EQ(alarm_set(alarm, &request, &before), OK);
    return before.due_ns;
}

static uint64_t left(struct alarm *alarm) {
    struct proc_timer_request request = {.set = 0};
    struct proc_timer before;
    CHECK_EQ(alarm_set(alarm, &request, &before), OK);
    return before.due_ns;
}

TEST(an_alarm_goes_off_once) {
    struct process *process = start();
    struct alarm *alarm = alarm_of_process(process);
    CHECK_EQ(set(alarm, 101, 0), 0);
    CHECK_EQ(left(alarm), 100);
    CHECK_EQ(alarms_next(), 101);
    clock_ns = 100;
    alarms_fire();
    CHECK_EQ(signal_pending(process), 0);
    clock_ns = 105;
    alarms_fire();
    CHECK_EQ(alarms_next(), 0);
    CHECK_EQ(left(alarm), 0);
    CHECK_EQ(taken(process, 0), SIGNAL_ALRM);
    alarms_fire();
    CHECK_EQ(taken(process, 0), 0);
    CHECK_EQ(set(alarm, 201, 0), 0);
    CHECK_EQ(set(alarm, 0, 0), 96);
    clock_ns = 300;
    alarms_fire();
    CHECK_EQ(signal_pending(process), 0);
    (void)set(alarm, 301, 0);
    clock_ns = 302; /* due, and the kernel has not said it yet */
    CHECK_EQ(set(alarm, 0, 0), 0);
    CHECK_EQ(signal_pending(process), SIGNAL_BIT(SIGNAL_ALRM));
}

TEST(an_alarm_rests_until_its_signal_is_taken) {
    struct process *process = start();
    struct proc_alarm_request request = {.signal = 40, .number = 1};
    struct alarm *first, *alarm;
    uint64_t overrun;
    CHECK_EQ(alarm_add(process, &request, &first), OK);
    CHECK_EQ(alarm_add(process, &request, &alarm), OK);
    CHECK_EQ(alarm_number(alarm), 1);
    CHECK(alarm_find(process, 1) == alarm);
    (void)set(alarm, 100, 10);
    clock_ns = 100;
    alarms_fire();
    alarms_fire();
    CHECK_EQ(alarms_next(), 0); /* rests */
    clock_ns = 137;
    CHECK_EQ(left(alarm), 3);
    struct signal_info info = signal_take(process, 0, 0, &overrun);
    CHECK_EQ(info.code, SI_TIMER);
    CHECK_EQ(info.value, 1);
    CHECK_EQ(overrun, 3); /* 110, 120, 130 */
    CHECK_EQ(alarm->overrun, 3);
    CHECK_EQ(alarms_next(), 140);
    CHECK_EQ(signal_take(process, 0, 0, &overrun).signal, 0);
    clock_ns = 140;
    alarms_fire();
    alarm_drop(alarm);
    CHECK_EQ(signal_pending(process), 0); /* its signal is gone with it */
    CHECK(alarm_find(process, 1) == NULL);
}

TEST(alarms_that_nobody_hears_do_not_keep_proc_busy) {
    struct process *process = start();
    struct alarm *alarm = alarm_of_process(process);
    process->ignored |= SIGNAL_BIT(SIGNAL_ALRM);
    (void)set(alarm, 10, 1);
    clock_ns = 20;
    alarms_fire();
    CHECK_EQ(signal_pending(process), 0);
    CHECK_EQ(alarms_next(), 1000000); /* all at such times */
    clock_ns = 1000000;
    alarms_fire();
    CHECK_EQ(alarms_next(), 2000000);
    (void)set(alarm, 1000005, 1500000);
    clock_ns = 1000005;
    alarms_fire();
    CHECK_EQ(alarms_next(), 2500005);
    process->ignored = 0;
    for (unsigned i = 0; i < SIGNAL_QUEUE; i++) {
        send(process, 50);
    }
    clock_ns = 2500005;
    alarms_fire(); /* no place for it */
    CHECK_EQ(alarms_next(), 3000000);
    (void)set(alarm, 3000001, 0);
    clock_ns = 3000001;
    alarms_fire(); /* neither is one lost that comes once */
    CHECK_EQ(alarms_next(), 4000000);
    CHECK_EQ(taken(process, 0), 50);
    clock_ns = alarms_next();
    alarms_fire();
    CHECK_EQ(taken(process, 0), SIGNAL_ALRM);
    CHECK_EQ(alarms_next(), 0);
}

TEST(a_killing_alarm_is_gone_with_its_process) {
    struct process *process = make(start());
    struct proc_alarm_request request = {.signal = SIGNAL_KILL};
    struct proc_timer_request again = {1, {500, 0}};
    struct proc_timer before;
    struct alarm *alarm;
    CHECK_EQ(alarm_add(process, &request, &alarm), OK);
    (void)set(alarm, 100, 0);
    clock_ns = 100; /* due, and the kernel has not said it yet */
    CHECK_EQ(alarm_set(alarm, &again, &before), E_NOT_FOUND);
    CHECK_EQ(process->state, PROCESS_ZOMBIE);
    CHECK_EQ(alarms_next(), 0);
}

TEST(a_counter_rises_by_time) {
    (void)start();
    struct counter *counter = &proc.counters[COUNTERS - 1];
    struct proc_timer_request request = {1, {100, 10}};
    struct proc_timer before;
    *counter = (struct counter){.used = true, .kind = PROC_COUNTER_TIMER};
    CHECK_EQ(ticks_set(&counter->timer, &request, 1, &before), OK);
    CHECK_EQ(before.due_ns, 0);
    CHECK_EQ(counters_next(), 100);
    CHECK(!counter_tick(counter, 99));
    CHECK(counter_tick(counter, 137));
    CHECK_EQ(counter->value, 4); /* 100, 110, 120, 130 */
    request.set = 0;
    CHECK_EQ(ticks_set(&counter->timer, &request, 138, &before), OK);
    CHECK_EQ(before.due_ns, 2);
    CHECK_EQ(before.interval_ns, 10);
    CHECK_EQ(counters_next(), 0); /* rests until it is read */
    CHECK(counter_tick(counter, 160));
    CHECK_EQ(counter->value, 7);
    counter->value = 0;
    CHECK_EQ(counters_next(), 170);
    proc.counters[0] = (struct counter){.used = true, .timer = {50, 0}};
    CHECK_EQ(counters_next(), 50);
    CHECK(counter_tick(&proc.counters[0], 60));
    CHECK(!counter_tick(&proc.counters[0], 70));
    CHECK_EQ(counters_next(), 170);
    proc.counters[0] = (struct counter){.used = false, .timer = {50, 0}};
    CHECK_EQ(counters_next(), 170);
}

TEST(times_do_not_overflow) {
    (void)start();
    const uint64_t most = UINT64_C(1) << 63;
    struct counter counter = {.used = true, .kind = PROC_COUNTER_TIMER};
    struct proc_timer_request request = {1, {1, 1}};
    struct proc_timer before;
    CHECK_EQ(ticks_set(&counter.timer, &request, 1, &before), OK);
    CHECK(counter_tick(&counter, most));
    CHECK_EQ(counter.value, most);
    CHECK_EQ(counter.timer.due_ns, most + 1);
    request.timer = (struct proc_timer){most, most};
    CHECK_EQ(ticks_set(&counter.timer, &request, 1, &before), OK);
    CHECK(!counter_tick(&counter, most - 1));
    request.timer = (struct proc_timer){1, most};
    CHECK_EQ(ticks_set(&counter.timer, &request, 1, &before), OK);
    CHECK(counter_tick(&counter, most - 1));
    CHECK_EQ(counter.timer.due_ns, most + 1);
    request.timer = (struct proc_timer){1, most + 1};
    CHECK_EQ(ticks_set(&counter.timer, &request, 1, &before), E_INVALID);
    request.timer = (struct proc_timer){most + 1, 0};
    CHECK_EQ(ticks_set(&counter.timer, &request, 1, &before), E_INVALID);
    CHECK_EQ(counter.timer.due_ns, most + 1);
}

TEST(alarms_end_with_their_process) {
    struct process *leader = start();
    struct process *child = make(leader);
    struct proc_alarm_request request = {.signal = 40};
    struct alarm *alarm;
    struct proc_timer before;
    CHECK_EQ(alarm_add(child, &request, &alarm), OK);
    CHECK(alarm_find(leader, 0) == NULL);
    (void)set(alarm, 100, 10);
    (void)set(alarm_of_process(child), 100, 10);
    alarms_drop(child, false); /* exec */
    CHECK(alarm_find(child, 0) == NULL);
    CHECK_EQ(alarms_next(), 100);
    process_end(child, 0);
    CHECK_EQ(alarms_next(), 0);
    for (unsigned i = 0; i < ALARMS; i++) {
        CHECK_EQ(alarm_add(leader, &request, &alarm), OK);
    }
    CHECK_EQ(alarm_add(leader, &request, &alarm), E_NO_SPACE);
    request.signal = 65;
    CHECK_EQ(alarm_add(leader, &request, &alarm), E_INVALID);
    struct proc_timer_request never = {1, {UINT64_MAX, 0}};
    CHECK_EQ(alarm_set(alarm, &never, &before), E_INVALID);
}
