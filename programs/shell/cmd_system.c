/* SPDX-License-Identifier: MIT
 * Commands that show the machine and the kernel.
 */
#include <client/net.h>
#include <client/pci.h>
#include <common/format.h>
#include <common/string.h>
#include <ipc/cpu.h>
#include <ipc/machine.h>
#include <ipc/status.h>
#include <ipc/time.h>

#include "shell.h"
#include "text.h"

#define LOG_PIECE 4096
#define LOG_LINES 100000

static bool read_system(struct shell *shell, struct system_info *info) {
    status_t status = system_info_read(shell->system, INFO_SYSTEM, 0, info, sizeof(*info));
    if (status != OK) {
        fail_status(shell, "kernel", status);
        return false;
    }
    return true;
}

static const char *thread_state_name(uint32_t state) {
    static const char *const names[] = {"new",     "ready",    "running", "calling", "receiving",
                                        "waiting", "sleeping", "faulted", "dead",    "paging"};
    return state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}

static int run_ps(struct shell *shell, int argc, char **argv) {
    if (!count_arguments(shell, argc, argv, 0, 0)) {
        return STATUS_USAGE;
    }
    struct task_info task;
    status_t status;
    print(shell, "%4s %-12s %-9s %4s %3s %7s %12s %9s %10s\n", "ID", "NAME", "STATE", "PRIO", "THR",
          "HANDLES", "CPU", "COMMITS", "MEMORY");
    for (uint64_t i = 0;
         (status = system_info_read(shell->system, INFO_TASK, i, &task, sizeof(task))) == OK; i++) {
        char cpu[TEXT_SIZE];
        char memory[TEXT_SIZE];
        const char *state = task.state == TASK_RUNNING   ? thread_state_name(task.main_state)
                            : task.state == TASK_STOPPED ? "stopped"
                            : task.state == TASK_DEAD    ? "dead"
                                                         : "new";
        print(shell, "%4lu %-12s %-9s %4u %3u %7u %12s %9lu %10s\n", (unsigned long)task.id,
              task.name, state, task.priority, task.threads, task.handles,
              text_duration(cpu, task.cpu_ns), (unsigned long)task.commits,
              text_bytes(memory, task.memory));
    }
    return status == E_NOT_FOUND ? 0 : fail_status(shell, "kernel", status);
}

static int run_mem(struct shell *shell, int argc, char **argv) {
    struct system_info info;
    char text[TEXT_SIZE];
    if (!count_arguments(shell, argc, argv, 0, 0) || !read_system(shell, &info)) {
        return STATUS_USAGE;
    }
    print(shell, "total  %10s\n", text_bytes(text, info.memory_total));
    print(shell, "used   %10s\n", text_bytes(text, info.memory_total - info.memory_free));
    print(shell, "free   %10s\n", text_bytes(text, info.memory_free));
    print(shell, "kernel %10s\n", text_bytes(text, info.memory_kernel));
    return 0;
}

static int run_uptime(struct shell *shell, int argc, char **argv) {
    struct system_info info;
    char text[TEXT_SIZE];
    if (!count_arguments(shell, argc, argv, 0, 0) || !read_system(shell, &info)) {
        return STATUS_USAGE;
    }
    print(shell, "up %s, %u CPU%s, %u tasks, %lu calls, %lu commits, %lu restarts\n",
          text_duration(text, time_now_ns()), info.cpus, info.cpus == 1 ? "" : "s", info.tasks,
          (unsigned long)info.calls, (unsigned long)info.commits, (unsigned long)info.resets);
    return 0;
}

static int run_version(struct shell *shell, int argc, char **argv) {
    struct system_info info;
    if (!count_arguments(shell, argc, argv, 0, 0) || !read_system(shell, &info)) {
        return STATUS_USAGE;
    }
    print(shell, "%s %s\n", info.version, info.build);
    return 0;
}

/* ---- Log ---------------------------------------------------------------------------------- */

struct log_reader {
    struct shell *shell;
    const char *word; /* only lines that contain it; NULL: all */
    uint64_t skip;    /* lines to leave out */
    uint64_t lines;   /* that matched so far */
    bool show;
    size_t length;
    char line[512];
};

static void log_byte(struct log_reader *reader, char byte) {
    if (byte != '\n') {
        if (reader->length < sizeof(reader->line) - 1) {
            reader->line[reader->length++] = byte;
        }
        return;
    }
    reader->line[reader->length] = 0;
    reader->length = 0;
    if (reader->word != NULL && strstr(reader->line, reader->word) == NULL) {
        return;
    }
    if (reader->lines++ >= reader->skip && reader->show) {
        print(reader->shell, "%s\n", reader->line);
    }
}

