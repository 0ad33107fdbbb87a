/* SPDX-License-Identifier: MIT
 * What everything else stands on: frames, slabs and accounts, handle tables, deadlines, ELF files,
 * images, copy-on-write.
 */
#include "fake_pci.h"
#include "host.h"

#include <arch/iommu.h>
#include <check.h>
#include <image.h>
#include <notification.h>
#include <system.h>
#include <timer.h>

TEST(frames_are_given_once_and_come_back) {
    host_boot();
    static phys_t frames[600];
    uint64_t before = frame_free_count();
    for (unsigned i = 0; i < 600; i++) {
        frames[i] = frame_alloc();
        CHECK_EQ(frames[i] % PAGE_SIZE, 0);
        memset(phys_to_virt(frames[i]), (int)i, PAGE_SIZE);
    }
    CHECK_EQ(frame_free_count(), before - 600);
    for (unsigned i = 0; i < 600; i++) { /* nobody else wrote there */
        const uint8_t *bytes = phys_to_virt(frames[i]);
        CHECK_EQ(bytes[0], (uint8_t)i);
        CHECK_EQ(bytes[PAGE_SIZE - 1], (uint8_t)i);
    }
    frame_share(frames[0]);
    frame_free(frames[0]);
    CHECK_EQ(frame_shares(frames[0]), 1);
    for (unsigned i = 0; i < 600; i++) {
        frame_free(frames[i]);
    }
    CHECK_EQ(frame_free_count(), before);
}

TEST(frame_runs_are_contiguous_zeroed_and_bounded) {
    host_boot();
    uint64_t before = frame_free_count();
    phys_t run = frame_alloc_run(17);
    REQUIRE(run != 0);
    const uint8_t *bytes = phys_to_virt(run);
    for (uint64_t i = 0; i < 17 * PAGE_SIZE; i += 511) {
        CHECK_EQ(bytes[i], 0);
    }
    phys_t other = frame_alloc_run(3);
    CHECK(other + 3 * PAGE_SIZE <= run || other >= run + 17 * PAGE_SIZE);
    CHECK_EQ(frame_alloc_run(before), 0);
    for (unsigned i = 0; i < 17; i++) {
        frame_free(run + i * PAGE_SIZE);
    }
    for (unsigned i = 0; i < 3; i++) {
        frame_free(other + i * PAGE_SIZE);
    }
    CHECK_EQ(frame_free_count(), before);
}

TEST(an_account_can_pin_no_more_than_its_limit) {
    host_boot();
    struct account *account;
    CHECK_EQ(account_create(account_root, 40 * PAGE_SIZE, &account), OK);
    static void *elements[8000];
    unsigned count = 0;
    while (count < 8000 && (elements[count] = kmem_alloc(account, 32)) != NULL) {
        count++;
    }
    CHECK_EQ(count, 40 * ((PAGE_SIZE - 64) / 32));
    for (unsigned i = 0; i < count; i++) { /* one left in every slab still pins all of them */
        if (i % 126 != 0) {
            kmem_free(account, elements[i], 32);
        }
    }
    CHECK(kmem_alloc(account, 900) == NULL);
    for (unsigned i = 0; i < count; i += 126) {
        kmem_free(account, elements[i], 32);
    }
    CHECK_EQ(account->used, 0);
    CHECK_EQ(account_usage(account), 0);
    void *large = kmem_alloc(account, 900);
    CHECK(large != NULL);
    kmem_free(account, large, 900);
    object_put(&account->object);
}

