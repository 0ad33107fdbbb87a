/* SPDX-License-Identifier: MIT
 * netdump: the last frames, decoded, or as a pcap file (the libpcap format of
 * draft-ietf-opsawg-pcap).
 */
#include <client/file.h>
#include <client/net.h>
#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/time.h>

#include "frame.h"
#include "shell.h"

#define FRAME_LENGTH 2000u
#define PCAP_MAGIC 0xa1b23c4du /* times in ns */
#define LINK_ETHERNET 1u

struct pcap_file {
    uint32_t magic;
    uint16_t major, minor;
    uint32_t zone, accuracy, length, link;
};

struct pcap_record {
    uint32_t seconds, ns, kept, length;
};

static char records[16384];

static status_t write_all(handle_t file, const void *bytes, size_t length) {
    return file_write(file, FILE_OFFSET_CURRENT, bytes, length, NULL);
}

static status_t write_record(handle_t file, const struct net_frame *frame, uint64_t base_ns) {
    uint64_t time = base_ns + frame->time_ns;
    struct pcap_record record = {.seconds = (uint32_t)(time / NS_PER_S),
                                 .ns = (uint32_t)(time % NS_PER_S),
                                 .kept = frame->kept,
                                 .length = frame->length};
    status_t status = write_all(file, &record, sizeof record);
    return status == OK ? write_all(file, frame + 1, frame->kept) : status;
}

static void show_record(struct shell *shell, const struct net_frame *frame) {
    char text[FRAME_TEXT];
    unsigned long us = (unsigned long)(frame->time_ns / NS_PER_US);
    print(shell, "%lu.%06lu %s %s\n", us / 1000000, us % 1000000, frame->sent != 0 ? "tx" : "rx",
          frame_describe(text, (const uint8_t *)(frame + 1), frame->kept, frame->length));
}

/* Shows all records (file HANDLE_NONE) or writes them. */
static status_t each_record(struct shell *shell, handle_t file, uint64_t *count) {
    uint64_t cursor = 0, base_ns = time_wall_ns() - time_now_ns();
    size_t length;
    status_t status;
    while ((status = net_frames(shell->net, &cursor, records, sizeof records, &length)) == OK &&
           length != 0) {
        for (size_t at = 0; at + sizeof(struct net_frame) <= length && status == OK;) {
            const struct net_frame *frame = (const void *)(records + at);
            at += sizeof *frame + (frame->kept + 7u) / 8 * 8;
            if (file != HANDLE_NONE) {
                status = write_record(file, frame, base_ns);
            } else {
                show_record(shell, frame);
            }
            ++*count;
        }
        if (status != OK || shell_stopped(shell)) {
            break;
        }
    }
    return status;
}

static int write_file(struct shell *shell, const char *argument) {
    static const struct pcap_file head = {
        .magic = PCAP_MAGIC, .major = 2, .minor = 4, .length = FRAME_LENGTH, .link = LINK_ETHERNET};
    char path[FILE_PATH_MAX];
    handle_t file;
    uint64_t count = 0;
    if (!path_argument(shell, argument, path)) {
        return STATUS_USAGE;
    }
    status_t status = file_open(
        shell->vfs, path, FILE_OPEN_WRITE | FILE_OPEN_CREATE | FILE_OPEN_TRUNCATE, &file, NULL);
    if (status == OK) {
        status = write_all(file, &head, sizeof head);
        status = status == OK ? each_record(shell, file, &count) : status;
        handle_close(file);
    }
    if (status != OK) {
        return fail_status(shell, path, status);
    }
    print(shell, "%lu frames\n", (unsigned long)count);
    return 0;
}

static int run_netdump(struct shell *shell, int argc, char **argv) {
    uint64_t length = FRAME_LENGTH, count = 0;
    if (!need(shell, shell->net, "net")) {
        return STATUS_FAILED;
    }
    if (argc == 1) {
        status_t status = each_record(shell, HANDLE_NONE, &count);
        return status == OK ? 0 : fail_status(shell, "net", status);
    }
    if (argc == 3 && strcmp(argv[1], "-w") == 0) {
        return write_file(shell, argv[2]);
    }
    if (strcmp(argv[1], "-w") == 0) {
        return usage(shell, argc == 2 ? "FILE is missing" : "more than one FILE");
    }
    bool on = strcmp(argv[1], "on") == 0;
    if (!on && strcmp(argv[1], "off") != 0) {
        return usage(shell, "'%s' is neither on, off nor -w", argv[1]);
    }
    if (!count_arguments(shell, argc, argv, 1, on ? 2 : 1) ||
        (argc == 3 && !number_argument(shell, argv[2], FRAME_LENGTH, &length))) {
        return STATUS_USAGE;
    }
    status_t status = net_capture(shell->net, on, length);
    return status == OK ? 0 : fail_status(shell, "net", status);
}

const struct command commands_dump[] = {
    {"netdump", run_netdump, "[on [BYTES] | off | -w FILE]",
     "Records frames (on, off), shows the last ones, or writes them as a pcap file."},
    {NULL, NULL, NULL, NULL},
};
