/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv) {
    printf("hello, world: %d arguments\n", argc - 1);
    for (int i = 1; i < argc; i++) {
        printf("%d: %s\n", i, argv[i]);
    }
    return getpid() > 0 ? 7 : 8;
}
