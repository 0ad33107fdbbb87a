/* SPDX-License-Identifier: MIT
 * Faults, exits and their supervisor; foreign threads; paged memory; resets and what they bring
 * back.
 */
#include "pair.h"

#include <arch/hooks.h>
#include <notification.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <system.h>
#include <unistd.h>

#include "oracle.h"

/* A pair whose server supervises the client. */
static struct pair make_supervised(uint64_t arena_size) {
    struct pair pair = make_pair(arena_size);
    struct session *session = new_session(&pair, BADGE_ROOT | 9);
    task_supervise(pair.client, session, NULL, 0);
    host_grant(pair.server, &session->object); /* else it is told that the session has gone */
    object_put(&session->object);
    return pair;
}

static void except(struct task *task, uint32_t vector) {
    CHECK(host_make_current(task->main));
    exception_handle(task->main, vector, 0);
}

static int64_t answer(const struct pair *pair, uint32_t label, uint64_t rip, uint64_t rsp) {
    return SYS(pair->server, SYS_COMMIT_RECEIVE, host_context(pair->server)->r14,
               MESSAGE_TAG(label, 2), rip, rsp, 0, 0, 0, 0, RECEIVE_ALL | RECEIVE_POLL);
}

TEST(a_fault_is_a_call_to_the_supervisor) {
    struct pair pair = make_supervised(PAGE_SIZE);
    struct thread *thread = pair.client->main;
    except(pair.client, 6);
    CHECK_EQ(thread->state, THREAD_FAULTED);
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CALL);
    CHECK_EQ(host_context(pair.server)->rdi, BADGE_ROOT | 9);
    CHECK_EQ(TAG_LABEL(host_context(pair.server)->rsi), FAULT_LABEL_FAULT);
    CHECK_EQ(host_context(pair.server)->rdx, pair.client->object.id);
    CHECK_EQ(host_context(pair.server)->r10, 6);
    actor_undo(pair.server, 0); /* told again after a reset */
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CALL);
    CHECK_EQ(answer(&pair, FAULT_RESUME, 0x400010, 0x600010), EVENT_NONE);
    CHECK(host_returned(pair.client));
    CHECK_EQ(host_context(pair.client)->rip, 0x400010);
    CHECK_EQ(host_context(pair.client)->rsp, 0x600010);
    except(pair.client, 13);
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CALL);
    CHECK_EQ(answer(&pair, FAULT_RESUME, 0, 0), EVENT_NONE);
    CHECK(host_returned(pair.client));
    CHECK_EQ(host_context(pair.client)->rip, 0x400010); /* where it was */
    except(pair.client, 13);
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CALL);
    CHECK_EQ(answer(&pair, FAULT_RESUME + 1, 0, 0), EVENT_NONE);
    CHECK_EQ(thread->state, THREAD_FAULTED); /* until it is reset or destroyed */
    oracle_check(NULL, 0);
    host_check_clean();
}

TEST(who_has_no_supervisor_dies_of_a_fault) {
    for (unsigned how = 0; how < 4; how++) {
        struct pair pair = how < 2 ? make_pair(0) : make_supervised(0);
        object_get(&pair.client->object);
        if (how == 0) {
            except(pair.client, 6);
            CHECK_EQ(pair.client->exit_code, -6);
        } else if (how == 1) {
            CHECK_EQ(SYS(pair.client, SYS_TASK_EXIT, 77), HOST_BLOCKED);
            CHECK_EQ(pair.client->exit_code, 77);
        } else if (how == 2) { /* it has one, which ends with the message taken */
            except(pair.client, 6);
            CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CALL);
            task_kill(pair.server, 0);
            CHECK_EQ(pair.client->exit_code, E_RESET);
        } else { /* there is no memory for the message */
            struct account *account = pair.client->account;
            void *fill[PAGE_SIZE / sizeof(struct call)];
            unsigned count = 0;
            account->limit = account->used;
            while ((fill[count] = kmem_alloc(account, sizeof(struct call))) != NULL) {
                count++;
            }
            except(pair.client, 6);
            CHECK_EQ(pair.client->exit_code, -6);
            while (count-- > 0) {
                kmem_free(account, fill[count], sizeof(struct call));
            }
            account->limit = 1 << 20;
        }
        CHECK_EQ(pair.client->state, TASK_DEAD);
        object_put(&pair.client->object);
        oracle_check(NULL, 0);
        host_check_clean();
    }
}

