/* SPDX-License-Identifier: MIT */
/* The real-time clock's registers become a time. */
#include "rtc.h"

#include <common/string.h>

#define NS_PER_SECOND 1000000000ull
#define FORMAT_24_HOURS 2u
#define FORMAT_BINARY 4u
#define HOUR_AFTERNOON 0x80u
#define UPDATE_IN_PROGRESS 0x80u

const uint8_t rtc_registers[RTC_READS] = {11, 10, 0, 2, 4, 7, 8, 9, 0, 10};

bool rtc_steady(const uint8_t values[RTC_READS]) {
    return values[2] == values[2 + RTC_FIELDS] &&
           ((values[1] | values[RTC_READS - 1]) & UPDATE_IN_PROGRESS) == 0;
}

/* Days since 1970-01-01 of a date of the Gregorian calendar. */
static uint64_t days_from_date(uint64_t year, uint64_t month, uint64_t day) {
    year -= month <= 2;
    uint64_t era_year = year % 400;
    uint64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return year / 400 * 146097 + era_year * 365 + era_year / 4 - era_year / 100 + day_of_year -
           719468;
}

uint64_t rtc_time(const uint8_t values[RTC_READS]) {
    uint8_t time[RTC_FIELDS], format = values[0];
    memcpy(time, values + 2, sizeof time);
    bool afternoon = (time[RTC_HOUR] & HOUR_AFTERNOON) != 0;
    time[RTC_HOUR] &= (uint8_t)~HOUR_AFTERNOON;
    for (size_t i = 0; i < RTC_FIELDS && (format & FORMAT_BINARY) == 0; i++) { /* BCD */
        time[i] = (uint8_t)((time[i] >> 4) * 10 + (time[i] & 15));
    }
    if ((format & FORMAT_24_HOURS) == 0) {
        time[RTC_HOUR] = (uint8_t)(time[RTC_HOUR] % 12 + (afternoon ? 12 : 0));
    }
    if (time[RTC_MONTH] < 1 || time[RTC_MONTH] > 12 || time[RTC_DAY] < 1 || time[RTC_DAY] > 31 ||
        time[RTC_HOUR] > 23) {
        return 0;
    }
    uint64_t days = days_from_date(2000u + time[RTC_YEAR], time[RTC_MONTH], time[RTC_DAY]);
    uint64_t minutes = (days * 24 + time[RTC_HOUR]) * 60 + time[RTC_MINUTE];
    return (minutes * 60 + time[RTC_SECOND]) * NS_PER_SECOND;
}
