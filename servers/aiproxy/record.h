/* SPDX-License-Identifier: MIT
 * The relay's state as records: link, questions, limits. Parked reads are tokens in the questions.
 */
#pragma once

#include <ipc/records.h>

#include "relay.h"

void relay_export(const struct relay *relay, struct records_writer *records);
/* Into a relay that relay_init has made. A link that is damaged begins anew, as after a noise. */
void relay_import(struct relay *relay, struct records_reader *records, uint64_t now);
/* What is wrong with the state at the end of a turn; NULL: nothing. */
const char *relay_check(const struct relay *relay, uint64_t now);