/* A supervision session that nobody has a handle to is closed after each of its calls. */
TEST(a_session_is_closed_again_in_the_turn_of_its_end) {
    struct pair pair = make_pair(PAGE_SIZE);
    struct session *session = new_session(&pair, 9);
    task_supervise(pair.client, session, NULL, 0);
    object_put(&session->object);
    except(pair.client, 6);
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CALL);
    CHECK_EQ(answer(&pair, FAULT_RESUME, 0, 0), EVENT_CLOSED);
    except(pair.client, 6);
    thread_abandon_call(pair.client->main);
    oracle_check(NULL, 0);
    for (unsigned i = 0; i < 2; i++) {
        actor_undo(pair.server, 0);
        oracle_check(NULL, 0);
        CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CLOSED);
        CHECK_EQ(host_context(pair.server)->rdi, 9);
    }
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL | RECEIVE_POLL), EVENT_NONE);
    host_check_clean();
}

/* A notification's handle is moved with an answer to a fault; the kernel lets it go. */
TEST(handles_in_answers_to_the_kernel_go) {
    struct pair pair = make_supervised(PAGE_SIZE);
    struct message_buffer buffer = {0};
    struct notification *notification;
    REQUIRE_OK(notification_create(account_root, &notification));
    buffer.handles[0] = (struct handle_slot){host_grant(pair.server, &notification->object),
                                             RIGHT_ALL | HANDLE_MOVE};
    CHECK(host_store(pair.server, HOST_SCRATCH, &buffer, sizeof(buffer)));
    except(pair.client, 6);
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CALL);
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL | RECEIVE_POLL), EVENT_NONE);
    token_t token = call_token(pair.client->main->call);
    CHECK_EQ(SYS(pair.server, SYS_REPLY, token, TAG(FAULT_RESUME, 0, 0, 1)), OK);
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL | RECEIVE_POLL), EVENT_NONE);
    CHECK(host_returned(pair.client));
    CHECK_EQ(notification->object.references, 1);
    object_put(&notification->object);
    oracle_check(NULL, 0);
    host_check_clean();
}

/* A call that ends lets the last handle to an endpoint go, at which the fault of another thread of
 * the caller's task waits: the whole task goes with it. */
TEST(a_caller_may_end_with_the_handles_of_its_call) {
    for (unsigned how = 0; how < 3; how++) {
        struct pair pair = make_pair(PAGE_SIZE);
        struct task *client = pair.client;
        struct endpoint *boss;
        struct session *session;
        struct thread *other;
        struct message_buffer buffer = {0};
        REQUIRE_OK(endpoint_create(account_root, &boss));
        REQUIRE_OK(session_create(boss, account_root, 1, &session));
        task_supervise(client, session, NULL, 0);
        object_put(&session->object);
        buffer.handles[0] =
            (struct handle_slot){host_grant(client, &boss->object), RIGHT_ALL | HANDLE_MOVE};
        object_put(&boss->object);
        CHECK(host_store(client, HOST_SCRATCH, &buffer, sizeof(buffer)));
        REQUIRE_OK(thread_create(client, 0x400000, 0, 0, HOST_SCRATCH, 10, &other));
        sched_wake(other);
        CHECK(host_make_current(other));
        exception_handle(other, 6, 0);
        CHECK_EQ(other->state, THREAD_FAULTED);
        CHECK_EQ(SYS(client, SYS_CALL, pair.session, TAG(1, 0, 0, 1)), HOST_BLOCKED);
        handle_remove(&client->handles, buffer.handles[0].handle); /* another thread's doing */
        object_get(&client->object);
        if (how == 0) {
            task_kill(pair.server, 0);
        } else if (how == 1) {
            thread_interrupt(client->main);
        } else {
            thread_kill(client->main);
        }
        CHECK_EQ(client->state, TASK_DEAD);
        object_put(&client->object);
        oracle_check(NULL, 0);
        host_check_clean();
    }
}

