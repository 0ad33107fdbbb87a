/* SPDX-License-Identifier: MIT
 * Devices without hardware.
 */
#include "device.h"
#include <common/string.h>

#define DEVICE_PIECE 512u

status_t device_populate(struct vfs *vfs, uint32_t mount) {
    static const char *const names[DEVICES] = {
        [DEVICE_CONSOLE] = "console", [DEVICE_FULL] = "full",       [DEVICE_NULL] = "null",
        [DEVICE_RANDOM] = "random",   [DEVICE_URANDOM] = "urandom", [DEVICE_ZERO] = "zero",
    };
    for (uint32_t device = DEVICE_CONSOLE; device < DEVICES; device++) {
        struct place place = {.directory = vfs->mounts[mount].root,
                              .name = names[device],
                              .length = strlen(names[device])};
        uint32_t id;
        status_t status = tree_create(vfs, &place, NODE_DEVICE, &id);
        if (status != OK) {
            return status;
        }
        node_get(vfs, id)->object = device;
    }
    return OK;
}

status_t device_read(enum device device, size_t *length, const struct transfer *transfer) {
    uint8_t piece[DEVICE_PIECE] = {0};
    size_t wanted = device == DEVICE_NULL ? 0 : *length;
    size_t done = 0;
    status_t status = OK;
    while (done < wanted && status == OK) {
        size_t part = wanted - done < sizeof piece ? wanted - done : sizeof piece;
        if (device == DEVICE_RANDOM || device == DEVICE_URANDOM) {
            device_random(piece, part);
        }
        status = transfer->move(transfer->context, done, piece, part);
        done += status == OK ? part : 0;
    }
    *length = done;
    return done > 0 ? OK : status;
}

status_t device_write(enum device device, size_t *length) {
    if (device == DEVICE_FULL && *length > 0) {
        return E_NO_SPACE;
    }
    return OK;
}
