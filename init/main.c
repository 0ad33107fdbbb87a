/* SPDX-License-Identifier: MIT */
/*
 * init: starts the services that the manifest names and keeps them running. One service is started
 * a turn, so that a turn stays short and a restart of init goes on where it was.
 */
#include "init.h"

#include <common/string.h>

#include <ipc/actor.h>
#include <ipc/log.h>
#include <ipc/memory.h>
#include <ipc/object.h>
#include <ipc/startup.h>
#include <ipc/status.h>
#include <ipc/time.h>

#include "ustar.h"

ACTOR_IMAGE("init", 0, 1, PROTOCOL("init", INIT_PROTOCOL_VERSION));

ARENA struct init init;

enum { MANIFEST_SIZE = 16384 };

const struct boot_page *boot_page(void) {
    return (const struct boot_page *)BOOT_PAGE_VA;
}

const struct boot_module *boot_module_find(const char *name) {
    const struct boot_page *page = boot_page();
    for (uint32_t i = 0; i < page->module_count && i < BOOT_MODULES; i++) {
        if (strncmp(page->modules[i].name, name, STARTUP_NAME) == 0) {
            return &page->modules[i];
        }
    }
    return NULL;
}

/* ---- Manifest ----------------------------------------------------------------------------- */

/* What runs when the boot archive has no manifest. */
static const char rescue_manifest[] = "service console\n"
                                      "protocol tty/1\n"
                                      "priority 24\n"
                                      "memory 4M\n"
                                      "system as log log info\n"
                                      "ioport 0x3f8 8 as com1\n"
                                      "irq 4 as com1-irq\n"
                                      "ioport 0x60 5 as i8042\n"
                                      "irq 1 as i8042-irq\n"
                                      "ioport 0x3c0 32 as vga\n"
                                      "physical 0xb8000 32K as vga-text\n"
                                      "framebuffer\n"
                                      "boot\n"
                                      "service shell\n"
                                      "kind program\n"
                                      "memory 1M\n"
                                      "system info\n"
                                      "use console as tty\n"
                                      "use init operator\n";

static status_t read_archive(void *context, uint64_t offset, void *to, size_t size) {
    return memory_read(*(const handle_t *)context, offset, to, size);
}

static void report_error(void *context, uint32_t line, const char *text) {
    log_line("%s:%u: %s", (const char *)context, line, text);
}

/* Reads `name` from the boot archive; the number of bytes or a status. */
static int64_t read_manifest(const char *name, char *text, size_t size) {
    const struct boot_module *module = boot_module_find("boot.tar");
    uint64_t offset, length;
    if (module == NULL || module->handle == HANDLE_NONE) {
        return E_UNAVAILABLE;
    }
    handle_t archive = module->handle;
    status_t status = ustar_find(read_archive, &archive, module->size, name, &offset, &length);
    if (status != OK) {
        return status;
    }
    if (length > size) {
        return E_RANGE;
    }
    status = memory_read(archive, offset, text, length);
    return status != OK ? status : (int64_t)length;
}

/* Value of the word `key=value` on the kernel's command line; its length, 0: not there. */
static size_t command_option(const char *key, const char **value) {
    const char *at = boot_page()->command_line;
    const char *end = at + strnlen(at, BOOT_COMMAND_LINE);
    size_t key_length = strlen(key);
    while (at < end) {
        const char *word = at;
        while (at < end && *at != ' ') {
            at++;
        }
        size_t length = (size_t)(at - word);
        if (length > key_length + 1 && strncmp(word, key, key_length) == 0 &&
            word[key_length] == '=') {
            *value = word + key_length + 1;
            return length - key_length - 1;
        }
        at += at < end;
    }
    return 0;
}

