/* SPDX-License-Identifier: MIT */
/* Operations on handles of any object. Spec: docs/spec/syscalls.md, Handles. */
#pragma once

#include <ipc/syscall.h>

struct handle_information {
    uint32_t type;   /* enum object_type */
    uint32_t rights; /* RIGHT_* */
    uint64_t id;     /* of the object, unique since boot */
};

/* Gives the handle up. Staged in an actor. Closing HANDLE_NONE does nothing. */
static inline status_t handle_close(handle_t handle) {
    return handle == HANDLE_NONE ? OK : (status_t)syscall_2(SYS_HANDLE_CLOSE, handle, 0);
}

/* A second handle with the rights that are also in `rights`. Needs RIGHT_COPY; E_NO_HANDLES. */
static inline MUST_CHECK status_t handle_copy(handle_t handle, uint32_t rights, handle_t *copy) {
    return syscall_handle(syscall_2(SYS_HANDLE_COPY, handle, rights), copy);
}

/* Makes every other handle to the object useless (E_REVOKED). Needs RIGHT_REVOKE. Staged. */
static inline status_t handle_revoke(handle_t handle) {
    return (status_t)syscall_2(SYS_HANDLE_REVOKE, handle, 0);
}

/* Type, rights and object of a handle; E_HANDLE when it names nothing. */
static inline status_t handle_info(handle_t handle, struct handle_information *information) {
    struct syscall_results results = syscall_results(SYS_HANDLE_INFO, handle, 0, 0, 0, 0);
    if (results.rax < 0) {
        return syscall_failure(results.rax);
    }
    *information =
        (struct handle_information){(uint32_t)results.rax, (uint32_t)results.rdi, results.rsi};
    return OK;
}

/* Puts a copy of `handle`, its rights masked, into `task` (RIGHT_MANAGE). *granted is the number it
 * has there, reserved at once; the handle itself comes at the commit. E_STATE: the task is dead. */
static inline MUST_CHECK status_t handle_grant(handle_t task, handle_t handle, uint32_t rights,
                                               handle_t *granted) {
    return syscall_handle(syscall_4(SYS_HANDLE_GRANT, task, handle, rights, 0), granted);
}
