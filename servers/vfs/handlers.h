/* SPDX-License-Identifier: MIT
 * One handler for each operation, from the protocol's list: handle_open and so on.
 */
#pragma once
#include "serve.h"

#define OP(number, NAME, name, request, reply) DISPATCH_DECLARE(handle_##name, request, reply)
FILE_PROTOCOL(OP)
#undef OP
