/* SPDX-License-Identifier: MIT
 * The contract between kernel and user: numbers, register layout, structures, fixed addresses.
 * Included by C only; NASM sees the few constants it needs through generated offsets.
 * The meaning of every system call stands in docs/spec/syscalls.md.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef int32_t status_t;
typedef uint32_t handle_t; /* bits 0-15 slot, 16-30 generation; 0 is never a handle */
typedef uint64_t token_t;  /* bits 0-31 slot of the call, 32-63 its sequence number; 0: none */

#define STATUS(name, value, text) name = (value),
enum status {
#include <axolotl/status.def>
};
#undef STATUS

#define HANDLE_NONE ((handle_t)0)
#define TOKEN_NONE ((token_t)0)

/* ---- System calls ------------------------------------------------------------------------ */

#define SYSCALL_NATIVE 0x80000000u /* rax bit 31: a native call; without it a foreign one */

#define SYSCALL(number, NAME, name, class, handles) SYS_##NAME = (number),
enum syscall {
#include <axolotl/syscall.def>
    SYS_COUNT = 99,
};

/* ---- Message tags ------------------------------------------------------------------------
 * Register rsi of every message. Register words 0-5 travel in rdx r10 r8 r9 r12 r13; words 6-63,
 * leases and handles lie in the thread's message buffer.
 */
#define TAG_SUM_SHIFT 16 /* bits 16-31: the sender's, which the kernel carries; 0: none */
#define TAG_SUM_MASK 0xffffull
#define TAG_WORDS_SHIFT 32
#define TAG_WORDS_MASK 0x7full
#define TAG_LEASES_SHIFT 39
#define TAG_LEASES_MASK 0x7ull
#define TAG_HANDLES_SHIFT 42
#define TAG_HANDLES_MASK 0x7ull
#define TAG_TIMEOUT (1ull << 48) /* SYS_CALL: message_buffer.deadline holds an absolute time */
#define TAG_FLAGS_MASK TAG_TIMEOUT

#define TAG(label, words, leases, handles)                                                         \
    ((uint64_t)(uint16_t)(label) | ((uint64_t)(words) << TAG_WORDS_SHIFT) |                        \
     ((uint64_t)(leases) << TAG_LEASES_SHIFT) | ((uint64_t)(handles) << TAG_HANDLES_SHIFT))
#define TAG_LABEL(tag) ((uint32_t)((((tag)&0xffff) ^ 0x8000) - 0x8000)) /* bit 15 is the sign */
#define TAG_SUM(tag) ((uint32_t)(((tag) >> TAG_SUM_SHIFT) & TAG_SUM_MASK))
#define TAG_WORDS(tag) ((uint32_t)(((tag) >> TAG_WORDS_SHIFT) & TAG_WORDS_MASK))
#define TAG_LEASES(tag) ((uint32_t)(((tag) >> TAG_LEASES_SHIFT) & TAG_LEASES_MASK))
#define TAG_HANDLES(tag) ((uint32_t)(((tag) >> TAG_HANDLES_SHIFT) & TAG_HANDLES_MASK))

#define MESSAGE_WORDS 64
#define MESSAGE_REGISTER_WORDS 6
#define MESSAGE_LEASES 4
#define MESSAGE_HANDLES 4

#define LEASE_READ 1u  /* the server may read the bytes */
#define LEASE_WRITE 2u /* the server may write the bytes; undefined content until the answer */

struct lease {
    uint64_t address; /* in the caller's address space */
    uint64_t length;  /* bytes */
    uint32_t access;  /* LEASE_READ | LEASE_WRITE */
    uint32_t reserved;
};
_Static_assert(sizeof(struct lease) == 24, "ABI");

#define HANDLE_MOVE 0x80000000u /* in handle_slot.rights: the sender's handle goes away */

struct handle_slot {
    handle_t handle;
    uint32_t rights; /* sending: mask applied to the rights, | HANDLE_MOVE; received: the rights */
};

/* One per thread, at an address that the thread's creator chose (main thread: MESSAGE_BUFFER_VA).
 */
struct message_buffer {
    uint64_t words[MESSAGE_WORDS]; /* words 0-5 are unused: they travel in registers */
    struct lease leases[MESSAGE_LEASES];
    struct handle_slot handles[MESSAGE_HANDLES];
    uint64_t deadline; /* SYS_CALL with TAG_TIMEOUT: absolute time in ns */
    uint64_t reserved[7];
};
_Static_assert(sizeof(struct message_buffer) == 704, "ABI");

