/* SPDX-License-Identifier: MIT
 * See measure.h.
 */
#include "measure.h"

#include <ipc/cpu.h>
#include <ipc/log.h>

#include "bench.h"

static uint64_t samples[ROUNDS];
static uint64_t overhead, call_overhead; /* of one reading; of two pairs of them */
static const char *name_suffix = "";

static void sort(uint64_t *values, unsigned count) {
    for (unsigned i = 1; i < count; i++) {
        for (unsigned j = i; j > 0 && values[j - 1] > values[j]; j--) {
            uint64_t swap = values[j];
            values[j] = values[j - 1];
            values[j - 1] = swap;
        }
    }
}

static void sample_each(void (*measure)(uint64_t), uint64_t argument) {
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t before = cpu_cycles();
        measure(argument);
        samples[i] = cpu_cycles() - before;
    }
}

static void measure_nothing(uint64_t argument) {
    (void)argument;
}

void measure_start(void) {
    sample_each(measure_nothing, 0);
    sort(samples, ROUNDS);
    overhead = samples[0];
    struct bench_message nothing = {0};
    BENCH_MESSAGE("", SYS_NULL, &nothing);
    call_overhead = 2 * (nothing.after - nothing.before);
}

void measure_suffix(const char *suffix) {
    name_suffix = suffix;
}

static void report(const char *name, uint64_t *values, unsigned count, uint64_t cost) {
    sort(values, count);
    log_line("bench: %s%s %lu %lu", name, name_suffix, (unsigned long)(values[0] - cost),
             (unsigned long)(values[count / 2] - cost));
}

void measure_report(const char *name, uint64_t *values, unsigned count) {
    report(name, values, count, overhead);
}

void measure_calls(const char *name, uint64_t session, uint64_t tag) {
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct bench_message message = {.rdi = session, .tag = tag};
        bench_call(&message);
        samples[i] = message.received - message.before + message.after - message.answered;
    }
    report(name, samples, ROUNDS, call_overhead);
}

void measure_each(const char *name, void (*measure)(uint64_t), uint64_t argument) {
    sample_each(measure, argument);
    measure_report(name, samples, ROUNDS);
}
