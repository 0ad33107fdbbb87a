/* SPDX-License-Identifier: MIT
 * The messages of docs/spec/ailink.md, as bytes of a data frame.
 */
#pragma once

enum conversation_message {
    MESSAGE_ASK = 'Q',
    MESSAGE_CANCEL = 'C',
    MESSAGE_TEXT = 'T',
    MESSAGE_FINISHED = 'F',
    MESSAGE_ERROR = 'E',
};

#define MESSAGE_HEAD 5u /* kind, question number */
#define MESSAGE_MORE 1u /* flag of MESSAGE_ASK */
#define MESSAGE_CUT 1u  /* flag of MESSAGE_FINISHED */