static void load_manifest(void) {
    static char text[MANIFEST_SIZE];
    char name[64] = "manifest";
    const char *value;
    size_t length = command_option("manifest", &value);
    if (length != 0 && length < sizeof name) {
        memcpy(name, value, length);
        name[length] = '\0';
    }
    int64_t size = read_manifest(name, text, sizeof text);
    if (size < 0) {
        log_line("%s: %s; starting console and shell only", name,
                 size == E_UNAVAILABLE ? "boot.tar is missing"
                 : size == E_NOT_FOUND ? "not found in boot.tar"
                 : size == E_RANGE     ? "too long"
                                       : "malformed in boot.tar");
    } else {
        manifest_parse(text, (size_t)size, &init.manifest, report_error, name);
        if (init.manifest.service_count != 0) {
            return;
        }
        log_line("%s: no service; starting console and shell only", name);
    }
    manifest_parse(rescue_manifest, sizeof rescue_manifest - 1, &init.manifest, report_error, name);
}

/* Takes the services out that the word without=NAME,NAME of the command line lists. */
static void leave_out(void) {
    const char *value = NULL;
    size_t length = command_option("without", &value);
    const char *end = value + length;
    while (length != 0 && value < end) {
        const char *name = value;
        while (value < end && *value != ',') {
            value++;
        }
        size_t size = (size_t)(value - name);
        for (uint32_t i = 0; i < init.manifest.service_count; i++) {
            struct manifest_service *service = &init.manifest.services[i];
            if (strlen(service->name) == size && strncmp(service->name, name, size) == 0) {
                service->program[0] = '\0'; /* the name of no module */
                service->optional = 1;
            }
        }
        value++;
    }
}

/* ---- Events ------------------------------------------------------------------------------- */

static status_t create(void) {
    status_t status = timer_create(init.account, init.notification, INIT_BIT_TIMER, &init.timer);
    if (status != OK) {
        return status;
    }
    load_manifest();
    leave_out();
    services_prepare();
    state_seal();
    return OK;
}

static void start(void) {
    init.started_ns = time_now_ns();
    if (actor_incarnation() != init.dying_incarnation) {
        struct task_info information = {.exit_code = 0};
        (void)task_info(init.task, &information);
        bool look = information.exit_code == EXIT_SECOND_LOOK;
        strlcpy(init.reason, look ? "a second look at a call" : "crashed; the log has more",
                sizeof init.reason);
        init.died_ns = 0;
    }
    if (actor_incarnation() != 0) {
        log_line("service init: %s; restart %lu", init.reason, actor_incarnation());
    }
    if (init.next_start < init.service_count) {
        actor_set_mask(RECEIVE_ALL | RECEIVE_POLL);
    }
    supervise_tick();
}

static void start_next(void) {
    if (!clock_step()) {
        return;
    }
    if (init.next_start < init.service_count) {
        struct service *service = &init.services[init.next_start++];
        if (service->config->manual == 0) {
            service_start(service);
        }
    }
    if (init.next_start == init.service_count) {
        actor_set_mask(RECEIVE_ALL);
    }
}

/* An operator killed init: die here, in a turn of its own. The next incarnation lives. */
static void die_if_told(void) {
    if (init.dying_incarnation == actor_incarnation() + 1) {
        __builtin_trap();
    }
}

static void call_event(struct event *event) {
    die_if_told();
    if ((event->badge & BADGE_ROOT) != 0) {
        control_call(event);
    } else {
        supervise_call(event);
    }
    if (supervise_late()) {
        supervise_tick();
    }
}

static void notify_event(struct event *event) {
    die_if_told();
    if ((event->bits & INIT_BIT_STEP) != 0) {
        upgrade_step();
    }
    if ((event->bits & INIT_BIT_TIMER) != 0) {
        supervise_tick();
    }
}

int main(void) {
    static const struct actor actor = {
        .create = create,
        .start = start,
        .call = call_event,
        .notify = notify_event,
        .idle = start_next,
        .check = state_check,
    };
    init.task = startup_handle("task");
    init.account = startup_handle("account");
    init.system = startup_handle("system");
    init.endpoint = startup_handle("endpoint");
    if (init.notification == HANDLE_NONE &&
        notification_create(init.account, &init.notification) != OK) {
        actor_abort("no notification");
    }
    if (actor_bind(init.endpoint, init.notification) != OK) {
        actor_abort("can't bind");
    }
    actor_loop(&actor);
}
