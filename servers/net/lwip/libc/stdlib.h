/* SPDX-License-Identifier: MIT */
/* <stdlib.h> for lwIP in the freestanding build: what netif_find needs. */
#pragma once

static inline int atoi(const char *text) {
    int value = 0;
    while (*text >= '0' && *text <= '9' && value < 100000) {
        value = value * 10 + (*text++ - '0');
    }
    return value;
}
