/* SPDX-License-Identifier: MIT
 * /proc: files whose text is made when they are opened. The text goes into a nameless file of its
 * own, so that reading it piece by piece gives one consistent picture and survives a restart.
 */
#pragma once
#include "tree.h"
#include <proto/init.h>
#include <stdarg.h>

enum proc_file {
    PROC_COUNTERS = 1,
    PROC_CPUINFO,
    PROC_INTERRUPTS,
    PROC_LOG,
    PROC_MEMINFO,
    PROC_MOUNTS,
    PROC_SERVICES, /* made by asking init, see services.c */
    PROC_TASKS,
    PROC_UPTIME,
    PROC_VERSION,
    PROC_STAT, /* numbers are kept by upgrades: new ones come last */
    PROC_LOADAVG,
    PROC_FILES,
};

/* Where the facts come from: system calls, or a test. As system_info_read, system_log_read. */
struct proc_source {
    status_t (*info)(uint32_t kind, uint64_t index, void *to, size_t size);
    int64_t (*log)(uint64_t *position, void *to, size_t size);
};

/* Makes the nodes of /proc in `mount`. */
MUST_CHECK status_t proc_populate(struct vfs *vfs, uint32_t mount);

/* A new nameless file with the text of `file`; the caller opens it or releases it. E_NO_SPACE. */
MUST_CHECK status_t proc_make(struct vfs *vfs, uint32_t mount, enum proc_file file,
                              const struct proc_source *source, uint32_t *node);

/* /proc/services is made line by line. */
MUST_CHECK status_t proc_services_begin(struct vfs *vfs, uint32_t mount, uint32_t *node);
MUST_CHECK status_t proc_services_line(struct vfs *vfs, uint32_t node,
                                       const struct init_info_reply *service);
