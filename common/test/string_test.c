/* SPDX-License-Identifier: MIT */
/* Compares our string functions with the C library's on random input, inside guarded buffers. */
#include "check.h"

void *our_memcpy(void *to, const void *from, size_t size);
void *our_memmove(void *to, const void *from, size_t size);
void *our_memset(void *to, int byte, size_t size);
int our_memcmp(const void *left, const void *right, size_t size);
void *our_memchr(const void *bytes, int byte, size_t size);
size_t our_strlen(const char *text);
size_t our_strnlen(const char *text, size_t limit);
int our_strcmp(const char *left, const char *right);
int our_strncmp(const char *left, const char *right, size_t limit);
char *our_strchr(const char *text, int character);
char *our_strrchr(const char *text, int character);
char *our_strstr(const char *text, const char *part);
size_t our_strlcpy(char *to, const char *from, size_t size);

enum { SIZE = 300, ROUNDS = 20000 };

static int sign(int value) {
    return (value > 0) - (value < 0);
}

static void fill(unsigned char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (unsigned char)check_random();
    }
}

TEST(copies_match) {
    unsigned char from[SIZE], ours[SIZE], theirs[SIZE];
    for (int round = 0; round < ROUNDS; round++) {
        fill(from, SIZE);
        fill(ours, SIZE);
        memcpy(theirs, ours, SIZE);
        size_t source = check_random_below(SIZE), target = check_random_below(SIZE);
        size_t high = source > target ? source : target;
        size_t size = check_random_below(SIZE - high + 1);
        CHECK(our_memcpy(ours + target, from + source, size) == ours + target);
        memcpy(theirs + target, from + source, size);
        REQUIRE(memcmp(ours, theirs, SIZE) == 0);
        CHECK(our_memmove(ours + target, ours + source, size) == ours + target);
        memmove(theirs + target, theirs + source, size);
        REQUIRE(memcmp(ours, theirs, SIZE) == 0);
        int byte = (int)check_random_below(600) - 300;
        CHECK(our_memset(ours + source, byte, size) == ours + source);
        memset(theirs + source, byte, size);
        REQUIRE(memcmp(ours, theirs, SIZE) == 0);
    }
}

TEST(compares_match) {
    for (int round = 0; round < ROUNDS; round++) {
        char a[40], b[40];
        for (size_t i = 0; i < sizeof a; i++) {
            a[i] = (char)(check_random_below(3) == 0 ? 200 : 'a');
            b[i] = check_random_below(30) == 0 ? 'b' : a[i];
        }
        size_t end = check_random_below(sizeof a);
        size_t size = check_random_below(sizeof a + 1);
        REQUIRE(sign(our_memcmp(a, b, size)) == sign(memcmp(a, b, size)));
        REQUIRE(our_memchr(a, 'b', size) == memchr(a, 'b', size));
        a[end] = '\0';
        b[sizeof b - 1] = '\0';
        REQUIRE(sign(our_strcmp(a, b)) == sign(strcmp(a, b)));
        REQUIRE(sign(our_strncmp(a, b, size)) == sign(strncmp(a, b, size)));
        REQUIRE(our_strlen(a) == strlen(a));
        REQUIRE(our_strnlen(b, size) == strnlen(b, size));
        REQUIRE(our_strchr(b, 'b') == strchr(b, 'b'));
        REQUIRE(our_strrchr(b, 'b') == strrchr(b, 'b'));
        REQUIRE(our_strchr(b, 0) == strchr(b, 0));
        REQUIRE(our_strstr(b, "ab") == strstr(b, "ab"));
    }
    CHECK(our_strstr("abc", "") != NULL);
}

TEST(strlcpy_cuts) {
    char buffer[4] = "xyz";
    CHECK_EQ(our_strlcpy(buffer, "hello", sizeof buffer), 5);
    CHECK_STR(buffer, "hel");
    CHECK_EQ(our_strlcpy(buffer, "no", 0), 2);
    CHECK_STR(buffer, "hel");
    CHECK_EQ(our_strlcpy(buffer, "ok", sizeof buffer), 2);
    CHECK_STR(buffer, "ok");
}
