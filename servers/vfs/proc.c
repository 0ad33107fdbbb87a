/* SPDX-License-Identifier: MIT
 * The text of /proc. Sizes in kB are of 1024 bytes; times of CPUs and tasks in ms.
 */
#include "proc.h"
#include <common/format.h>
#include <common/string.h>
#include <ipc/cpu.h>

#define NS_PER_MS 1000000u
#define NS_PER_CENTISECOND 10000000u

/* Collects text and appends it to a file. */
struct sink {
    struct vfs *vfs;
    struct node *node;
    status_t status; /* the first error; nothing is written after it */
};

static status_t copy_from(void *context, uint64_t offset, void *bytes, size_t length) {
    memcpy(bytes, (const char *)context + offset, length);
    return OK;
}

static void sink_write(struct sink *sink, char *text, size_t length) {
    struct transfer transfer = {copy_from, text};
    size_t done = length;
    if (sink->status != OK || length == 0) {
        return;
    }
    sink->status = file_contents_write(sink->vfs, sink->node, sink->node->size, &done, &transfer);
    if (sink->status == OK && done < length) {
        sink->status = E_NO_SPACE;
    }
}

__attribute__((format(printf, 2, 3))) static void sink_text(struct sink *sink, const char *text,
                                                            ...) {
    char line[384];
    va_list arguments;
    va_start(arguments, text);
    size_t length = format_v(line, sizeof line, text, arguments);
    va_end(arguments);
    sink_write(sink, line, length < sizeof line ? length : sizeof line - 1);
}

static uint64_t kilobytes(uint64_t bytes) {
    return bytes / 1024;
}

static void make_counters(struct sink *sink, const struct proc_source *source) {
    struct system_info info;
    if (source->info(INFO_SYSTEM, 0, &info, sizeof info) != OK) {
        return;
    }
    sink_text(sink, "calls %lu\ncommits %lu\ndirty_pages %lu\nswitches %lu\n", info.calls,
              info.commits, info.dirty_pages, info.switches);
    sink_text(sink, "interrupts %lu\nfaults %lu\nresets %lu\nunknown_calls %lu\n", info.irqs,
              info.faults, info.resets, info.unknown_calls);
    const struct pool *pool = &sink->vfs->pool;
    sink_text(sink, "files %u\nopen_files %u\n", pool->used[POOL_NODE], pool->used[POOL_SESSION]);
}

static void make_cpuinfo(struct sink *sink, const struct proc_source *source) {
    struct cpu_info cpu;
    char model[49];
    cpu_model(model);
    for (uint64_t i = 0; source->info(INFO_CPU, i, &cpu, sizeof cpu) == OK; i++) {
        sink_text(sink, "processor\t: %u\napicid\t\t: %u\nmodel name\t: %s\n", cpu.id, cpu.apic_id,
                  model);
        sink_text(sink, "idle ms\t\t: %lu\nswitches\t: %lu\nipis\t\t: %lu\ninterrupts\t: %lu\n\n",
                  cpu.idle_ns / NS_PER_MS, cpu.switches, cpu.ipis, cpu.interrupts);
    }
}

static void make_interrupts(struct sink *sink, const struct proc_source *source) {
    struct irq_info irq;
    sink_text(sink, "VECTOR    GSI      COUNT NAME\n");
    for (uint64_t i = 0; source->info(INFO_IRQ, i, &irq, sizeof irq) == OK; i++) {
        char gsi[12] = "MSI";
        if (irq.gsi != UINT32_MAX) {
            format(gsi, sizeof gsi, "%u", irq.gsi);
        }
        sink_text(sink, "  0x%02x %6s %10lu %.16s\n", irq.vector, gsi, irq.count, irq.name);
    }
}

/* Tasks whose first thread runs or could, and all of them. */
static uint64_t count_tasks(const struct proc_source *source, uint64_t *all) {
    struct task_info task;
    uint64_t running = 0;
    for (*all = 0; source->info(INFO_TASK, *all, &task, sizeof task) == OK; (*all)++) {
        running += task.main_state == THREAD_READY || task.main_state == THREAD_RUNNING;
    }
    return running;
}

/* Nobody keeps averages: as in Linux's text, with 0 for what is not known. */
static void make_loadavg(struct sink *sink, const struct proc_source *source) {
    uint64_t all;
    uint64_t running = count_tasks(source, &all);
    sink_text(sink, "0.00 0.00 0.00 %lu/%lu 0\n", running, all);
}

static void make_log(struct sink *sink, const struct proc_source *source) {
    char text[1024];
    uint64_t position = 0;
    int64_t length;
    while ((length = source->log(&position, text, sizeof text)) > 0 && sink->status == OK) {
        sink_write(sink, text, (size_t)length);
        position += (uint64_t)length;
    }
}

