/* SPDX-License-Identifier: MIT */
/*
 * What a PC's real-time clock says (MC146818, registers 0-11). Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RTC_SECOND, RTC_MINUTE, RTC_HOUR, RTC_DAY, RTC_MONTH, RTC_YEAR, RTC_FIELDS };

/* The registers to read, in this order: format, update in progress, the fields, the seconds again,
 * update in progress. An update is announced 244 us before it begins. */
#define RTC_READS (RTC_FIELDS + 4)
extern const uint8_t rtc_registers[RTC_READS];

/* Whether the values read are of one moment; else they have to be read again. */
bool rtc_steady(const uint8_t values[RTC_READS]);
/* ns since 1970 UTC, 0: no clock or nonsense. The year is taken to be 20xx. */
uint64_t rtc_time(const uint8_t values[RTC_READS]);