/* ---- Events: what SYS_COMMIT_RECEIVE returns in rax -------------------------------------- */

enum event_kind {
    EVENT_NONE = 0,   /* nothing within the mask, EVENT_POLL was given */
    EVENT_CANCEL = 1, /* r14 token: the caller wants its call back */
    EVENT_CLOSED = 2, /* rdi badge: the last handle of the session is gone */
    EVENT_REPLY = 3,  /* rdi cookie, rsi tag (label: status), words: answer to a staged call */
    EVENT_NOTIFY = 4, /* rdi bits */
    EVENT_CALL = 5,   /* rdi badge, rsi tag, words, r14 token, r15 attempt and account */
};

/* Receive mask (r14 of SYS_COMMIT_RECEIVE); CANCEL and CLOSED can't be refused. */
#define RECEIVE_REPLY (1u << EVENT_REPLY)
#define RECEIVE_NOTIFY (1u << EVENT_NOTIFY)
#define RECEIVE_CALL (1u << EVENT_CALL)
#define RECEIVE_ALL (RECEIVE_REPLY | RECEIVE_NOTIFY | RECEIVE_CALL)
#define RECEIVE_POLL (1u << 31) /* return EVENT_NONE rather than wait */
/* COMMIT_RECEIVE: r15 names what has changed in one page of the arena. */
#define RECEIVE_NAMED (1u << 30)
#define ARENA_RANGE(offset, length) ((uint64_t)(offset) << 16 | (length))
#define ARENA_RANGE_OFFSET(range) ((range) >> 16)
#define ARENA_RANGE_LENGTH(range) ((range)&0xffff)

/* r15 of an EVENT_CALL */
#define ORIGIN_ATTEMPT(r15) ((uint32_t)((r15)&0xffff))
#define ORIGIN_ACCOUNT(r15) ((uint32_t)((r15) >> 32))

/* Badges of sessions that the supervisor wired have the top bit set; servers mint without it. */
#define BADGE_ROOT (1ull << 63)

/* ---- Handles ----------------------------------------------------------------------------- */

enum object_type {
    OBJECT_NONE = 0,
    OBJECT_TASK = 1,
    OBJECT_THREAD = 2,
    OBJECT_ENDPOINT = 3,
    OBJECT_SESSION = 4,
    OBJECT_MEMORY = 5,
    OBJECT_IMAGE = 6,
    OBJECT_NOTIFICATION = 7,
    OBJECT_TIMER = 8,
    OBJECT_IRQ = 9,
    OBJECT_IOPORT = 10,
    OBJECT_DEVICE = 11,
    OBJECT_ACCOUNT = 12,
    OBJECT_SYSTEM = 13,
    OBJECT_CALL = 14, /* never in a handle table: calls are named by tokens */
    OBJECT_TYPE_COUNT = 15,
};

#define RIGHT_NONE 0u
#define RIGHT_COPY 0x001u    /* HANDLE_COPY, sending a copy in a message, HANDLE_GRANT */
#define RIGHT_REVOKE 0x002u  /* HANDLE_REVOKE */
#define RIGHT_READ 0x004u    /* memory: map or read; others: info, configuration reads */
#define RIGHT_WRITE 0x008u   /* memory: map writable, write; ioport: write; system: log */
#define RIGHT_EXECUTE 0x010u /* memory: map executable */
#define RIGHT_CALL 0x020u    /* session: call */
#define RIGHT_RECEIVE 0x040u /* endpoint: bind and receive; system: trace */
#define RIGHT_MINT 0x080u    /* endpoint: create sessions */
#define RIGHT_SIGNAL 0x100u  /* notification: signal */
#define RIGHT_WAIT 0x200u    /* notification: wait or bind */
#define RIGHT_MANAGE                                                                               \
    0x400u                  /* task: start, reset, destroy…; timer, irq, device, system: control \
                             */
#define RIGHT_CHARGE 0x800u /* account: create objects against it */
#define RIGHT_ALL 0xfffu

/* ---- Fixed addresses of a task ------------------------------------------------------------ */

#define USER_LOWEST 0x0000000000010000ull
#define USER_HIGHEST 0x00007ffffffff000ull /* first address beyond */
#define IMAGE_VA 0x0000000000400000ull
#define ARENA_VA 0x0000100000000000ull
#define ARENA_VA_END 0x0000200000000000ull
#define BLOCKS_VA 0x0000200000000000ull /* by convention: payload blocks beside the arena */
#define MESSAGE_BUFFER_VA 0x0000700000000000ull
#define CLOCK_PAGE_VA 0x0000700000010000ull
#define STARTUP_VA 0x0000700000020000ull
#define STACK_TOP_VA 0x00007ffffff00000ull
#define STACK_SIZE 0x10000ull /* 64 KiB, a guard page below */