TEST(handles_name_one_object_and_go_stale) {
    host_boot();
    struct handle_table table = {0};
    struct notification *one, *two;
    struct object *found = NULL;
    handle_t first, second, third;
    handle_table_init(&table, account_root);
    CHECK_EQ(notification_create(account_root, &one), OK);
    CHECK_EQ(notification_create(account_root, &two), OK);
    CHECK_EQ(handle_install(&table, &one->object, RIGHT_SIGNAL, 0, &first), OK);
    CHECK_EQ(handle_install(&table, &two->object, RIGHT_ALL, 0, &second), OK);
    CHECK_EQ(handle_lookup(&table, first, OBJECT_NOTIFICATION, RIGHT_SIGNAL, &found), OK);
    CHECK(found == &one->object);
    CHECK_EQ(handle_lookup(&table, first, OBJECT_NOTIFICATION, RIGHT_WAIT, &found), E_RIGHTS);
    CHECK_EQ(handle_lookup(&table, first, OBJECT_TIMER, 0, &found), E_TYPE);
    CHECK_EQ(handle_lookup(&table, 0, OBJECT_NONE, 0, &found), E_HANDLE);
    CHECK_EQ(handle_lookup(&table, ~0u, OBJECT_NONE, 0, &found), E_HANDLE);
    handle_remove(&table, first);
    CHECK_EQ(handle_install(&table, &two->object, RIGHT_ALL, 0, &third), OK);
    CHECK_EQ(third & 0xffff, first & 0xffff); /* the same slot, another name */
    CHECK(third != first);
    CHECK_EQ(handle_lookup(&table, first, OBJECT_NONE, 0, &found), E_HANDLE);
    two->object.epoch++;
    CHECK_EQ(handle_lookup(&table, second, OBJECT_NONE, 0, &found), E_REVOKED);
    CHECK_EQ(two->object.handles, 2);
    handle_table_destroy(&table);
    CHECK_EQ(two->object.handles, 0);
    object_put(&one->object);
    object_put(&two->object);
}

TEST(a_copied_handle_table_lacks_what_is_going) {
    host_boot();
    struct handle_table table = {0}, copy = {0};
    struct notification *object;
    struct object *found;
    handle_t stays, goes, next, same;
    handle_table_init(&table, account_root);
    handle_table_init(&copy, account_root);
    CHECK_EQ(notification_create(account_root, &object), OK);
    CHECK_EQ(handle_install(&table, &object->object, RIGHT_ALL, 0, &stays), OK);
    CHECK_EQ(handle_install(&table, &object->object, RIGHT_ALL, ENTRY_CLOSING, &goes), OK);
    CHECK_EQ(handle_table_clone(&table, &copy), OK);
    CHECK_EQ(object->object.handles, 3);
    CHECK_EQ(copy.used, 1);
    CHECK_EQ(handle_lookup(&copy, stays, OBJECT_NONE, 0, &found), OK);
    CHECK(handle_entry_find(&copy, goes) == NULL);
    CHECK_EQ(handle_install(&copy, &object->object, RIGHT_ALL, 0, &next), OK);
    CHECK_EQ(next & 0xffff, goes & 0xffff);
    CHECK(handle_entry_find(&table, goes) != NULL);
    CHECK_EQ(handle_install(&table, &object->object, RIGHT_ALL, 0, &next), OK);
    CHECK_EQ(handle_install(&copy, &object->object, RIGHT_ALL, 0, &same), OK);
    CHECK_EQ(next, same);
    handle_table_destroy(&table);
    handle_table_destroy(&copy);
    object_put(&object->object);
}

TEST(a_handle_table_has_an_end) {
    host_boot();
    struct handle_table table = {0};
    struct notification *object;
    handle_t handle;
    unsigned count = 0;
    handle_table_init(&table, account_root);
    CHECK_EQ(notification_create(account_root, &object), OK);
    while (handle_install(&table, &object->object, RIGHT_ALL, 0, &handle) == OK) {
        count++;
    }
    CHECK_EQ(count, HANDLE_PAGES * HANDLE_PAGE_ENTRIES);
    CHECK_EQ(handle_install(&table, &object->object, RIGHT_ALL, 0, &handle), E_NO_HANDLES);
    handle_table_destroy(&table);
    object_put(&object->object);
}

/* ---- deadlines --------------------------------------------------------------------------------
 */

static uint64_t last_expired;
static unsigned expired_count;

struct dated {
    struct timer_node node;
    uint64_t due;
};

static struct dated dated[64];

static void note_due(struct timer_node *node) {
    uint64_t due = ((struct dated *)node)->due;
    CHECK(due >= last_expired);
    last_expired = due;
    expired_count++;
}

TEST(deadlines_expire_in_order) {
    host_boot();
    for (unsigned round = 0; round < 200; round++) {
        uint64_t now = 1000000 + round * 1000;
        for (unsigned i = 0; i < 64; i++) {
            struct dated *each = &dated[i];
            each->node.expired = note_due;
            if (check_random_below(3) == 0) {
                timer_disarm(&each->node);
            } else {
                each->due = now + check_random_below(3000);
                timer_arm(&each->node, each->due);
            }
        }
        uint64_t limit = now + 1500;
        unsigned due = 0;
        for (unsigned i = 0; i < 64; i++) {
            due += dated[i].node.deadline != 0 && dated[i].due <= limit;
        }
        expired_count = 0;
        last_expired = 0;
        timer_run(limit);
        CHECK(timer_next() > limit);
        CHECK_EQ(expired_count, due);
    }
    for (unsigned i = 0; i < 64; i++) {
        timer_disarm(&dated[i].node);
    }
    CHECK_EQ(timer_next(), UINT64_MAX);
}