static status_t log_walk(struct log_reader *reader) {
    static char piece[LOG_PIECE];
    uint64_t position = 0;
    reader->lines = 0;
    reader->length = 0;
    while (!shell_stopped(reader->shell)) {
        int64_t length = system_log_read(reader->shell->system, &position, piece, sizeof(piece));
        if (length <= 0) {
            return (status_t)length;
        }
        for (int64_t i = 0; i < length; i++) {
            log_byte(reader, piece[i]);
        }
        position += (uint64_t)length;
    }
    return OK;
}

static int run_log(struct shell *shell, int argc, char **argv) {
    static struct log_reader reader;
    uint64_t limit = LOG_LINES;
    int at = 1;
    if (argc > 1 && strcmp(argv[1], "-n") == 0) {
        if (argc < 3) {
            return usage(shell, "-n needs a number");
        }
        if (!number_argument(shell, argv[2], LOG_LINES, &limit)) {
            return STATUS_USAGE;
        }
        at = 3;
    }
    if (!count_arguments(shell, argc - at + 1, argv + at - 1, 0, 1)) {
        return STATUS_USAGE;
    }
    reader = (struct log_reader){.shell = shell, .word = at < argc ? argv[at] : NULL};
    status_t status = log_walk(&reader);
    if (status == OK) {
        reader.skip = reader.lines > limit ? reader.lines - limit : 0;
        reader.show = true;
        status = log_walk(&reader);
    }
    return status == OK ? 0 : fail_status(shell, "kernel", status);
}

/* ---- Hardware ----------------------------------------------------------------------------- */

static int run_lspci(struct shell *shell, int argc, char **argv) {
    bool verbose = argc == 2 && strcmp(argv[1], "-v") == 0;
    if ((!verbose && !count_arguments(shell, argc, argv, 0, 0)) ||
        !need(shell, shell->pci, "devmgr")) {
        return STATUS_USAGE;
    }
    struct pci_entry entry;
    status_t status;
    for (uint64_t i = 0; (status = pci_list(shell->pci, i, &entry)) == OK; i++) {
        print(shell, "%02x:%02x.%x %04x:%04x %02x.%02x.%02x %s%s%s%s%s%s\n",
              entry.address >> 16 & 0xff, entry.address >> 11 & 0x1f, entry.address >> 8 & 7,
              entry.vendor, entry.device, entry.class_code, entry.subclass, entry.interface,
              entry.class_name, entry.name[0] != 0 ? ": " : "", entry.name,
              entry.driver[0] != 0 ? " [" : "", entry.driver, entry.driver[0] != 0 ? "]" : "");
        for (uint32_t bar = 0; verbose && bar < 6; bar++) {
            if (entry.bar_size[bar] != 0) {
                char size[TEXT_SIZE];
                bool ports = entry.bar[bar] & 1;
                print(shell, "    BAR %u: %s at 0x%lx, %s\n", bar, ports ? "ports" : "memory",
                      (unsigned long)(entry.bar[bar] & (ports ? ~3ul : ~15ul)),
                      text_bytes(size, entry.bar_size[bar]));
            }
        }
        if (verbose && entry.driver[0] != 0) {
            print(shell, "    DMA: %s\n",
                  entry.confined ? "behind the IOMMU" : "reaches all memory");
        }
    }
    return status == E_NOT_FOUND ? 0 : fail_status(shell, "devmgr", status);
}

struct cpu_feature {
    uint32_t leaf, word, bit;
    const char *name;
};
static const struct cpu_feature cpu_features[] = {
    {1, 3, 0, "fpu"},      {1, 3, 4, "tsc"},     {1, 3, 5, "msr"},     {1, 3, 6, "pae"},
    {1, 3, 9, "apic"},     {1, 3, 23, "mmx"},    {1, 3, 24, "fxsr"},   {1, 3, 25, "sse"},
    {1, 3, 26, "sse2"},    {1, 2, 0, "sse3"},    {1, 2, 9, "ssse3"},   {1, 2, 19, "sse4.1"},
    {1, 2, 20, "sse4.2"},  {1, 2, 21, "x2apic"}, {1, 2, 23, "popcnt"}, {1, 2, 25, "aes"},
    {1, 2, 26, "xsave"},   {1, 2, 28, "avx"},    {1, 2, 30, "rdrand"}, {1, 2, 31, "hypervisor"},
    {7, 1, 0, "fsgsbase"}, {7, 1, 5, "avx2"},    {7, 1, 7, "smep"},    {7, 1, 20, "smap"},
    {7, 2, 2, "umip"},
};