static void make_meminfo(struct sink *sink, const struct proc_source *source) {
    struct system_info info;
    if (source->info(INFO_SYSTEM, 0, &info, sizeof info) != OK) {
        return;
    }
    sink_text(sink, "MemTotal:   %10lu kB\nMemFree:    %10lu kB\n", kilobytes(info.memory_total),
              kilobytes(info.memory_free));
    sink_text(sink, "MemUsed:    %10lu kB\nMemKernel:  %10lu kB\n",
              kilobytes(info.memory_total - info.memory_free), kilobytes(info.memory_kernel));
    const struct store *store = &sink->vfs->store;
    uint64_t blocks = (uint64_t)store->chunks * CHUNK_BLOCKS;
    sink_text(sink, "FileBlocks: %10lu kB\nFileUsed:   %10lu kB\n", kilobytes(blocks * BLOCK_SIZE),
              kilobytes((blocks - store->free) * BLOCK_SIZE));
}

static void make_mounts(struct sink *sink) {
    for (uint32_t i = 0; i < sink->vfs->mount_count; i++) {
        const struct mount *mount = &sink->vfs->mounts[i];
        sink_text(sink, "%s %s %s %s 0 0\n", mount->kind, mount->path, mount->kind,
                  (mount->flags & MOUNT_READ_ONLY) != 0 ? "ro" : "rw");
    }
    for (uint32_t i = 0; i < VFS_REMOTES; i++) {
        if (sink->vfs->remotes[i].path[0] != '\0') {
            sink_text(sink, "server %s server rw 0 0\n", sink->vfs->remotes[i].path);
        }
    }
}

/* A line of CPU times as Linux has them; what is not idle counts as the programs' own. */
static void stat_cpu(struct sink *sink, const char *name, uint64_t busy, uint64_t idle) {
    sink_text(sink, "%s %lu 0 0 %lu 0 0 0 0 0 0\n", name, busy / NS_PER_CENTISECOND,
              idle / NS_PER_CENTISECOND);
}

static void make_stat(struct sink *sink, const struct proc_source *source) {
    struct system_info info = {0};
    struct cpu_info cpu;
    uint64_t now = vfs_time();
    uint64_t idle = 0;
    uint64_t busy = 0;
    uint64_t all;
    for (uint64_t i = 0; source->info(INFO_CPU, i, &cpu, sizeof cpu) == OK; i++) {
        idle += cpu.idle_ns;
        busy += now > cpu.idle_ns ? now - cpu.idle_ns : 0;
    }
    stat_cpu(sink, "cpu ", busy, idle);
    for (uint64_t i = 0; source->info(INFO_CPU, i, &cpu, sizeof cpu) == OK; i++) {
        char name[16];
        format(name, sizeof name, "cpu%u", cpu.id);
        stat_cpu(sink, name, now > cpu.idle_ns ? now - cpu.idle_ns : 0, cpu.idle_ns);
    }
    if (source->info(INFO_SYSTEM, 0, &info, sizeof info) == OK) {
        sink_text(sink, "intr %lu\nctxt %lu\n", info.irqs, info.switches);
    }
    sink_text(sink, "procs_running %lu\nprocs_blocked 0\n", count_tasks(source, &all));
}

static void make_tasks(struct sink *sink, const struct proc_source *source) {
    static const char *const names[] = {
        [THREAD_NEW] = "new",           [THREAD_READY] = "ready",
        [THREAD_RUNNING] = "running",   [THREAD_CALLING] = "calling",
        [THREAD_RECEIVING] = "receive", [THREAD_WAITING] = "waiting",
        [THREAD_SLEEPING] = "sleeping", [THREAD_FAULTED] = "faulted",
        [THREAD_DEAD] = "dead",         [THREAD_PAGING] = "paging",
    };
    struct task_info task;
    sink_text(sink, "  ID STATE    PRIO THREADS   CPU_MS  COMMITS   RESETS MEMORY_KB NAME\n");
    for (uint64_t i = 0; source->info(INFO_TASK, i, &task, sizeof task) == OK; i++) {
        bool known = task.main_state < sizeof names / sizeof names[0];
        sink_text(sink, "%4lu %-8s %4u %7u %8lu %8lu %8u %9lu %.24s\n", task.id,
                  known ? names[task.main_state] : "?", task.priority, task.threads,
                  task.cpu_ns / NS_PER_MS, task.commits, task.incarnation, kilobytes(task.memory),
                  task.name);
    }
}