/* ---- programs ---------------------------------------------------------------------------------
 */

TEST(elf_files_good_cut_and_mutated) {
    host_boot();
    unsigned char file[1024], damaged[1024];
    struct account *account;
    struct memory *memory;
    struct image *image;
    size_t size = host_elf(file, true);
    uint64_t length = 3 * PAGE_SIZE; /* room for segments of several pages */
    REQUIRE(size > 0 && size <= sizeof(file));
    CHECK_EQ(account_create(account_root, 1 << 20, &account), OK);
    CHECK_EQ(memory_create(account, length, MEMORY_ANONYMOUS, &memory), OK);
    CHECK_EQ(memory_copy(memory, 0, file, size, true, false), OK);
    CHECK_EQ(image_create(account, memory, length + 1, &image), E_RANGE);
    for (uint64_t cut = 0; cut < size; cut++) {
        CHECK_EQ(image_create(account, memory, cut, &image), E_FORMAT);
    }
    REQUIRE(image_create(account, memory, size, &image) == OK);
    CHECK_EQ(image->segment_count, 2);
    CHECK_EQ(image->segments[0].prot, PROT_READ | PROT_EXEC);
    CHECK_EQ(image->segments[1].address, ARENA_VA);
    CHECK_EQ(image->info.arena_minimum, PAGE_SIZE);
    object_put(&image->object);
    uint64_t used = account_usage(account);
    for (unsigned i = 0; i < 100000; i++) {
        memcpy(damaged, file, size);
        for (uint64_t hits = 1 + check_random_below(4); hits > 0; hits--) {
            damaged[check_random_below(size)] = (unsigned char)check_random();
        }
        CHECK_EQ(memory_copy(memory, 0, damaged, size, true, false), OK);
        if (image_create(account, memory, length, &image) != OK) {
            CHECK_EQ(account_usage(account), used);
            continue;
        }
        for (uint32_t s = 0; s < image->segment_count; s++) { /* what is accepted is harmless */
            const struct segment *segment = &image->segments[s];
            CHECK(segment->address >= USER_LOWEST && segment->address < STARTUP_VA);
            CHECK(segment->memory_size <= USER_HIGHEST);
            CHECK(segment->content == NULL || segment->content->size <= segment->memory_size);
            CHECK((segment->prot & (PROT_WRITE | PROT_EXEC)) != (PROT_WRITE | PROT_EXEC));
        }
        object_put(&image->object);
    }
    object_put(&memory->object);
    object_put(&account->object);
    host_check_clean();
}

TEST(a_task_is_restored_from_its_image) {
    host_boot();
    unsigned char file[1024];
    size_t size = host_elf(file, false);
    struct account *account;
    struct memory *memory;
    struct image *image;
    struct task *task;
    uint8_t byte = 0;
    CHECK_EQ(account_create(account_root, 1 << 20, &account), OK);
    CHECK_EQ(memory_create(account, size, MEMORY_ANONYMOUS, &memory), OK);
    CHECK_EQ(memory_copy(memory, 0, file, size, true, false), OK);
    CHECK_EQ(image_create(account, memory, size, &image), OK);
    struct task_create parameters = {.priority = 5, .name = "restored"};
    CHECK_EQ(task_create(&parameters, account, image, NULL, &task), OK);
    task_start(task);
    sched_exit();
    uint64_t used = account_usage(account);
    CHECK(host_load(task, image->info.entry, &byte, 1));
    CHECK_EQ(byte, 0x90);
    for (unsigned i = 1; i < 4; i++) {
        phys_t frame = memory_page_peek(mapping_find(task, 0x400000)->memory, 0);
        ((uint8_t *)phys_to_virt(frame))[image->info.entry % PAGE_SIZE] = 0xcc; /* a flipped bit */
        task_reset(task, NULL, 0, NULL);
        sched_exit();
        CHECK_EQ(task->incarnation, i);
        CHECK_EQ(host_context(task)->rdi, i);
        CHECK(host_load(task, image->info.entry, &byte, 1));
        CHECK_EQ(byte, 0x90);
        CHECK_EQ(account_usage(account), used);
    }
    object_put(&task->object);
    object_put(&image->object);
    object_put(&memory->object);
    object_put(&account->object);
    host_check_clean();
}

