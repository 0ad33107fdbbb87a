/* SPDX-License-Identifier: MIT
 * Waits for a signal that ends it; with the argument "zombie" beside a child that has ended, whose
 * number stands in the file of that name.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "zombie") == 0) {
        pid_t child = fork();
        if (child == 0) {
            return 3;
        }
        FILE *file = fopen("zombie.new", "w");
        fprintf(file, "%d\n", child);
        fclose(file);
        rename("zombie.new", "zombie");
    }
    for (;;) {
        pause();
    }
}
