/* SPDX-License-Identifier: MIT
 * From the boot loader's information to init's first instruction.
 */
#include <arch/boot.h>
#include <arch/hooks.h>
#include <arch/timer.h>
#include <common/string.h>
#include <debug.h>
#include <frame.h>
#include <sched.h>
#include <system.h>
#include <task.h>
#include <version.h>

#define INIT_PRIORITY 30
#define INIT_ARENA 0x80000ull /* beyond what the image itself wants, bytes */

/* Frames that no account is charged for. Every allocation is charged, so a few are enough. */
#define RESERVED_FRAMES 16

static void check(status_t status, const char *what) {
    if (status != OK) {
        panic("%s: status %d", what, status);
    }
}

/* The first word of a module's command line is its name. */
static void module_name(const struct boot_module_info *module, char name[STARTUP_NAME]) {
    size_t length = 0;
    while (length < STARTUP_NAME - 1 && module->command[length] != '\0' &&
           module->command[length] != ' ') {
        name[length] = module->command[length];
        length++;
    }
    name[length] = '\0';
}

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
    uint64_t tail = module->size % PAGE_SIZE;
    if (tail != 0) {
        memset((char *)phys_to_virt(module->start + module->size), 0, PAGE_SIZE - tail);
    }
    return memory;
}

static void adopt_modules(const struct boot_info *info) {
    for (uint32_t i = 0; i < info->module_count; i++) {
        const struct boot_module_info *module = &info->modules[i];
        for (uint64_t at = 0; module->start % PAGE_SIZE == 0 && at < module->size;
             at += PAGE_SIZE) {
            frame_adopt(module->start + at);
        }
    }
}

static void make_clock_page(void) {
    check(memory_create(account_root, PAGE_SIZE, MEMORY_ANONYMOUS, &clock_memory), "clock page");
    struct clock_page page = {
        .magic = CLOCK_PAGE_MAGIC,
        .tsc_base = clock.tsc_base,
        .mult = clock.mult,
        .tsc_hz = clock.tsc_hz,
        .wall_base = clock.wall_base,
        .cpu_count = cpu_count(),
    };
    check(memory_copy_in(clock_memory, 0, &page, sizeof(page)), "clock page");
}

/* ---- init ------------------------------------------------------------------------------------ */

static handle_t grant(struct task *task, struct object *object) {
    handle_t handle;
    check(handle_install(&task->handles, object, RIGHT_ALL, ENTRY_INITIAL, &handle),
          "init's handles");
    return handle;
}

static void name_handle(struct startup *startup, const char *name, handle_t handle) {
    if (startup->handle_count == STARTUP_HANDLES) {
        return;
    }
    struct startup_handle *slot = &startup->handles[startup->handle_count++];
    strlcpy(slot->name, name, sizeof(slot->name));
    slot->handle = handle;
}

static void map_page(struct task *task, uint64_t address, const void *content, size_t size) {
    struct memory *memory;
    check(memory_create(account_root, PAGE_SIZE, MEMORY_ANONYMOUS, &memory), "init's pages");
    check(memory_copy_in(memory, 0, content, size), "init's pages");
    check(mapping_create(task, memory, 0, address, PAGE_SIZE, PROT_READ,
                         MAPPING_INITIAL | MAP_POPULATE, NULL),
          "init's pages");
    object_put(&memory->object);
}

/* The two pages that tell init what it has; static for their size. */
static struct startup startup = {.magic = STARTUP_MAGIC, .name = "init"};
static struct boot_page boot_page = {.magic = BOOT_PAGE_MAGIC};

static void describe_boot(const struct boot_info *info, struct task *task, uint32_t init_index,
                          struct memory *init_file) {
    memcpy(boot_page.command_line, info->command_line, sizeof(boot_page.command_line));
    boot_page.rsdp = info->rsdp;
    memcpy(boot_page.rsdp_copy, info->rsdp_copy, sizeof(boot_page.rsdp_copy));
    boot_page.framebuffer = info->framebuffer;
    boot_page.uefi = info->uefi;
    boot_page.module_count = info->module_count;
    for (uint32_t i = 0; i < info->module_count; i++) {
        struct memory *memory = i == init_index ? init_file : module_memory(&info->modules[i]);
        struct boot_module *module = &boot_page.modules[i];
        module_name(&info->modules[i], module->name);
        module->size = info->modules[i].size;
        if (memory == NULL) {
            kernel_log("module %s is empty or misplaced", module->name);
            continue;
        }
        module->handle = grant(task, &memory->object);
        object_put(&memory->object);
    }
    map_page(task, BOOT_PAGE_VA, &boot_page, sizeof(boot_page));
}

static uint32_t find_init(const struct boot_info *info) {
    char name[STARTUP_NAME];
    for (uint32_t i = 0; i < info->module_count; i++) {
        module_name(&info->modules[i], name);
        if (strcmp(name, "init") == 0) {
            return i;
        }
    }
    panic("no boot module is named init");
}

static void start_init(const struct boot_info *info) {
    uint32_t index = find_init(info);
    struct memory *file = module_memory(&info->modules[index]);
    struct image *image;
    struct memory *arena;
    struct endpoint *endpoint;
    struct task *task;
    struct task_create parameters = {.priority = INIT_PRIORITY, .name = "init"};
    if (file == NULL) {
        panic("the boot module init is empty or misplaced");
    }
    check(image_create(account_root, file, info->modules[index].size, &image),
          "the boot module init is no program");
    check(arena_create(account_root, image->info.arena_minimum + INIT_ARENA, &arena),
          "init's arena");
    check(endpoint_create(account_root, &endpoint), "init's endpoint");
    check(task_create(&parameters, account_root, image, arena, &task), "init");
    task->priority_limit = PRIORITIES - 1;
    name_handle(&startup, "task", grant(task, &task->object));
    name_handle(&startup, "account", grant(task, &account_root->object));
    name_handle(&startup, "system", grant(task, system_object));
    name_handle(&startup, "log", grant(task, system_object));
    name_handle(&startup, "endpoint", grant(task, &endpoint->object));
    describe_boot(info, task, index, file);
    for (uint32_t i = 0; i < boot_page.module_count; i++) {
        name_handle(&startup, boot_page.modules[i].name, boot_page.modules[i].handle);
    }
    map_page(task, STARTUP_VA, &startup, sizeof(startup));
    object_put(&image->object);
    object_put(&arena->object);
    object_put(&endpoint->object);
    task_init = task;
    task_start(task);
}

void kernel_main(const struct boot_info *info) {
    sched_init(cpu_here());
    frame_init(info);
    adopt_modules(info);
    uint64_t frames = frame_total();
    account_init((frames - RESERVED_FRAMES) * PAGE_SIZE);
    arch_init_late();
    /* They wait for the lock and may get it late, while threads are already placed on them. */
    for (uint32_t id = 1; id < cpu_count(); id++) {
        sched_init(cpu_by_id(id));
    }
    system_init(info);
    make_clock_page();
    kernel_log("%s: %lu KiB of memory, %u CPU%s", AXOLOTL_VERSION,
               (unsigned long)(info->memory_total / 1024), cpu_count(),
               cpu_count() == 1 ? "" : "s");
    start_init(info);
    sched_exit();
}

void kernel_ap_main(void) {
    sched_exit();
}