static void make_uptime(struct sink *sink, const struct proc_source *source) {
    uint64_t now = vfs_time() / NS_PER_CENTISECOND;
    uint64_t idle = 0;
    struct cpu_info cpu;
    for (uint64_t i = 0; source->info(INFO_CPU, i, &cpu, sizeof cpu) == OK; i++) {
        idle += cpu.idle_ns / NS_PER_CENTISECOND;
    }
    sink_text(sink, "%lu.%02lu %lu.%02lu\n", now / 100, now % 100, idle / 100, idle % 100);
}

static void make_version(struct sink *sink, const struct proc_source *source) {
    struct system_info info;
    if (source->info(INFO_SYSTEM, 0, &info, sizeof info) == OK) {
        sink_text(sink, "%.32s %.64s\n", info.version, info.build);
    }
}

static void make_text(struct sink *sink, enum proc_file file, const struct proc_source *source) {
    switch (file) {
    case PROC_COUNTERS:
        make_counters(sink, source);
        break;
    case PROC_CPUINFO:
        make_cpuinfo(sink, source);
        break;
    case PROC_INTERRUPTS:
        make_interrupts(sink, source);
        break;
    case PROC_LOADAVG:
        make_loadavg(sink, source);
        break;
    case PROC_LOG:
        make_log(sink, source);
        break;
    case PROC_MEMINFO:
        make_meminfo(sink, source);
        break;
    case PROC_MOUNTS:
        make_mounts(sink);
        break;
    case PROC_STAT:
        make_stat(sink, source);
        break;
    case PROC_TASKS:
        make_tasks(sink, source);
        break;
    case PROC_UPTIME:
        make_uptime(sink, source);
        break;
    case PROC_VERSION:
        make_version(sink, source);
        break;
    case PROC_SERVICES:
    case PROC_FILES:
        break;
    }
}

status_t proc_populate(struct vfs *vfs, uint32_t mount) {
    static const char *const names[PROC_FILES] = {
        [PROC_COUNTERS] = "counters",
        [PROC_CPUINFO] = "cpuinfo",
        [PROC_INTERRUPTS] = "interrupts",
        [PROC_LOADAVG] = "loadavg",
        [PROC_LOG] = "log",
        [PROC_MEMINFO] = "meminfo",
        [PROC_MOUNTS] = "mounts",
        [PROC_SERVICES] = "services",
        [PROC_STAT] = "stat",
        [PROC_TASKS] = "tasks",
        [PROC_UPTIME] = "uptime",
        [PROC_VERSION] = "version",
    };
    for (uint32_t file = PROC_COUNTERS; file < PROC_FILES; file++) {
        struct place place = {.directory = vfs->mounts[mount].root,
                              .name = names[file],
                              .length = strlen(names[file])};
        uint32_t id;
        status_t status = tree_create(vfs, &place, NODE_PROC, &id);
        if (status != OK) {
            return status;
        }
        node_get(vfs, id)->object = file;
    }
    return OK;
}

status_t proc_make(struct vfs *vfs, uint32_t mount, enum proc_file file,
                   const struct proc_source *source, uint32_t *id) {
    status_t status = node_create(vfs, NODE_FILE, mount, id);
    if (status != OK) {
        return status;
    }
    struct sink sink = {vfs, node_get(vfs, *id), OK};
    make_text(&sink, file, source);
    if (sink.status != OK) {
        node_release(vfs, *id);
    }
    return sink.status;
}

status_t proc_services_begin(struct vfs *vfs, uint32_t mount, uint32_t *id) {
    status_t status = node_create(vfs, NODE_FILE, mount, id);
    if (status != OK) {
        return status;
    }
    struct sink sink = {vfs, node_get(vfs, *id), OK};
    sink_text(&sink,
              "NAME         STATE    GEN RESTARTS CRASHES  UP_MS MEMORY_KB LIMIT_KB REASON\n");
    if (sink.status != OK) {
        node_release(vfs, *id);
    }
    return sink.status;
}

status_t proc_services_line(struct vfs *vfs, uint32_t id, const struct init_info_reply *service) {
    static const char *const names[] = {
        [SERVICE_MISSING] = "missing",
        [SERVICE_RUNNING] = "running",
        [SERVICE_BACKOFF] = "backoff",
        [SERVICE_STOPPED] = "stopped",
    };
    struct sink sink = {vfs, node_get(vfs, id), OK};
    bool known = service->state < sizeof names / sizeof names[0];
    uint64_t up = vfs_time() - service->started_ns;
    sink_text(&sink, "%-12.24s %-8s %3u %8u %7u %6lu %9lu %8lu %.96s\n", service->name,
              known ? names[service->state] : "?", service->generation, service->restarts,
              service->crashes, service->state == SERVICE_RUNNING ? up / NS_PER_MS : 0,
              kilobytes(service->memory), kilobytes(service->memory_limit), service->reason);
    return sink.status;
}