TEST(the_last_threads_exit_is_the_tasks) {
    struct pair pair = make_supervised(0);
    int64_t other = SYS(pair.client, SYS_THREAD_CREATE, 0, 0x400000, 0, 0, HOST_SCRATCH, 1);
    CHECK(other > 0);
    struct object *object;
    CHECK_EQ(handle_lookup(&pair.client->handles, (handle_t)other, OBJECT_THREAD, 0, &object), OK);
    struct thread *thread = thread_of(object);
    CHECK_EQ(host_thread_call(thread, SYS_THREAD_EXIT, NULL, 0), HOST_BLOCKED);
    CHECK_EQ(thread->state, THREAD_DEAD);
    CHECK_EQ(SYS(pair.client, SYS_THREAD_SCHEDULE, (uint64_t)other, 1, 0), E_INVALID);
    CHECK_EQ(SYS(pair.client, SYS_THREAD_EXIT), HOST_BLOCKED);
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CALL);
    CHECK_EQ(TAG_LABEL(host_context(pair.server)->rsi), FAULT_LABEL_EXIT);
    oracle_check(NULL, 0);
    host_check_clean();
}

TEST(a_message_buffer_that_is_not_there_is_a_fault) {
    struct pair pair = make_supervised(0);
    pair.client->main->message_buffer = 0x10000;
    CHECK_EQ(SYS(pair.client, SYS_CALL, pair.session, MESSAGE_TAG(1, 7)), E_FAULT);
    CHECK_EQ(SYS(pair.client, SYS_CALL, pair.session, MESSAGE_TAG(1, 1) | TAG_TIMEOUT), E_FAULT);
    CHECK_EQ(SYS(pair.client, SYS_CALL, pair.session, TAG(1, 1, 1, 0)), E_FAULT);
    CHECK_EQ(SYS(pair.client, SYS_CALL, pair.session, TAG(1, 1, 0, 1)), E_FAULT);
    CHECK_EQ(client_call(&pair, pair.client, pair.session, 1, 1), HOST_BLOCKED);
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CALL);
    CHECK_EQ(SYS(pair.server, SYS_COMMIT_RECEIVE, host_context(pair.server)->r14, MESSAGE_TAG(0, 7),
                 0, 0, 0, 0, 0, 0, RECEIVE_ALL | RECEIVE_POLL),
             EVENT_NONE);
    CHECK(!host_returned(pair.client));
    CHECK_EQ(pair.client->main->state, THREAD_FAULTED);
    for (unsigned part = 0; part < 2; part++) { /* leases, handles: of a call to a server */
        struct pair next = make_supervised(0);
        struct message_buffer buffer = {.leases = {{HOST_SCRATCH, 8, LEASE_READ, 0}},
                                        .handles = {{next.session, RIGHT_ALL}}};
        CHECK(host_store(next.client, HOST_SCRATCH, &buffer, sizeof(buffer)));
        next.server->main->message_buffer = 0x10000;
        CHECK_EQ(SYS(next.client, SYS_CALL, next.session, TAG(1, 1, 1 - part, part)), HOST_BLOCKED);
        CHECK_EQ(receive(next.server, 0, 0, RECEIVE_ALL), HOST_BLOCKED);
        CHECK_EQ(next.server->state, TASK_DEAD);
        CHECK_EQ((int64_t)host_context(next.client)->rax, E_RESET);
    }
    host_check_clean();
}

/* ---- foreign threads ---------------------------------------------------------------------------
 */

#define UPCALL_PAGE (HOST_SCRATCH + 0x4000)

static void foreign(struct task *task, uint64_t number) {
    CHECK(host_make_current(task->main));
    host_context(task)->rax = number;
    CHECK_EQ(syscall_table[SYSCALL_TABLE_SIZE - 1](task->main), SYSCALL_NO_RESULT);
    sched_exit();
}

static uint64_t reason(struct task *task) {
    struct upcall_page page = {0};
    CHECK(host_load(task, UPCALL_PAGE, &page, sizeof(page)));
    return page.reason;
}

/* Sets up an upcall entry and lets the program run. */
static void set_foreign(struct task *task) {
    struct upcall_page page = {.rip = 0x400100, .rsp = 0x600000};
    CHECK_EQ(SYS(task, SYS_THREAD_SET_FOREIGN, 0, 0x400200, UPCALL_PAGE), OK);
    CHECK(host_store(task, UPCALL_PAGE, &page, sizeof(page)));
    CHECK_EQ(SYS(task, SYS_UPCALL_RETURN), 0); /* rax is the page's */
    CHECK_EQ(host_context(task)->rip, 0x400100);
}

