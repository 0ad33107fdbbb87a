/* SPDX-License-Identifier: MIT */
#pragma once
#include <ipc/event.h>

/* A call of a client. */
void dispatch(struct event *event);
