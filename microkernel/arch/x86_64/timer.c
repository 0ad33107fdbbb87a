/* SPDX-License-Identifier: MIT
 * Clock and timer. The TSC is the clock (assumed synchronous and invariant); it and the local APIC
 * timer are measured once against the best reference there is: HPET, ACPI PM timer, PIT.
 */
#include <arch/hooks.h>
#include <arch/port.h>
#include <arch/timer.h>
#include <debug.h>

#include "acpi.h"
#include "machine.h"

#define NS_PER_SECOND 1000000000ull
#define PIT_HZ 1193182u
#define PM_TIMER_HZ 3579545u
#define HPET_PERIOD_MAX 100000000u /* femtoseconds, HPET 1.0a 2.3.4 */
#define FEMTO 1000000000000000ull

struct reference {
    uint64_t (*read)(void);
    uint64_t hz, mask;
    const char *name;
};

struct clock clock;

static volatile uint32_t *hpet;
static uint64_t apic_hz;
static uint64_t apic_mult;  /* APIC timer ticks per ns, 32.32 */
static uint64_t tsc_per_ns; /* TSC ticks per ns, 32.32 */

static uint64_t hpet_read(void) {
    return hpet[0xf0 / 4];
}

static uint64_t pm_timer_read(void) {
    return port_read(acpi.pm_timer_port, 4);
}

static uint64_t pit_read(void) {
    port_out8(0x43, 0x80); /* latch channel 2 */
    uint8_t low = port_in8(0x42);
    return 0xffff - ((uint64_t)port_in8(0x42) << 8 | low); /* it counts down */
}

static struct reference reference_choose(void) {
    hpet = acpi.hpet != 0 ? arch_map_device(acpi.hpet, PAGE_SIZE) : NULL;
    if (hpet != NULL && hpet[1] != 0 && hpet[1] <= HPET_PERIOD_MAX) {
        hpet[0x10 / 4] |= 1; /* run */
        return (struct reference){hpet_read, FEMTO / hpet[1], 0xffffffff, "HPET"};
    }
    if (acpi.pm_timer_port != 0) {
        return (struct reference){pm_timer_read, PM_TIMER_HZ, 0xffffff, "PM timer"};
    }
    port_out8(0x61, (uint8_t)((port_in8(0x61) & ~2u) | 1u)); /* gate on, speaker off */
    port_out8(0x43, 0xb0);                                   /* channel 2, mode 0, 16 bits */
    port_out8(0x42, 0xff);
    port_out8(0x42, 0xff);
    return (struct reference){pit_read, PIT_HZ, 0xffff, "PIT"};
}

struct sample {
    uint64_t tsc, reference, apic;
};

/* Reads all three as close together as a few tries allow: a virtual machine may be interrupted. */
static struct sample sample_take(const struct reference *reference) {
    struct sample best = {0};
    uint64_t best_width = ~0ull;
    for (int i = 0; i < 4; i++) {
        uint64_t before = rdtsc();
        uint64_t count = reference->read();
        uint64_t after = rdtsc();
        if (after - before < best_width) {
            best_width = after - before;
            best = (struct sample){before + best_width / 2, count, lapic_read(LAPIC_TIMER_COUNT)};
        }
    }
    return best;
}

/* Rounds to a whole MHz when that is within 100 ppm, which is what measuring can promise. */
static uint64_t hz_round(uint64_t hz) {
    uint64_t whole = (hz + 500000) / 1000000 * 1000000;
    uint64_t error = hz > whole ? hz - whole : whole - hz;
    return error * 10000 < hz ? whole : hz;
}

static void calibrate(void) {
    struct reference reference = reference_choose();
    uint64_t wanted = reference.hz / 2000; /* half a millisecond */
    lapic_write(LAPIC_TIMER_INITIAL, ~0u);
    struct sample start = sample_take(&reference);
    struct sample end;
    uint64_t elapsed;
    do {
        end = sample_take(&reference);
        elapsed = (end.reference - start.reference) & reference.mask;
    } while (elapsed < wanted && end.tsc - start.tsc < 100000000); /* it may stand still */
    lapic_write(LAPIC_TIMER_INITIAL, 0);
    if (elapsed < wanted) {
        kernel_log("clock: %s does not run, assuming 1 GHz", reference.name);
        clock.tsc_hz = apic_hz = NS_PER_SECOND;
        return;
    }
    clock.tsc_hz = hz_round((end.tsc - start.tsc) * reference.hz / elapsed);
    apic_hz = hz_round(((start.apic - end.apic) & 0xffffffff) * reference.hz / elapsed);
    kernel_log("clock: TSC %lu kHz, APIC timer %lu kHz, by %s", clock.tsc_hz / 1000, apic_hz / 1000,
               reference.name);
}

/* ---- Interface ------------------------------------------------------------------------------- */

static uint64_t ratio_32_32(uint64_t numerator, uint64_t denominator) {
    uint64_t whole = numerator / denominator;
    return whole << 32 | (numerator % denominator << 32) / denominator;
}

void timer_init(void) {
    clock.tsc_base = boot_tsc;
    calibrate();
    clock.mult = ratio_32_32(NS_PER_SECOND, clock.tsc_hz);
    tsc_per_ns = ratio_32_32(clock.tsc_hz, NS_PER_SECOND);
    apic_mult = ratio_32_32(apic_hz, NS_PER_SECOND);
    timer_cpu_init();
}

void timer_cpu_init(void) {
    if (cpu_features.tsc_deadline) {
        lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER | LVT_TSC_DEADLINE);
        __asm__ volatile("mfence"); /* SDM 3A 11.5.4.1: before the first write of the MSR */
    }
}

void timer_program(uint64_t deadline) {
    if (cpu_features.tsc_deadline) {
        msr_write(MSR_TSC_DEADLINE,
                  deadline == TIMER_NEVER ? 0 : clock.tsc_base + scale(deadline, tsc_per_ns) + 1);
        return;
    }
    uint64_t count = 0; /* narrower than a deadline, and not exactly as fast as the TSC */
    if (deadline != TIMER_NEVER) {
        uint64_t now = time_now();
        count = deadline > now ? scale(deadline - now, apic_mult) + 1 : 1;
        count = count > 0xffffffff ? 0xffffffff : count;
    }
    lapic_write(LAPIC_TIMER_INITIAL, (uint32_t)count);
}