TEST(foreign_system_calls_faults_and_interrupts_are_upcalls) {
    struct pair pair = make_supervised(0);
    struct task *task = pair.client;
    CHECK_EQ(SYS(task, SYS_UPCALL_RETURN), E_STATE);
    CHECK_EQ(SYS(task, SYS_THREAD_SET_FOREIGN, 0, 0x100, UPCALL_PAGE), E_INVALID);
    CHECK_EQ(SYS(task, SYS_THREAD_SET_FOREIGN, 0, USER_HIGHEST, UPCALL_PAGE), E_INVALID);
    CHECK_EQ(SYS(task, SYS_THREAD_SET_FOREIGN, 0, 0x400200, UPCALL_PAGE + 1), E_INVALID);
    CHECK_EQ(SYS(task, SYS_THREAD_SET_FOREIGN, 0, 0x400200, USER_HIGHEST), E_INVALID);
    set_foreign(task);
    foreign(task, 39);
    CHECK_EQ(host_context(task)->rip, 0x400200);
    CHECK_EQ(host_context(task)->rdi, UPCALL_PAGE);
    CHECK_EQ(reason(task), UPCALL_SYSCALL);
    SYS(task, SYS_UPCALL_RETURN);
    CHECK_EQ(host_context(task)->rax, 39);
    except(task, 6);
    CHECK_EQ(reason(task), UPCALL_FAULT);
    thread_interrupt(task->main); /* inside the handler: later */
    SYS(task, SYS_UPCALL_RETURN);
    CHECK_EQ(reason(task), UPCALL_INTERRUPT);
    SYS(task, SYS_UPCALL_RETURN);
    CHECK(!task->main->foreign_active);
    thread_interrupt(task->main); /* in the program: at once */
    CHECK(host_returned(task));
    CHECK_EQ(reason(task), UPCALL_INTERRUPT);
    foreign(task, 40); /* the handler's own: a fault */
    CHECK_EQ(task->main->state, THREAD_FAULTED);
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CALL);
    CHECK_EQ(host_context(pair.server)->r10, FAULT_VECTOR_FOREIGN);
    host_check_clean();
}

TEST(upcalls_need_their_page) {
    for (unsigned how = 0; how < 3; how++) {
        struct pair pair = make_supervised(0);
        struct task *task = pair.client;
        set_foreign(task);
        task->main->upcall_page = 0x10000;
        if (how == 0) {
            foreign(task, 39);
        } else if (how == 1) {
            except(task, 6);
        } else {
            thread_interrupt(task->main);
            CHECK(!host_returned(task));
        }
        CHECK_EQ(task->main->state, THREAD_FAULTED);
        host_check_clean();
    }
    struct pair pair = make_pair(0);
    struct upcall_page page = {.fs_base = USER_HIGHEST};
    CHECK_EQ(SYS(pair.client, SYS_THREAD_SET_FOREIGN, 0, 0x400200, 0x10000), OK);
    CHECK_EQ(SYS(pair.client, SYS_UPCALL_RETURN), E_FAULT);
    CHECK_EQ(SYS(pair.client, SYS_THREAD_SET_FOREIGN, 0, 0x400200, UPCALL_PAGE), OK);
    CHECK(host_store(pair.client, UPCALL_PAGE, &page, sizeof(page)));
    CHECK_EQ(SYS(pair.client, SYS_UPCALL_RETURN), E_INVALID);
    CHECK_EQ(SYS(pair.client, SYS_THREAD_SET_FOREIGN, 0, 0, 0), OK);
    CHECK_EQ(SYS(pair.client, SYS_UPCALL_RETURN), E_STATE);
    foreign(pair.client, 1); /* a native program: it ends */
    CHECK_EQ(pair.client->exit_code, -(int32_t)FAULT_VECTOR_FOREIGN);
    host_check_clean();
}

/* ---- paged memory ------------------------------------------------------------------------------
 */

struct paged {
    struct pair pair; /* the server is the client's pager */
    handle_t source;  /* in the server: two pages, 'A' and 'B' */
    struct memory *memory;
};