static int run_cpuid(struct shell *shell, int argc, char **argv) {
    uint32_t registers[4];
    char text[49];
    if (!count_arguments(shell, argc, argv, 0, 0)) {
        return STATUS_USAGE;
    }
    cpu_id_read(0, registers);
    uint32_t highest = registers[0];
    memcpy(text, &registers[1], 4);
    memcpy(text + 4, &registers[3], 4);
    memcpy(text + 8, &registers[2], 4);
    text[12] = 0;
    print(shell, "vendor   %s\n", text);
    cpu_model(text);
    print(shell, "model    %s\n", text);
    print(shell, "features");
    for (size_t i = 0; i < sizeof(cpu_features) / sizeof(cpu_features[0]); i++) {
        const struct cpu_feature *feature = &cpu_features[i];
        if (feature->leaf <= highest) {
            cpu_id_read(feature->leaf, registers);
            if (registers[feature->word] >> feature->bit & 1) {
                print(shell, " %s", feature->name);
            }
        }
    }
    print(shell, "\n");
    struct cpu_info cpu;
    for (uint64_t i = 0; system_info_read(shell->system, INFO_CPU, i, &cpu, sizeof(cpu)) == OK;
         i++) {
        print(shell, "cpu %-4u apic %u, idle %s, %lu switches, %lu interrupts\n", cpu.id,
              cpu.apic_id, text_duration(text, cpu.idle_ns), (unsigned long)cpu.switches,
              (unsigned long)cpu.interrupts);
    }
    return 0;
}

static int run_interrupts(struct shell *shell, int argc, char **argv) {
    if (!count_arguments(shell, argc, argv, 0, 0)) {
        return STATUS_USAGE;
    }
    struct irq_info irq;
    status_t status;
    print(shell, "%6s %6s %10s  %s\n", "VECTOR", "GSI", "COUNT", "NAME");
    for (uint64_t i = 0;
         (status = system_info_read(shell->system, INFO_IRQ, i, &irq, sizeof(irq))) == OK; i++) {
        char gsi[16] = "msi";
        if (irq.gsi != UINT32_MAX) {
            format(gsi, sizeof(gsi), "%u", irq.gsi);
        }
        print(shell, "%6u %6s %10lu  %s\n", irq.vector, gsi, (unsigned long)irq.count, irq.name);
    }
    return status == E_NOT_FOUND ? 0 : fail_status(shell, "kernel", status);
}

/* ---- Calendar ----------------------------------------------------------------------------- */

/* Days since 1970-01-01 to a date (Hinnant, "chrono-compatible low-level date algorithms"). */
static void civil_date(uint64_t days, unsigned *year, unsigned *month, unsigned *day) {
    uint64_t z = days + 719468;
    uint64_t era = z / 146097;
    uint64_t doe = z - era * 146097;
    uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    uint64_t mp = (5 * doy + 2) / 153;
    *day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
    *month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
    *year = (unsigned)(yoe + era * 400 + (*month <= 2));
}

static int run_date(struct shell *shell, int argc, char **argv) {
    if (!count_arguments(shell, argc, argv, 0, 0)) {
        return STATUS_USAGE;
    }
    struct net_clock clock;
    bool network = shell->net != HANDLE_NONE && net_clock(shell->net, &clock) == OK;
    uint64_t seconds = (network ? clock.base_ns + time_now_ns() : time_wall_ns()) / NS_PER_S;
    if (seconds == 0) {
        return fail(shell, "this machine has no clock");
    }
    unsigned year, month, day;
    civil_date(seconds / 86400, &year, &month, &day);
    print(shell, "%04u-%02u-%02u %02u:%02u:%02u UTC\n", year, month, day,
          (unsigned)(seconds / 3600 % 24), (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60));
    return 0;
}

const struct command commands_system[] = {
    {"ps", run_ps, "", "Lists the tasks."},
    {"mem", run_mem, "", "Shows the memory of the machine."},
    {"uptime", run_uptime, "", "Shows the time since boot and what the kernel has done."},
    {"date", run_date, "", "Shows date and time."},
    {"version", run_version, "", "Shows the version of the system."},
    {"log", run_log, "[-n LINES] [WORD]", "Shows the kernel log: the last LINES that hold WORD."},
    {"lspci", run_lspci, "[-v]", "Lists the PCI devices and their drivers; -v with addresses."},
    {"cpuid", run_cpuid, "", "Shows vendor, model and features of the processor."},
    {"interrupts", run_interrupts, "", "Lists the interrupts and how often they came."},
    {NULL, NULL, NULL, NULL},
};
