/* SPDX-License-Identifier: MIT
 * Calls about the system, users (there is one: root) and limits.
 */
#include <common/string.h>
#include <ipc/object.h>
#include <ipc/random.h>
#include <ipc/time.h>

#include "file.h"
#include "memory.h"
#include "process.h"

int64_t call_zero(struct thread *thread, const uint64_t *a) {
    (void)thread;
    (void)a;
    return 0;
}

/* There is nobody but root to become. */
int64_t call_set_id(struct thread *thread, const uint64_t *a) {
    (void)thread;
    return (uint32_t)a[0] == 0 || (uint32_t)a[0] == UINT32_MAX ? 0 : -EPERM;
}

int64_t call_getgroups(struct thread *thread, const uint64_t *a) {
    (void)thread;
    return (int32_t)a[0] < 0 ? -EINVAL : 0;
}

int64_t call_getres_id(struct thread *thread, const uint64_t *a) {
    const uint32_t root = 0;
    (void)thread;
    for (uint32_t i = 0; i < 3; i++) {
        if (user_write(a[i], &root, sizeof root) != 0) {
            return -EFAULT;
        }
    }
    return 0;
}

int64_t call_uname(struct thread *thread, const uint64_t *a) {
    static const char *const names[6] = {"Linux",   "axolotl", "6.1.0",
                                         "Axolotl", "x86_64",  "(none)"};
    char text[6][65];
    (void)thread;
    memset(text, 0, sizeof text);
    for (uint32_t i = 0; i < 6; i++) {
        strlcpy(text[i], names[i], sizeof text[i]);
    }
    return user_write(a[0], text, sizeof text);
}

int64_t call_sysinfo(struct thread *thread, const uint64_t *a) {
    struct {
        int64_t uptime;
        uint64_t loads[3], total, free, shared, buffers, swap_total, swap_free;
        uint16_t processes, pad;
        uint32_t pad2;
        uint64_t high_total, high_free;
        uint32_t unit, pad3;
    } info;
    struct account_information account = {0};
    (void)thread;
    memset(&info, 0, sizeof info);
    (void)account_info(process.account, &account);
    info.uptime = (int64_t)(time_now_ns() / NS_PER_S);
    info.total = account.limit; /* what these programs may use */
    info.free = account.limit - account.used;
    info.processes = 1;
    info.unit = 1;
    return user_write(a[0], &info, sizeof info);
}

int64_t call_getrandom(struct thread *thread, const uint64_t *a) {
    uint8_t bytes[256];
    (void)thread;
    if ((a[2] & ~7ull) != 0) {
        return -EINVAL;
    }
    uint64_t length = a[1] < 0x1ffffff ? a[1] : 0x1ffffff;
    for (uint64_t done = 0; done < length; done += sizeof bytes) {
        uint64_t part = length - done < sizeof bytes ? length - done : sizeof bytes;
        random_fill(bytes, part);
        if (user_write(a[0] + done, bytes, part) != 0) {
            return done != 0 ? (int64_t)done : -EFAULT;
        }
    }
    return (int64_t)length;
}

static void limit_of(uint64_t what, uint64_t limit[2]) {
    limit[0] = limit[1] = ~0ull;
    if (what == 3) { /* RLIMIT_STACK */
        limit[0] = PROGRAM_STACK_LIMIT;
    } else if (what == 7) { /* RLIMIT_NOFILE */
        limit[0] = limit[1] = DESCRIPTORS;
    } else if (what == 4) { /* RLIMIT_CORE */
        limit[0] = 0;
    }
}

int64_t call_getrlimit(struct thread *thread, const uint64_t *a) {
    uint64_t limit[2];
    (void)thread;
    if (a[0] > 15) {
        return -EINVAL;
    }
    limit_of(a[0], limit);
    return user_write(a[1], limit, sizeof limit);
}

/* Limits are fixed: only what they are can be set. */
int64_t call_setrlimit(struct thread *thread, const uint64_t *a) {
    uint64_t limit[2];
    uint64_t wanted[2];
    (void)thread;
    if (a[0] > 15) {
        return -EINVAL;
    }
    if (user_read(wanted, a[1], sizeof wanted) != 0) {
        return -EFAULT;
    }
    limit_of(a[0], limit);
    return wanted[0] == limit[0] && wanted[1] == limit[1] ? 0 : -EPERM;
}

int64_t call_prlimit64(struct thread *thread, const uint64_t *a) {
    const uint64_t get[] = {a[1], a[3]};
    const uint64_t set[] = {a[1], a[2]};
    if (a[0] != 0 && (int32_t)a[0] != process.pid) {
        return -ESRCH;
    }
    int64_t result = a[3] != 0 ? call_getrlimit(thread, get) : a[1] > 15 ? -EINVAL : 0;
    return result == 0 && a[2] != 0 ? call_setrlimit(thread, set) : result;
}

int64_t call_sched_getaffinity(struct thread *thread, const uint64_t *a) {
    const struct clock_page *clock = (const struct clock_page *)CLOCK_PAGE_VA;
    uint64_t mask = clock->cpu_count >= 64 ? ~0ull : (1ull << clock->cpu_count) - 1;
    (void)thread;
    if (a[1] < 8 || (a[1] & 7) != 0) {
        return -EINVAL;
    }
    int64_t result = user_write(a[2], &mask, sizeof mask);
    return result != 0 ? result : 8;
}

int64_t call_prctl(struct thread *thread, const uint64_t *a) {
    char name[16] = {0};
    switch (a[0]) {
    case 15: { /* PR_SET_NAME */
        int64_t result = user_string(name, a[1], sizeof name);
        if (result == -EFAULT) {
            return result;
        }
        memcpy(process.name, name, sizeof name);
        if (thread == &first_thread) {
            (void)call_simple(process.proc, PROC_NAME, name, sizeof name, NULL, 0);
        }
        return 0;
    }
    case 16: /* PR_GET_NAME */
        return user_write(a[1], process.name, sizeof process.name);
    case 1: /* PR_SET_PDEATHSIG */
        return a[1] == 0 ? 0 : -EINVAL;
    default:
        return -EINVAL;
    }
}

int64_t call_getpriority(struct thread *thread, const uint64_t *a) {
    (void)thread;
    return a[0] > 2 ? -EINVAL : 20;
}

int64_t call_getcpu(struct thread *thread, const uint64_t *a) {
    const uint32_t zero = 0;
    (void)thread;
    return (a[0] != 0 && user_write(a[0], &zero, 4) != 0) ||
                   (a[1] != 0 && user_write(a[1], &zero, 4) != 0)
               ? -EFAULT
               : 0;
}
