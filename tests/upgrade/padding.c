/* SPDX-License-Identifier: MIT
 * Functions that are only there to move all others: they stand first in a build's text.
 */
#define MOVED(name) __attribute__((used, retain, section(".text.start"))) int name(int)

MOVED(padding_first);
MOVED(padding_second);

int padding_first(int number) {
    return number % 7 == 3 ? padding_second(number / 3) * 11 : number * number;
}

int padding_second(int number) {
    int sum = 0;
    for (int i = 1; i < number; i++) {
        sum += number % i == 0 ? i : sum / 3;
    }
    return sum;
}