#define PAGE_SIZE 4096ull
#define PAGE_ROUND_UP(size) (((uint64_t)(size) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1))

/* Read-only page in every task: time without a kernel entry.
 * ns = ((rdtsc - tsc_base) * mult) >> 32 computed in 128 bits. */
struct clock_page {
    uint64_t magic; /* CLOCK_PAGE_MAGIC */
    uint64_t tsc_base;
    uint64_t mult; /* ns per tick, 32.32 fixed point */
    uint64_t tsc_hz;
    uint64_t wall_base; /* ns since 1970 UTC at time 0, set by init; 0: unknown */
    uint32_t cpu_count;
    uint32_t flags;
};
#define CLOCK_PAGE_MAGIC 0x6b636f6c63786f6cull

/* Startup block: a read-only page that the task's creator fills and maps at STARTUP_VA. */
#define STARTUP_MAGIC 0x7472617473786f6cull
#define STARTUP_HANDLES 40
#define STARTUP_NAME 20

struct startup_handle {
    char name[STARTUP_NAME]; /* NUL-terminated */
    handle_t handle;
};

struct startup {
    uint64_t magic;
    char name[STARTUP_NAME]; /* of the service */
    uint32_t argc;
    uint32_t handle_count;
    uint32_t arguments;  /* offset in the block of argc NUL-terminated strings */
    uint64_t arena_size; /* bytes at ARENA_VA; 0: no arena, or not known */
    struct startup_handle handles[STARTUP_HANDLES];
    char text[PAGE_SIZE - 48 - STARTUP_HANDLES * sizeof(struct startup_handle)];
};
_Static_assert(sizeof(struct startup) == PAGE_SIZE, "ABI");

/* A task made from an image starts at its entry with rdi = incarnation (0 for the first start)
 * and rsi = RESET flags and word of the last reset. */

/* ---- Memory ------------------------------------------------------------------------------ */

#define PROT_READ 1u
#define PROT_WRITE 2u
#define PROT_EXEC 4u
#define MAP_POPULATE 0x10u      /* allocate and map every page now */
#define MAP_PERSIST 0x20u       /* survives TASK_RESET (always so for tasks with an arena) */
#define MAP_WRITE_COMBINE 0x40u /* device memory only */

enum memory_kind {
    MEMORY_ANONYMOUS = 0,
    MEMORY_DEVICE = 1,
    MEMORY_DMA = 2,
    MEMORY_ARENA = 3,
    MEMORY_PAGED = 4,
};

struct memory_info {
    uint64_t size;     /* bytes */
    uint64_t physical; /* MEMORY_DEVICE, MEMORY_DMA: bus address of offset 0, else 0 */
    uint64_t resident; /* bytes */
    uint32_t kind;
    uint32_t reserved;
};

/* ---- Images ------------------------------------------------------------------------------ */

#define IMAGE_NAME 24
#define IMAGE_PROTOCOLS 40
/* ELF note "Axolotl", type 1. */
struct image_note {
    uint64_t layout;
    uint64_t version;
    char name[IMAGE_NAME];           /* of the program; ends with a NUL, as the next */
    char protocols[IMAGE_PROTOCOLS]; /* that it speaks: words "name/version" */
};

struct image_info {
    uint64_t entry;
    uint64_t arena_minimum; /* bytes that the image's arena segment needs */
    uint64_t memory;        /* bytes a task needs for text, data, bss and stack */
    struct image_note note; /* zeros: it has none */
};

/* ---- Tasks -------------------------------------------------------------------------------- */

#define TASK_NAME 24

enum task_state { TASK_NEW = 0, TASK_RUNNING = 1, TASK_STOPPED = 2, TASK_DEAD = 3 };

enum thread_state {
    THREAD_NEW = 0,
    THREAD_READY = 1,
    THREAD_RUNNING = 2,
    THREAD_CALLING = 3,
    THREAD_RECEIVING = 4,
    THREAD_WAITING = 5,
    THREAD_SLEEPING = 6,
    THREAD_FAULTED = 7,
    THREAD_DEAD = 8,
    THREAD_PAGING = 9, /* waits for a pager */
};

