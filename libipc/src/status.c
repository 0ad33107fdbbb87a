/* SPDX-License-Identifier: MIT */
/* Texts of statuses, from abi/axolotl/status.def. */
#include <ipc/status.h>

const char *status_text(status_t status) {
    switch (status) {
#define STATUS(name, value, text)                                                                  \
    case name:                                                                                     \
        return text;
#include <axolotl/status.def>
#undef STATUS
    default:
        return "unknown status";
    }
}
