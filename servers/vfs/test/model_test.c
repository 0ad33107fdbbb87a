/* SPDX-License-Identifier: MIT
 * Random operations against a simple model, with deaths at random points of a turn. A death rolls
 * the arena back and leaves the block store as it is; the same operation is then executed again, as
 * the kernel would redeliver the call. What is committed must always equal the model.
 */
#include "check.h"
#include "fixture.h"

#define NAMES 5
#define DEPTH 3
#define OPEN_MAX 12
#define SIZE_MAX_MODEL (6u << 20)

static const char *const names[NAMES] = {"a", "b", "c", "d",
                                         "a-name-longer-than-a-short-entry-can-hold"};

struct model {
    bool directory;
    unsigned references; /* names and sessions */
    struct model *children[NAMES];
    size_t size;
    uint8_t *data;
};

struct handle {
    struct model *file;
    uint32_t session;
    uint64_t flags;
    uint64_t offset;
};

struct route {
    unsigned depth;
    unsigned name[DEPTH];
    char text[FILE_PATH_MAX];
};

static struct model *top;
static struct handle handles[OPEN_MAX];
static uint8_t buffer[FILE_IO_MAX], other[FILE_IO_MAX];
static uint64_t deaths, turns, dirty_pages, no_space;

static struct model *model_new(bool directory) {
    struct model *model = calloc(1, sizeof *model);
    model->directory = directory;
    model->references = 1;
    model->data = directory ? NULL : calloc(1, SIZE_MAX_MODEL);
    return model;
}

static void model_drop(struct model *model) {
    if (--model->references == 0) {
        free(model->data);
        free(model);
    }
}

static void random_route(struct route *route) {
    route->depth = 1 + (unsigned)check_random_below(DEPTH);
    route->text[0] = '\0';
    for (unsigned i = 0; i < route->depth; i++) {
        route->name[i] = (unsigned)check_random_below(NAMES);
        strcat(route->text, check_random_below(9) == 0 ? "/./" : "/");
        strcat(route->text, names[route->name[i]]);
    }
}

/* The directory of the last component in *parent. */
static status_t model_parent(const struct route *route, struct model **parent) {
    struct model *at = top;
    for (unsigned i = 0; i + 1 < route->depth; i++) {
        at = at->children[route->name[i]];
        if (at == NULL) {
            return E_NOT_FOUND;
        }
        if (!at->directory) {
            return E_NOT_DIRECTORY;
        }
    }
    *parent = at;
    return OK;
}

static struct model **model_slot(struct model *parent, const struct route *route) {
    return &parent->children[route->name[route->depth - 1]];
}

static unsigned model_count(const struct model *model) {
    unsigned count = 0;
    for (unsigned i = 0; i < NAMES; i++) {
        count += model->children[i] != NULL;
    }
    return count;
}

static bool model_contains(const struct model *model, const struct model *inner) {
    bool found = model == inner;
    for (unsigned i = 0; i < NAMES && !found; i++) {
        found = model->children[i] != NULL && model_contains(model->children[i], inner);
    }
    return found;
}

/* Whether the turn that just ran shall die after all its effects. */
static bool die_at_end(void) {
    return check_random_below(4) == 0;
}

/*
 * Runs EXPRESSION as a turn: it may die in the middle or at its end, any number of times, and is
 * executed again until it commits, with STATUS the result of that execution, or until its caller
 * is gone: then the function returns, as nothing has happened.
 */