struct task_info {
    uint64_t id;
    char name[TASK_NAME];
    uint32_t state;       /* enum task_state */
    uint32_t incarnation; /* number of resets */
    uint32_t threads;
    uint32_t handles;
    uint32_t main_state; /* enum thread_state of the main thread */
    uint32_t priority;   /* effective, of the main thread */
    uint64_t cpu_ns;     /* all incarnations */
    uint64_t turn_ns;    /* CPU time of the present turn; 0 while it waits for an event */
    uint64_t commits;
    uint64_t switches;     /* times a thread of it was switched to */
    uint64_t memory;       /* bytes charged to its account, but for limits of accounts below it */
    uint64_t memory_limit; /* of its account */
    int32_t exit_code; /* how a dead task, or init's last incarnation, ended: -vector for a fault */
    uint32_t last_cpu;
    uint64_t event; /* enum event_kind of the present turn */
    token_t token;  /* its call, if it is one */
    uint64_t
        back_ns; /* when the incarnation had ended its first turn, or found no event; 0: not yet */
    uint64_t image_id, arena_id; /* objects (struct handle_info); 0: it has none */
};

/* TASK_CREATE: one structure, read from the caller's memory. */
struct task_create {
    handle_t account;  /* charged; RIGHT_CHARGE */
    handle_t image;    /* HANDLE_NONE: an empty task, threads by THREAD_CREATE */
    handle_t arena;    /* HANDLE_NONE: a plain task */
    uint32_t flags;    /* TASK_ACTOR: an actor with an empty arena; 0 */
    uint32_t priority; /* of the main thread, 0 lowest..31 highest */
    uint32_t affinity; /* CPU mask of the main thread, 0: all */
    char name[TASK_NAME];
};
#define TASK_ACTOR 1u

/* TASK_RESET flags */
#define RESET_POISON 1u /* the call of the unfinished turn is answered E_POISON, not requeued */
#define RESET_COLD 2u   /* the arena starts again from the image; ACCEPTED calls get E_RESET */
#define RESET_STOP 4u   /* roll back but do not start; TASK_START starts it again */
#define RESET_DROP 8u   /* the event of the unfinished turn is dropped if it is no call */

/* Messages that the kernel sends on a task's supervision session (TASK_SUPERVISE): a call whose
 * answer resumes (FAULT_RESUME: words 0-1 are new rip and rsp or 0) or, for any other label,
 * leaves the thread stopped until the task is reset or destroyed. */
#define FAULT_LABEL_FAULT 0x7001u
#define FAULT_LABEL_EXIT 0x7002u
#define FAULT_RESUME 1u

/* Sent to the pager session of a MEMORY_PAGED memory when a page is touched that it has not got;
 * answered by MEMORY_SUPPLY. Any other answer is a fault of the thread. */
#define FAULT_LABEL_PAGE 0x7003u
struct page_message {
    uint64_t memory; /* object id */
    uint64_t offset; /* of the page */
    uint64_t write;  /* 1: the access was a write */
};

struct fault_message {
    uint64_t task;    /* task id */
    uint64_t vector;  /* CPU exception, or FAULT_VECTOR_* */
    uint64_t error;   /* error code; exit code for FAULT_LABEL_EXIT */
    uint64_t address; /* CR2 for a page fault */
    uint64_t rax, rdi, rsi, rdx, r10, r8, r9, r12, r13, r14, r15;
    uint64_t rbx, rbp, rsp, rip, rflags, rcx, r11;
    uint64_t event;   /* enum event_kind of the unfinished turn, EVENT_NONE if none */
    uint64_t badge;   /* its badge, cookie or bits */
    uint64_t token;   /* its call, if it is one */
    uint64_t attempt; /* of that call */
    uint64_t label;   /* of that call */
    uint64_t incarnation;
};
_Static_assert(sizeof(struct fault_message) <= MESSAGE_WORDS * 8, "ABI");
#define FAULT_VECTOR_FOREIGN 0x100u /* foreign system call in a thread without an upcall entry */
#define FAULT_VECTOR_QUOTA 0x101u   /* page fault that the memory's account could not pay for */
#define FAULT_VECTOR_UNNAMED 0x102u /* the page has changed outside what RECEIVE_NAMED names */

/* Foreign threads: the page that THREAD_SET_FOREIGN names. The kernel stores the program's
 * registers here before it enters the upcall, UPCALL_RETURN loads them. */
