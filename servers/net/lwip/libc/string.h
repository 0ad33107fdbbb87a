/* SPDX-License-Identifier: MIT */
/* <string.h> for lwIP in the freestanding build. */
#pragma once
#include <common/string.h>
