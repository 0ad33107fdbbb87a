/* SPDX-License-Identifier: MIT */
/* Lets the string test link our functions beside the C library's: `-include` this. */
#pragma once

#define memcpy our_memcpy
#define memmove our_memmove
#define memset our_memset
#define memcmp our_memcmp
#define memchr our_memchr
#define strlen our_strlen
#define strnlen our_strnlen
#define strcmp our_strcmp
#define strncmp our_strncmp
#define strchr our_strchr
#define strrchr our_strrchr
#define strstr our_strstr
#define strlcpy our_strlcpy
