/* SPDX-License-Identifier: MIT
 * Descriptors and files. A descriptor is a handle and close-on-exec; offset, flags and contents
 * are the server's.
 */
#pragma once
#include "personality.h"

#define DESCRIPTORS 256

enum descriptor_kind {
    DESCRIPTOR_NONE = 0,
    DESCRIPTOR_FILE,
    DESCRIPTOR_DIRECTORY,
    DESCRIPTOR_STREAM, /* pipe or terminal, by proc */
    DESCRIPTOR_SOCKET, /* by net */
    DESCRIPTOR_EPOLL,  /* without a handle */
};

struct descriptor {
    handle_t handle;
    uint8_t kind; /* enum descriptor_kind */
    bool close_on_exec;
    uint16_t place;               /* directory: of its path; epoll: of what it waits for */
    uint32_t flags;               /* O_* as opened */
    uint64_t cursor;              /* directory: where getdents goes on */
    uint32_t identity;            /* within the process, of the open file: copies have the same */
    uint8_t family, type;         /* socket: AF_*, SOCK_* */
    bool realtime;                /* timer: its absolute times are of the wall clock */
    bool made;                    /* stream: a file whose text was made when it was opened */
    bool connecting;              /* socket: connect has not said yet how it ended */
    uint64_t receive_ns, send_ns; /* socket: SO_RCVTIMEO, SO_SNDTIMEO */
};

/* It is a stream or socket: reading may wait, and has no place. */
static inline bool descriptor_waits(const struct descriptor *descriptor) {
    return descriptor->kind == DESCRIPTOR_STREAM || descriptor->kind == DESCRIPTOR_SOCKET;
}
static inline bool descriptor_seeks(const struct descriptor *descriptor) {
    return descriptor->kind == DESCRIPTOR_FILE || descriptor->kind == DESCRIPTOR_DIRECTORY;
}
/* NULL: EBADF. */
struct descriptor *descriptor_get(uint64_t number);
/* The lowest free number from `least` on gets it; -EMFILE closes the handle. */
int64_t descriptor_add(const struct descriptor *descriptor, uint64_t least);
void descriptors_exec(void);
void descriptor_start(handle_t tty);

/* path.c: the absolute path of `user` (address in the program) relative to a descriptor; links are
 * followed, or not by path_text. */
int64_t path_text(int64_t at, uint64_t user, char path[FILE_PATH_MAX]);
int64_t path_of(int64_t at, uint64_t user, char path[FILE_PATH_MAX]);
int64_t path_join_to(int64_t at, const char *relative, char path[FILE_PATH_MAX]);
uint16_t place_add(const char *path); /* a kept path; 0: none free */
void place_drop(uint16_t place);
const char *place_path(uint16_t place);
bool path_descriptor(const char *path, uint64_t *number);

int64_t stat_descriptor(uint64_t number, struct linux_stat *to);
int64_t stat_path(const char *path, struct linux_stat *to);
void stat_of(const struct file_stat *from, struct linux_stat *to);
int64_t file_map(struct thread *thread, int fd, uint64_t address, uint64_t length, uint32_t prot,
                 bool shared, uint64_t offset);
#define ENTRY_LINK 0x100u /* of struct file_entry, beside the types of vfs */
/* made.c: a file that is not there but can be read, since its text is made. */
bool made_is(const char *path);
int64_t made_open(uint32_t flags);
/* Opens for the personality itself. */
int64_t file_open_path(const char *path, uint64_t flags, handle_t *file, uint64_t *type,
                       uint64_t *size);
int64_t file_load(handle_t file, uint64_t offset, void *to, uint64_t length, uint64_t *done);
/* Reads or writes a user range; -errno or bytes. */
int64_t descriptor_transfer(struct thread *thread, struct descriptor *descriptor, bool write,
                            uint64_t address, uint64_t length, uint64_t offset);
/* A pipe (PROC_PIPE) or a pair of sockets (PROC_PAIR), its numbers given to the program. */
int64_t descriptor_two(uint64_t to, uint32_t operation, uint32_t flags);
/* Reads or writes a stream of proc once; MSG_* as in socket.h. */
int64_t stream_move(struct thread *thread, const struct descriptor *descriptor, bool write,
                    uint64_t address, uint64_t length, uint32_t flags);
/* 0, or when a wait of that length that begins now is over. */
uint64_t descriptor_deadline(uint64_t ns);

linux_call call_open, call_openat, call_creat, call_close, call_read, call_write, call_readv,
    call_writev, call_pread64, call_pwrite64, call_preadv, call_pwritev, call_lseek, call_dup,
    call_dup2, call_dup3, call_fcntl, call_ioctl, call_pipe, call_pipe2, call_getdents64,
    call_sendfile, call_ftruncate, call_truncate, call_fsync, call_flock;
linux_call call_stat, call_lstat, call_fstat, call_newfstatat, call_statx, call_access,
    call_faccessat, call_faccessat2, call_readlink, call_readlinkat, call_mkdir, call_mkdirat,
    call_rmdir, call_unlink, call_unlinkat, call_rename, call_renameat, call_renameat2, call_chdir,
    call_fchdir, call_getcwd, call_umask, call_statfs, call_fstatfs, call_close_range;