static struct paged make_paged(uint64_t arena_size) {
    struct paged paged = {.pair = make_pair(arena_size)};
    struct memory *source;
    struct task *client = paged.pair.client;
    REQUIRE_OK(memory_create(account_root, 2 * PAGE_SIZE, MEMORY_ANONYMOUS, &source));
    REQUIRE_OK(memory_copy(source, 0, "A", 1, true, false));
    REQUIRE_OK(memory_copy(source, PAGE_SIZE, "B", 1, true, false));
    paged.source = host_grant(paged.pair.server, &source->object);
    object_put(&source->object);
    handle_t account = host_grant(client, &client->account->object);
    int64_t memory =
        SYS(client, SYS_MEMORY_CREATE, account, 4 * PAGE_SIZE, paged.pair.session, MEMORY_PAGED);
    CHECK(memory > 0);
    CHECK_EQ(handle_lookup(&client->handles, (handle_t)memory, OBJECT_MEMORY, 0, &paged.memory),
             OK);
    CHECK_EQ(SYS(client, SYS_MAP, 0, (uint64_t)memory, 0, 0x700000, 4 * PAGE_SIZE,
                 PROT_READ | PROT_WRITE),
             OK);
    return paged;
}

static void touch(const struct paged *paged, struct thread *thread, uint64_t page) {
    CHECK(host_make_current(thread));
    page_fault_handle(thread, 0x700000 + page * PAGE_SIZE, PAGE_FAULT_WRITE);
    CHECK_EQ(thread->state, THREAD_PAGING);
    (void)paged;
}

static token_t page_call(const struct paged *paged) {
    CHECK_EQ(receive(paged->pair.server, 0, 0, RECEIVE_ALL), EVENT_CALL);
    CHECK_EQ(TAG_LABEL(host_context(paged->pair.server)->rsi), FAULT_LABEL_PAGE);
    return host_context(paged->pair.server)->r14;
}

TEST(a_pager_supplies_pages) {
    struct paged paged = make_paged(0);
    struct task *server = paged.pair.server, *client = paged.pair.client;
    struct thread *other;
    char byte = 0;
    REQUIRE_OK(thread_create(client, 0x400000, 0, 0, HOST_SCRATCH, 10, &other));
    sched_wake(other);
    touch(&paged, client->main, 1);
    touch(&paged, other, 1);
    token_t token = page_call(&paged);
    CHECK_EQ(host_context(server)->r10, PAGE_SIZE);
    CHECK_EQ(SYS(server, SYS_MEMORY_SUPPLY, token + 1, paged.source, 0), E_STALE);
    CHECK_EQ(SYS(server, SYS_MEMORY_SUPPLY, token, paged.source, 1), E_RANGE);
    CHECK_EQ(SYS(server, SYS_MEMORY_SUPPLY, token, paged.source, 2 * PAGE_SIZE), E_RANGE);
    CHECK_EQ(SYS(server, SYS_MEMORY_SUPPLY, token, paged.source, PAGE_SIZE), OK);
    CHECK(host_load(client, 0x701000, &byte, 1));
    CHECK_EQ(byte, 'B');
    CHECK_EQ(SYS(server, SYS_MEMORY_SUPPLY, page_call(&paged), paged.source, 0), OK);
    CHECK(host_load(client, 0x701000, &byte, 1));
    CHECK_EQ(byte, 'B'); /* the first answer counts */
    CHECK_EQ(paged.memory->resident, 1);
    oracle_check(NULL, 0);
    host_check_clean();
}

TEST(a_pager_that_is_an_actor_supplies_with_its_commit) {
    struct paged paged = make_paged(PAGE_SIZE);
    struct task *server = paged.pair.server;
    touch(&paged, paged.pair.client->main, 0);
    for (unsigned commit = 0; commit < 2; commit++) {
        token_t token = page_call(&paged);
        CHECK_EQ(SYS(server, SYS_MEMORY_SUPPLY, token, paged.source, 0), OK);
        CHECK_EQ(SYS(server, SYS_MEMORY_SUPPLY, token, paged.source, 0), E_STALE);
        CHECK_EQ(paged.memory->resident, 0);
        oracle_check(NULL, 0);
        if (commit == 0) {
            actor_undo(server, 0);
            oracle_check(NULL, 0);
        }
    }
    CHECK_EQ(receive(server, 0, 0, RECEIVE_ALL | RECEIVE_POLL), EVENT_NONE);
    CHECK_EQ(paged.memory->resident, 1);
    CHECK(host_returned(paged.pair.client));
    host_check_clean();
}