TEST(clones_share_until_one_writes) {
    host_boot();
    struct memory *memory, *clone;
    char text[8] = "first";
    CHECK_EQ(memory_create(account_root, 4 * PAGE_SIZE, MEMORY_ANONYMOUS, &memory), OK);
    CHECK_EQ(memory_copy(memory, PAGE_SIZE, text, sizeof(text), true, false), OK);
    CHECK_EQ(memory_clone(account_root, memory, &clone), OK);
    CHECK_EQ(memory_page_peek(memory, 1), memory_page_peek(clone, 1));
    CHECK_EQ(memory_copy(clone, PAGE_SIZE, "second", 7, true, false), OK);
    CHECK(memory_page_peek(memory, 1) != memory_page_peek(clone, 1));
    CHECK_EQ(memory_copy(memory, PAGE_SIZE, text, sizeof(text), false, false), OK);
    CHECK_STR(text, "first");
    object_put(&memory->object);
    CHECK_EQ(memory_copy(clone, PAGE_SIZE, text, sizeof(text), false, false), OK);
    CHECK_STR(text, "second");
    object_put(&clone->object);
    host_check_clean();
}

/* Frames are free only after the IOMMU has forgotten them. */
TEST(a_device_reaches_the_memory_of_its_driver) {
    host_boot();
    iommu_units = 1;
    host_pci_plug(0, PCI_ADDRESS(2, 3, 1, 0), 0);
    struct task *task = host_task("driver", 1 << 20, 0, 5);
    handle_t system = host_grant(task, system_object);
    handle_t account = host_grant(task, &account_root->object);
    uint64_t place = 7ull << 40 | 0x200ull << 24 | host_pci[0].address;
    int64_t device = SYS(task, SYS_SYSTEM_DEVICE, system, place, account);
    REQUIRE(device > 0);
    CHECK_EQ(SYS(task, SYS_SYSTEM_DEVICE, system, place, account), E_BUSY);
    int64_t first = SYS(task, SYS_DEVICE_DMA, (uint64_t)device, 3 * PAGE_SIZE, account);
    uint64_t bus = host_context(task)->rdi;
    int64_t second = SYS(task, SYS_DEVICE_DMA, (uint64_t)device, 1, account);
    uint64_t other = host_context(task)->rdi;
    REQUIRE(first > 0 && second > 0 && host_iommu_space != NULL);
    CHECK_EQ(host_iommu_name, 7u << 16 | 0x200);
    struct arch_space *space = (struct arch_space *)(uintptr_t)host_iommu_space;
    for (uint64_t i = 0; i < 3; i++) {
        CHECK(host_mapped(space, bus + i * PAGE_SIZE, PAGE_WRITE));
    }
    CHECK(host_mapped(space, other, PAGE_WRITE));
    CHECK_EQ(arch_next_mapped(space, bus + 3 * PAGE_SIZE, UINT64_MAX), UINT64_MAX);
    uint64_t before = frame_free_count();
    host_iommu_free = 0;
    CHECK_EQ(SYS(task, SYS_HANDLE_CLOSE, (uint64_t)first), OK);
    CHECK(!host_mapped(space, bus, 0) && !host_mapped(space, bus + 2 * PAGE_SIZE, 0));
    CHECK(host_mapped(space, other, PAGE_WRITE));
    CHECK_EQ(host_iommu_free, before);
    CHECK(frame_free_count() >= before + 3);
    /* The driver goes, its memory lives on: nothing is reached any more. */
    struct memory *memory;
    CHECK_EQ(handle_lookup(&task->handles, (handle_t)second, OBJECT_MEMORY, 0, &memory), OK);
    object_get(&memory->object);
    CHECK_EQ(SYS(task, SYS_HANDLE_CLOSE, (uint64_t)device), OK);
    CHECK(host_iommu_space == NULL);
    CHECK_EQ(SYS(task, SYS_HANDLE_CLOSE, (uint64_t)second), OK);
    CHECK_EQ(memory->object.references, 1);
    device = SYS(task, SYS_SYSTEM_DEVICE, system, place, account); /* the next one begins anew */
    REQUIRE(device > 0 && host_iommu_space == NULL);
    object_put(&memory->object);
    SYS(task, SYS_HANDLE_CLOSE, (uint64_t)device);
    host_pci_plug(0, 0, 0);
    iommu_units = 0;
    host_check_clean();
}