#define TURN(STATUS, EXPRESSION)                                                                   \
    do {                                                                                           \
        volatile bool committed_turn = false;                                                      \
        while (!committed_turn) {                                                                  \
            if (setjmp(fixture_death) == 0) {                                                      \
                fixture_fuse =                                                                     \
                    check_random_below(3) == 0 ? 1 + (uint32_t)check_random_below(20) : 0;         \
                (STATUS) = (EXPRESSION);                                                           \
                committed_turn = !die_at_end();                                                    \
            }                                                                                      \
            fixture_fuse = 0;                                                                      \
            if (committed_turn) {                                                                  \
                dirty_pages += fixture_commit();                                                   \
                turns++;                                                                           \
            } else {                                                                               \
                fixture_roll_back();                                                               \
                deaths++;                                                                          \
                if (check_random_below(3) == 0) {                                                  \
                    return;                                                                        \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    } while (0)

static struct handle *random_handle(void) {
    return &handles[check_random_below(OPEN_MAX)];
}

static void step_close(struct handle *handle) {
    if (handle->file == NULL) {
        return;
    }
    do_close(handle->session);
    fixture_roll_back();
    do_close(handle->session);
    fixture_commit();
    model_drop(handle->file);
    handle->file = NULL;
}

static status_t model_open(const struct route *route, uint64_t flags, struct model **file) {
    struct model *parent;
    status_t status = model_parent(route, &parent);
    if (status != OK) {
        return status;
    }
    struct model **slot = model_slot(parent, route);
    if (*slot == NULL) {
        if ((flags & FILE_OPEN_CREATE) == 0) {
            return E_NOT_FOUND;
        }
        *slot = model_new(false);
    } else if ((flags & FILE_OPEN_CREATE) != 0 && (flags & FILE_OPEN_EXCLUSIVE) != 0) {
        return E_EXISTS;
    } else if ((*slot)->directory && (flags & (FILE_OPEN_WRITE | FILE_OPEN_CREATE)) != 0) {
        return E_IS_DIRECTORY;
    }
    *file = *slot;
    (*file)->references++;
    if ((flags & FILE_OPEN_TRUNCATE) != 0) {
        memset((*file)->data, 0, (*file)->size);
        (*file)->size = 0;
    }
    return OK;
}

static void step_open(void) {
    struct handle *handle = random_handle();
    struct route route;
    step_close(handle);
    random_route(&route);
    uint64_t flags = FILE_OPEN_READ;
    flags |= check_random_below(5) != 0 ? FILE_OPEN_WRITE | FILE_OPEN_CREATE : 0;
    flags |= check_random_below(8) == 0 ? FILE_OPEN_EXCLUSIVE : 0;
    if ((flags & FILE_OPEN_WRITE) != 0) {
        flags |= check_random_below(8) == 0 ? FILE_OPEN_TRUNCATE : 0;
        flags |= check_random_below(4) == 0 ? FILE_OPEN_APPEND : 0;
    }
    uint32_t session = 0;
    volatile status_t status;
    TURN(status, do_open(route.text, flags, &session));
    struct model *file = NULL;
    CHECK_EQ(status, model_open(&route, flags, &file));
    if (status == OK) {
        *handle = (struct handle){file, session, flags, 0};
    }
}

static void step_write(void) {
    struct handle *handle = random_handle();
    if (handle->file == NULL || handle->file->directory || !(handle->flags & FILE_OPEN_WRITE)) {
        return;
    }
    struct model *file = handle->file;
    bool current = check_random_below(2) == 0;
    size_t length =
        check_random_below(3) == 0 ? check_random_below(FILE_IO_MAX + 1) : check_random_below(6000);
    uint64_t near = file->size + check_random_below(20000);
    uint64_t offset = check_random_below(3) == 0 ? check_random_below(SIZE_MAX_MODEL)
                                                 : check_random_below(near + 1);
    uint64_t start = current ? handle->offset : offset;
    start = (handle->flags & FILE_OPEN_APPEND) != 0 ? file->size : start;
    if (start + length > SIZE_MAX_MODEL) {
        return;
    }
    for (size_t i = 0; i < length; i++) {
        buffer[i] = (uint8_t)(check_random() >> 56);
    }
    size_t done = 0;
    volatile status_t status;
    TURN(status,
         do_write(handle->session, current ? FILE_OFFSET_CURRENT : offset, buffer, length, &done));
    if (status == E_NO_SPACE || (status == OK && done < length)) {
        no_space++;
    } else {
        CHECK_EQ(status, OK);
    }
    done = status == OK ? done : 0;
    memcpy(file->data + start, buffer, done);
    if (done > 0 && start + done > file->size) {
        file->size = start + done;
    }
    if (status == OK && current) {
        handle->offset = start + done;
    }
}

static void step_read(void) {
    struct handle *handle = random_handle();
    if (handle->file == NULL || handle->file->directory) {
        return;
    }
    struct model *file = handle->file;
    bool current = check_random_below(2) == 0;
    size_t length = check_random_below(FILE_IO_MAX + 1);
    uint64_t offset = check_random_below(file->size + 1000);
    uint64_t start = current ? handle->offset : offset;
    size_t expected = start >= file->size ? 0 : file->size - (size_t)start;
    expected = expected < length ? expected : length;
    size_t done = 0;
    volatile status_t status;
    TURN(status,
         do_read(handle->session, current ? FILE_OFFSET_CURRENT : offset, other, length, &done));
    CHECK_EQ(status, OK);
    CHECK_EQ(done, expected);
    CHECK(memcmp(other, file->data + start, expected) == 0);
    if (current) {
        handle->offset = start + expected;
    }
}

static void step_truncate(void) {
    struct handle *handle = random_handle();
    if (handle->file == NULL || handle->file->directory || !(handle->flags & FILE_OPEN_WRITE)) {
        return;
    }
    struct model *file = handle->file;
    uint64_t size = check_random_below(check_random_below(6) == 0 ? SIZE_MAX_MODEL : 40000);
    size = check_random_below(2) == 0 ? check_random_below(file->size + 1) : size;
    volatile status_t status;
    TURN(status, do_truncate(handle->session, size));
    CHECK_EQ(status, OK);
    if (size < file->size) {
        memset(file->data + size, 0, file->size - size);
    }
    file->size = size;
}

static status_t model_mkdir(const struct route *route) {
    struct model *parent;
    status_t status = model_parent(route, &parent);
    if (status != OK) {
        return status;
    }
    struct model **slot = model_slot(parent, route);
    if (*slot != NULL) {
        return E_EXISTS;
    }
    *slot = model_new(true);
    return OK;
}

static status_t model_remove(const struct route *route, bool directory) {
    struct model *parent;
    status_t status = model_parent(route, &parent);
    if (status != OK) {
        return status;
    }
    struct model **slot = model_slot(parent, route);
    if (*slot == NULL) {
        return E_NOT_FOUND;
    }
    if ((*slot)->directory != directory) {
        return directory ? E_NOT_DIRECTORY : E_IS_DIRECTORY;
    }
    if (directory && model_count(*slot) != 0) {
        return E_NOT_EMPTY;
    }
    model_drop(*slot);
    *slot = NULL;
    return OK;
}

static status_t model_rename(const struct route *from, const struct route *to) {
    struct model *source;
    struct model *target;
    status_t status = model_parent(from, &source);
    struct model **old = status == OK ? model_slot(source, from) : NULL;
    if (status == OK && *old == NULL) {
        status = E_NOT_FOUND;
    }
    if (status == OK) {
        status = model_parent(to, &target);
    }
    if (status != OK) {
        return status;
    }
    struct model **slot = model_slot(target, to);
    if ((*old)->directory && model_contains(*old, target)) {
        return E_INVALID;
    }
    if (*slot == *old) {
        return OK;
    }
    if (*slot != NULL) {
        if ((*old)->directory != (*slot)->directory) {
            return (*old)->directory ? E_NOT_DIRECTORY : E_IS_DIRECTORY;
        }
        if (model_count(*slot) != 0) {
            return E_NOT_EMPTY;
        }
        model_drop(*slot);
    }
    *slot = *old;
    *old = NULL;
    return OK;
}

static void step_names(void) {
    struct route route;
    struct route target;
    volatile status_t status;
    random_route(&route);
    random_route(&target);
    switch (check_random_below(4)) {
    case 0:
        TURN(status, do_mkdir(route.text));
        CHECK_EQ(status, model_mkdir(&route));
        break;
    case 1:
        TURN(status, do_unlink(route.text));
        CHECK_EQ(status, model_remove(&route, false));
        break;
    case 2:
        TURN(status, do_rmdir(route.text));
        CHECK_EQ(status, model_remove(&route, true));
        break;
    default:
        TURN(status, do_rename(route.text, target.text));
        CHECK_EQ(status, model_rename(&route, &target));
        break;
    }
}

/* Lists an open directory and compares it with the model. */
static void step_list(void) {
    struct handle *handle = random_handle();
    if (handle->file == NULL || !handle->file->directory) {
        return;
    }
    unsigned seen[NAMES] = {0};
    struct file_readdir_request request = {0};
    struct file_readdir_reply answer;
    do {
        volatile status_t status;
        TURN(status, operation_readdir(&fixture->vfs, handle->session, &request, &answer));
        CHECK_EQ(status, OK);
        for (uint64_t i = 0; i < answer.count; i++) {
            for (unsigned name = 0; name < NAMES; name++) {
                seen[name] += strcmp(names[name], answer.entries[i].name) == 0;
            }
        }
        request.cursor = answer.cursor;
    } while (answer.count != 0);
    for (unsigned name = 0; name < NAMES; name++) {
        CHECK_EQ(seen[name], handle->file->children[name] != NULL);
    }
}

static void compare_file(const char *path, const struct model *file) {
    static uint8_t piece[FILE_IO_MAX];
    uint32_t session;
    REQUIRE(do_open(path, FILE_OPEN_READ, &session) == OK);
    for (size_t at = 0; at <= file->size; at += sizeof piece) {
        size_t done;
        size_t expected = file->size - at < sizeof piece ? file->size - at : sizeof piece;
        CHECK_EQ(do_read(session, at, piece, sizeof piece, &done), OK);
        CHECK_EQ(done, expected);
        CHECK(memcmp(piece, file->data + at, expected) == 0);
    }
    do_close(session);
}

static void compare_tree(const char *path, const struct model *directory) {
    for (unsigned i = 0; i < NAMES; i++) {
        char child[FILE_PATH_MAX * 2];
        struct file_stat stat;
        int length = snprintf(child, sizeof child, "%s/%s", path, names[i]);
        if (length >= FILE_PATH_MAX) {
            continue; /* renames have moved it beyond what a path can name */
        }
        const struct model *model = directory->children[i];
        status_t status = do_stat(child, &stat);
        CHECK_EQ(status, model == NULL ? E_NOT_FOUND : OK);
        if (model == NULL || status != OK) {
            continue;
        }
        CHECK_EQ(stat.type, model->directory ? FILE_DIRECTORY : FILE_REGULAR);
        CHECK_EQ(stat.size, model->size);
        if (model->directory) {
            compare_tree(child, model);
        } else {
            compare_file(child, model);
        }
    }
}

static void compare_everything(void) {
    CHECK(fixture_consistent());
    compare_tree("", top);
    fixture_roll_back();
}

static void step(void) {
    uint64_t kind = check_random_below(100);
    if (kind < 12) {
        step_open();
    } else if (kind < 16) {
        step_close(random_handle());
    } else if (kind < 56) {
        step_write();
    } else if (kind < 70) {
        step_read();
    } else if (kind < 78) {
        step_truncate();
    } else if (kind < 82) {
        step_list();
    } else {
        step_names();
    }
}

static void model_free(struct model *model) {
    for (unsigned i = 0; i < NAMES; i++) {
        if (model->children[i] != NULL) {
            model_free(model->children[i]);
        }
    }
    model_drop(model);
}

static void campaign(uint32_t chunks, unsigned steps) {
    deaths = turns = dirty_pages = no_space = 0;
    fixture_start(chunks);
    top = model_new(true);
    for (unsigned i = 0; i < steps && check_failures == 0; i++) {
        step();
        if (i % 100 == 99) {
            compare_everything();
        }
    }
    compare_everything();
    for (unsigned i = 0; i < OPEN_MAX; i++) {
        step_close(&handles[i]);
    }
    compare_everything();
    model_free(top);
    REQUIRE(turns > 0);
    printf("# %u chunks: %lu turns, %lu deaths, %lu times no space, %lu.%02lu dirty pages a turn\n",
           chunks, turns, deaths, no_space, dirty_pages / turns, dirty_pages * 100 / turns % 100);
    CHECK(deaths > turns / 10);
    printf("# %u chunks were given back\n", fixture_shrunk);
    CHECK(dirty_pages < turns * 5);
    fixture_stop();
}

TEST(random_operations_with_deaths) {
    campaign(512, 30000);
}

TEST(random_operations_in_a_full_store) {
    campaign(6, 30000);
    CHECK(no_space > 50);
}
