/* SPDX-License-Identifier: MIT */
/* Memory for the life of the task. */
#include <ipc/memory.h>

#include <ipc/handle.h>
#include <ipc/startup.h>

status_t memory_map_new(uint64_t address, uint64_t size, uint32_t flags) {
    handle_t memory;
    status_t status = memory_create(startup_handle("account"), size, &memory);
    if (status != OK) {
        return status;
    }
    status = memory_map(TASK_SELF, memory, 0, address, PAGE_ROUND_UP(size),
                        PROT_READ | PROT_WRITE | flags);
    handle_close(memory);
    return status;
}