struct upcall_page {
    uint64_t rax, rdi, rsi, rdx, r10, r8, r9, r12, r13, r14, r15;
    uint64_t rbx, rbp, rsp, rip, rflags, rcx, r11, fs_base, gs_base;
    uint64_t reason; /* UPCALL_SYSCALL, UPCALL_FAULT, UPCALL_INTERRUPT */
    uint64_t vector; /* UPCALL_FAULT */
    uint64_t error;
    uint64_t address;
};
#define UPCALL_SYSCALL 1u
#define UPCALL_FAULT 2u
#define UPCALL_INTERRUPT 3u

/* ---- Handles that init starts with --------------------------------------------------------
 * init's startup block lists: "task" (itself), "account" (the root account), "system", "log"
 * (system again), "endpoint" (its control endpoint), and one memory handle per boot module, named
 * by the module's name. The kernel also maps struct boot_page read-only at BOOT_PAGE_VA in init. */
#define BOOT_PAGE_VA 0x0000700000030000ull
#define BOOT_MODULES 32
#define BOOT_COMMAND_LINE 256

struct boot_module {
    char name[STARTUP_NAME]; /* first word of the module's command line */
    handle_t handle;         /* memory; HANDLE_NONE when the module is unusable */
    uint64_t size;           /* bytes of the file */
};

enum framebuffer_type { FRAMEBUFFER_NONE = 0, FRAMEBUFFER_RGB = 1, FRAMEBUFFER_TEXT = 2 };

struct framebuffer_info {
    uint64_t address;              /* physical */
    uint32_t pitch, width, height; /* bytes, pixels or cells */
    uint8_t bpp, type;
    uint8_t red_shift, red_size, green_shift, green_size, blue_shift, blue_size;
    uint32_t reserved;
};

struct boot_page {
    uint64_t magic;
    char command_line[BOOT_COMMAND_LINE];
    uint64_t rsdp; /* physical address of the ACPI RSDP copy's tables; 0: none */
    uint8_t rsdp_copy[40];
    struct framebuffer_info framebuffer;
    uint32_t module_count;
    uint32_t uefi; /* 1: booted through UEFI */
    struct boot_module modules[BOOT_MODULES];
};
#define BOOT_PAGE_MAGIC 0x65676170746f6f62ull
_Static_assert(sizeof(struct boot_page) <= PAGE_SIZE, "ABI");

/* ---- System information -------------------------------------------------------------------- */

enum system_info_kind {
    INFO_SYSTEM = 1, /* struct system_info */
    INFO_TASK = 2,   /* struct task_info of the index-th task, E_NOT_FOUND past the end */
    INFO_IRQ = 3,    /* struct irq_info of the index-th vector in use */
    INFO_CPU = 4,    /* struct cpu_info */
    INFO_HANDLE =
        5, /* struct handle_info of the caller's first handle from table entry `index` on */
};

struct system_info {
    char version[32];
    char build[64];
    uint64_t memory_total; /* bytes of usable RAM */
    uint64_t memory_free;
    uint64_t memory_kernel; /* kernel image and its fixed tables */
    uint64_t boot_ns;       /* time stamp when init started */
    uint64_t calls, commits, dirty_pages, switches, irqs, faults, resets, unknown_calls;
    uint32_t cpus;
    uint32_t tasks;
    uint64_t tsc_at_entry; /* TSC when the kernel was entered */
    uint64_t log_head;     /* number of bytes ever written to the log */
};

struct irq_info {
    uint32_t gsi; /* or ~0 for MSI */
    uint32_t vector;
    uint64_t count;
    char name[16]; /* of the task that is told of it, cut */
};

struct cpu_info {
    uint32_t id, apic_id;
    uint64_t idle_ns, switches, ipis, interrupts;
};

/* The next one is found from table entry HANDLE_ENTRY(handle) + 1 on. */
struct handle_info {
    handle_t handle;
    uint32_t type; /* enum object_type */
    uint32_t rights;
    uint32_t initial;    /* 1: the task had it when it was first started */
    uint64_t object_id;  /* never that of two objects */
    uint64_t account_id; /* of the account that the object is charged to */
};
#define HANDLE_ENTRY(handle) ((handle)&0xffffu)

/* DEVICE_CONFIG and SYSTEM_PCI_READ address: bus << 16 | device << 11 | function << 8 | offset */
#define PCI_ADDRESS(bus, dev, fn, offset)                                                          \
    (((uint32_t)(bus) << 16) | ((uint32_t)(dev) << 11) | ((uint32_t)(fn) << 8) | (uint32_t)(offset))