TEST(a_page_for_somebody_who_is_gone_is_not_paid) {
    for (unsigned commit = 0; commit < 2; commit++) {
        struct paged paged = make_paged(PAGE_SIZE);
        touch(&paged, paged.pair.client->main, 0);
        token_t token = page_call(&paged);
        CHECK_EQ(SYS(paged.pair.server, SYS_MEMORY_SUPPLY, token, paged.source, 0), OK);
        task_kill(paged.pair.server, 0);
        CHECK_EQ(paged.pair.client->state, TASK_DEAD); /* its pager is gone, it has no supervisor */
        host_check_clean();
    }
}

TEST(a_pager_that_answers_otherwise_or_not_at_all_makes_a_fault) {
    for (unsigned how = 0; how < 3; how++) {
        struct paged paged = make_paged(0);
        struct task *client = paged.pair.client;
        struct pair boss = {.server = host_task("boss", 1 << 20, 0, 10)};
        REQUIRE_OK(endpoint_create(account_root, &boss.endpoint));
        endpoint_bind(boss.endpoint, boss.server);
        host_grant(boss.server, &boss.endpoint->object);
        struct session *session = new_session(&boss, 1);
        task_supervise(client, session, NULL, 0);
        object_put(&session->object);
        object_put(&boss.endpoint->object);
        if (how == 0) {
            task_kill(paged.pair.server, 0);
            CHECK(host_make_current(client->main));
            page_fault_handle(client->main, 0x700000, 0); /* there is nobody to ask */
        } else {
            touch(&paged, client->main, 0);
            token_t token = page_call(&paged);
            if (how == 1) {
                CHECK_EQ(receive(paged.pair.server, token, 0, RECEIVE_ALL | RECEIVE_POLL),
                         EVENT_NONE);
            } else {
                task_kill(paged.pair.server, 0);
            }
        }
        CHECK_EQ(client->main->state, THREAD_FAULTED);
        CHECK_EQ(receive(boss.server, 0, 0, RECEIVE_ALL), EVENT_CALL);
        CHECK_EQ(host_context(boss.server)->r10, 14);
        oracle_check(NULL, 0);
        host_check_clean();
    }
}

TEST(paged_memory_is_not_read_through_the_kernel_before_it_is_there) {
    struct paged paged = make_paged(0);
    struct task *client = paged.pair.client, *server = paged.pair.server;
    struct message_buffer buffer = {.leases = {{0x700000, 8, LEASE_READ, 0}}};
    CHECK(host_store(client, HOST_SCRATCH, &buffer, sizeof(buffer)));
    CHECK_EQ(SYS(client, SYS_FUTEX_WAIT, 0x700000, 0, ~0ull), E_FAULT);
    CHECK_EQ(SYS(client, SYS_CALL, paged.pair.session, TAG(1, 1, 1, 0)), HOST_BLOCKED);
    CHECK_EQ(receive(server, 0, 0, RECEIVE_ALL), EVENT_CALL);
    CHECK_EQ(SYS(server, SYS_LEASE_READ, host_context(server)->r14, 0, 0, HOST_SCRATCH, 8),
             E_FAULT);
    host_check_clean();
}

TEST(other_faults_by_address) {
    struct pair pair = make_supervised(0);
    CHECK(host_make_current(pair.client->main));
    page_fault_handle(pair.client->main, HOST_SCRATCH, PAGE_FAULT_RESERVED);
    CHECK_EQ(pair.client->main->state, THREAD_FAULTED);
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CALL);
    CHECK_EQ(answer(&pair, FAULT_RESUME, 0, 0), EVENT_NONE);
    CHECK(host_returned(pair.client));
    page_fault_handle(pair.client->main, HOST_SCRATCH, PAGE_FAULT_EXECUTE);
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CALL);
    CHECK_EQ(answer(&pair, FAULT_RESUME, 0, 0), EVENT_NONE);
    CHECK(host_returned(pair.client));
    pair.client->account->limit = pair.client->account->used; /* the page can't be paid */
    page_fault_handle(pair.client->main, HOST_SCRATCH + 0xe000, PAGE_FAULT_WRITE);
    CHECK_EQ(receive(pair.server, 0, 0, RECEIVE_ALL), EVENT_CALL);
    CHECK_EQ(host_context(pair.server)->r10, FAULT_VECTOR_QUOTA);
    CHECK_STR(thread_describe(pair.client->main), "client");
    pair.client->account->limit = 1 << 20;
    host_check_clean();
}
