/* SPDX-License-Identifier: MIT
 * From the boot loader's information to init's first instruction.
 */
#include <arch/hooks.h>
#include <arch/timer.h>
#include <common/string.h>
#include <debug.h>
#include <sched.h>
#include <system.h>

#define INIT_PRIORITY 30
#define INIT_ARENA 0x80000ull /* beyond what the image itself wants, bytes */

/* Frames that no account is charged for. Every allocation is charged, so a few are enough. */
#define RESERVED_FRAMES 16

static void check(status_t status, const char *what) {
    if (status != OK) {
        panic("%s: status %d", what, status);
    }
}

/* A page of the kernel's, with content. */
static struct memory *make_page(void *content, size_t size) {
    struct memory *memory;
    check(memory_create(account_root, PAGE_SIZE, MEMORY_ANONYMOUS, &memory), "a page");
    check(memory_copy(memory, 0, content, size, true, false), "a page");
    return memory;
}

static void make_clock_page(void) {
    struct clock_page page = {
        .magic = CLOCK_PAGE_MAGIC,
        .tsc_base = clock.tsc_base,
        .mult = clock.mult,
        .tsc_hz = clock.tsc_hz,
        .cpu_count = cpu_count,
    };
    clock_memory = make_page(&page, sizeof(page));
}

/* ---- boot modules ---------------------------------------------------------------------------- */

/* The two pages that tell init what it has; static for their size. */
static struct startup startup = {.magic = STARTUP_MAGIC, .name = "init"};
static struct boot_page boot_page = {.magic = BOOT_PAGE_MAGIC};
static struct memory *modules[BOOT_MODULES]; /* NULL: empty or misplaced */

/* A memory object over the frames that the loader put the module in, without copying. */
static struct memory *module_memory(const struct boot_module_info *module) {
    struct memory *memory;
    if (module->size == 0 || module->start % PAGE_SIZE != 0 ||
        memory_create(account_root, module->size, MEMORY_ANONYMOUS, &memory) != OK) {
        return NULL;
    }
    for (uint64_t at = 0; at < module->size; at += PAGE_SIZE) {
        check(account_charge(account_root, PAGE_SIZE), "boot module");
        check(memory_page_reserve(memory, at / PAGE_SIZE), "boot module");
        memory_page_set(memory, at / PAGE_SIZE, module->start + at);
    }
    char *end = phys_to_virt(module->start + module->size);
    memset(end, 0, memory->size - module->size);
    return memory;
}

/* The index of init's. */
static uint32_t take_modules(const struct boot_info *info) {
    uint32_t init = BOOT_MODULES;
    boot_page.module_count = info->module_count;
    for (uint32_t i = 0; i < info->module_count; i++) {
        /* The first word of a module's command line is its name. */
        const char *command = info->modules[i].command, *space = strchr(command, ' ');
        size_t length = space == NULL ? strlen(command) : (size_t)(space - command);
        struct boot_module *module = &boot_page.modules[i];
        memcpy(module->name, command, length < STARTUP_NAME ? length : STARTUP_NAME - 1);
        module->size = info->modules[i].size;
        modules[i] = module_memory(&info->modules[i]);
        if (modules[i] == NULL) {
            kernel_log("module %s is empty or misplaced", module->name);
        } else if (init == BOOT_MODULES && strcmp(module->name, "init") == 0) {
            init = i;
        }
    }
    if (init == BOOT_MODULES) {
        panic("no boot module is named init");
    }
    return init;
}

/* ---- init ------------------------------------------------------------------------------------ */

/* A handle that init finds under this name. */
static handle_t grant(struct task *task, const char *name, struct object *object) {
    struct startup_handle *slot = &startup.handles[startup.handle_count];
    handle_t handle;
    check(handle_install(&task->handles, object, RIGHT_ALL, ENTRY_INITIAL, &handle),
          "init's handles");
    if (startup.handle_count < STARTUP_HANDLES) {
        strlcpy(slot->name, name, sizeof(slot->name));
        slot->handle = handle;
        startup.handle_count++;
    }
    return handle;
}

static void map_page(struct task *task, uint64_t address, void *content, size_t size) {
    struct memory *memory = make_page(content, size);
    check(mapping_create(task, memory, 0, address, PAGE_SIZE, PROT_READ,
                         MAPPING_INITIAL | MAP_POPULATE),
          "init's pages");
    object_put(&memory->object);
}

static void describe_boot(const struct boot_info *info, struct task *task) {
    memcpy(boot_page.command_line, info->command_line, sizeof(boot_page.command_line));
    boot_page.rsdp = info->rsdp;
    memcpy(boot_page.rsdp_copy, info->rsdp_copy, sizeof(boot_page.rsdp_copy));
    boot_page.framebuffer = info->framebuffer;
    boot_page.uefi = info->uefi;
    for (uint32_t i = 0; i < boot_page.module_count; i++) {
        struct boot_module *module = &boot_page.modules[i];
        if (modules[i] != NULL) {
            module->handle = grant(task, module->name, &modules[i]->object);
            object_put(&modules[i]->object);
        }
    }
    map_page(task, BOOT_PAGE_VA, &boot_page, sizeof(boot_page));
}

static void start_init(const struct boot_info *info) {
    uint32_t index = take_modules(info);
    struct image *image;
    struct memory *arena;
    struct endpoint *endpoint;
    struct task *task;
    struct task_create parameters = {.priority = INIT_PRIORITY, .name = "init"};
    check(image_create(account_root, modules[index], boot_page.modules[index].size, &image),
          "the boot module init is no program");
    check(arena_create(account_root, image->info.arena_minimum + INIT_ARENA, &arena),
          "init's arena");
    check(endpoint_create(account_root, &endpoint), "init's endpoint");
    check(task_create(&parameters, account_root, image, arena, &task), "init");
    task->priority_limit = PRIORITIES - 1;
    grant(task, "task", &task->object);
    grant(task, "account", &account_root->object);
    grant(task, "system", system_object);
    grant(task, "log", system_object);
    grant(task, "clock", &clock_memory->object);
    grant(task, "endpoint", &endpoint->object);
    describe_boot(info, task);
    map_page(task, STARTUP_VA, &startup, sizeof(startup));
    object_put(&image->object);
    object_put(&arena->object);
    object_put(&endpoint->object);
    task_init = task;
    task_start(task);
}

void kernel_main(const struct boot_info *info) {
    sched_init(cpu_here());
    account_init((frame_init(info) - RESERVED_FRAMES) * PAGE_SIZE);
    arch_init_late();
    /* They wait for the lock and may get it late, while threads are already placed on them. */
    for (uint32_t id = 1; id < cpu_count; id++) {
        sched_init(cpu_table[id]);
    }
    system_init(info);
    make_clock_page();
    kernel_log("%s: %lu KiB of memory, %u CPU%s", AXOLOTL_VERSION,
               (unsigned long)(info->memory_total / 1024), cpu_count, cpu_count == 1 ? "" : "s");
    start_init(info);
    sched_exit();
}
