/* SPDX-License-Identifier: MIT
 * The shell's tokenizer, paths and number formats.
 */
#include <check.h>

#include <common/parse.h>

#include "../frame.h"
#include "../path.h"
#include "../text.h"
#include "../tokens.h"
#include "../url.h"

static struct tokens tokens;

/* The words joined by |, then >FILE or >>FILE; or "error: …". */
static const char *split(const char *line) {
    static char text[TOKENS_TEXT * 2];
    const char *error = tokens_split(&tokens, line, 3);
    if (error != NULL) {
        snprintf(text, sizeof(text), "error: %s", error);
        return text;
    }
    text[0] = 0;
    for (int i = 0; i < tokens.argc; i++) {
        strcat(text, i != 0 ? "|" : "");
        strcat(text, tokens.argv[i]);
    }
    CHECK(tokens.argv[tokens.argc] == NULL);
    if (tokens.redirect != NULL) {
        strcat(text, tokens.append ? ">>" : ">");
        strcat(text, tokens.redirect);
    }
    return text;
}

TEST(words) {
    CHECK_STR(split(""), "");
    CHECK_STR(split("  \t "), "");
    CHECK_STR(split("ls"), "ls");
    CHECK_STR(split("  ls \t -l   /tmp "), "ls|-l|/tmp");
    CHECK_STR(split("ls # all of them"), "ls");
    CHECK_STR(split("a#b"), "a#b");
}

TEST(quotes) {
    CHECK_STR(split("echo 'a  b' \"c  d\""), "echo|a  b|c  d");
    CHECK_STR(split("echo ''"), "echo|");
    CHECK_STR(split("a'b'\"c\"d"), "abcd");
    CHECK_STR(split("echo \"say \\\"hi\\\" \\n\" 'it\\'"), "echo|say \"hi\" \\n|it\\");
    CHECK_STR(split("a\\ b \\> \\\\"), "a b|>|\\");
    CHECK_STR(split("echo 'open"), "error: quote without an end");
    CHECK_STR(split("echo \"open"), "error: quote without an end");
    CHECK_STR(split("echo '>' \"#\""), "echo|>|#");
}

TEST(redirection) {
    CHECK_STR(split("echo hi > /tmp/a"), "echo|hi>/tmp/a");
    CHECK_STR(split("echo hi>>/tmp/a"), "echo|hi>>/tmp/a");
    CHECK_STR(split(">'a b' echo hi"), "echo|hi>a b");
    CHECK_STR(split("echo >"), "error: no file after >");
    CHECK_STR(split("echo > a > b"), "error: output redirected twice");
}

TEST(last_status) {
    CHECK_STR(split("echo $? \"$?\" '$?' $x $"), "echo|3|3|$?|$x|$");
}

TEST(limits) {
    static char line[3 * TOKENS_TEXT];
    memset(line, 'x', sizeof(line) - 1);
    CHECK_STR(split(line), "error: line too long");
    for (size_t i = 1; i < sizeof(line) - 1; i += 2) {
        line[i] = ' ';
    }
    CHECK_STR(split(line), "error: too many words");
    for (int round = 0; round < 50000; round++) {
        char text[64];
        for (size_t i = 0; i < sizeof(text) - 1; i++) {
            text[i] = " '\"\\>#$?ab"[check_random_below(10)];
        }
        text[sizeof(text) - 1] = 0;
        split(text);
    }
}

static const char *join(const char *directory, const char *path) {
    static char to[32];
    return path_join(to, sizeof(to), directory, path) ? to : "too long";
}

TEST(paths) {
    CHECK_STR(join("/", "tmp"), "/tmp");
    CHECK_STR(join("/a/b", "../c/./d//e/"), "/a/c/d/e");
    CHECK_STR(join("/a", "/x"), "/x");
    CHECK_STR(join("/", ".."), "/");
    CHECK_STR(join("/a/b", "../../../.."), "/");
    CHECK_STR(join("/a", "..b/..."), "/a/..b/...");
    CHECK_STR(join("/a", "."), "/a");
    CHECK_STR(join("/", "0123456789012345678901234567890"), "too long");
    CHECK_STR(join("/", "012345678901234567890123456789"), "/012345678901234567890123456789");
    CHECK_STR(join("/0123456789", "01234567890123456789"), "too long");
    CHECK_STR(path_name("/a/b"), "b");
    CHECK_STR(path_name("/"), "/");
    CHECK_STR(path_name("b"), "b");
}

TEST(numbers) {
    char text[TEXT_SIZE];
    CHECK_STR(text_bytes(text, 0), "0 B");
    CHECK_STR(text_bytes(text, 1023), "1023 B");
    CHECK_STR(text_bytes(text, 1024), "1.0 KiB");
    CHECK_STR(text_bytes(text, 1536), "1.5 KiB");
    CHECK_STR(text_bytes(text, 1048575), "1023.9 KiB");
    CHECK_STR(text_bytes(text, 33554432), "32.0 MiB");
    CHECK_STR(text_bytes(text, UINT64_MAX), "15.9 EiB");
    CHECK_STR(text_bytes_short(text, 1000), "1000");
    CHECK_STR(text_bytes_short(text, 1048576), "1.0M");
    CHECK_STR(text_bytes_short(text, 1048575), "1023.9K");
    CHECK_STR(text_duration(text, 1500000), "0.001s");
    CHECK_STR(text_duration(text, 59999999999), "59.999s");
    CHECK_STR(text_duration(text, 65000000000), "1m05s");
    CHECK_STR(text_duration(text, 3725000000000), "1h02m05s");
    CHECK_STR(text_duration(text, 97325000000000), "1d03h02m");
    CHECK_STR(text_mac(text, (const uint8_t[6]){0x52, 0x54, 0, 0x12, 0x34, 0x56}),
              "52:54:00:12:34:56");
}

TEST(escapes) {
    char text[] = "a\\nb\\e[1m\\\\n\\q\\";
    text_unescape(text);
    CHECK_STR(text, "a\nb\033[1m\\n\\q\\");
}

TEST(addresses) {
    struct url url;
    REQUIRE(url_parse("http://10.0.2.2:8080/a/b?c", &url));
    CHECK_STR(url.host, "10.0.2.2");
    CHECK_EQ(url.port, 8080);
    CHECK_STR(url.path, "/a/b?c");
    REQUIRE(url_parse("host.example", &url));
    CHECK_EQ(url.port, 80);
    CHECK_STR(url.path, "/");
    REQUIRE(url_parse("host/x://y", &url));
    CHECK_STR(url.path, "/x://y");
    char name[URL_HOST];
    REQUIRE(url_parse("http://[fec0::2]:81/x", &url));
    CHECK_STR(url.host, "[fec0::2]");
    CHECK_EQ(url.port, 81);
    url_name(&url, name);
    CHECK_STR(name, "fec0::2");
    REQUIRE(url_parse("[::1]", &url));
    CHECK_EQ(url.port, 80);
    CHECK(!url_parse("[::1]x/", &url));
    CHECK(!url_parse("https://host/", &url));
    CHECK(!url_parse("", &url));
    CHECK(!url_parse("http:///x", &url));
    CHECK(!url_parse("host:0/", &url));
    CHECK(!url_parse("host:70000/", &url));
    CHECK(!url_parse("host:x/", &url));
}

TEST(redirections_are_followed_where_they_can) {
    struct url url;
    REQUIRE(url_parse("http://host:81/a/b", &url));
    CHECK(url_follow(&url, "/c?d"));
    CHECK_STR(url.host, "host");
    CHECK_EQ(url.port, 81);
    CHECK_STR(url.path, "/c?d");
    CHECK(!url_follow(&url, "https://host/"));
    CHECK(!url_follow(&url, "//other/"));
    CHECK(!url_follow(&url, "c"));
    CHECK(url_follow(&url, "http://[::1]/e"));
    CHECK_STR(url.host, "[::1]");
    CHECK_EQ(url.port, 80);
}

static void check_frame(const char *hex, size_t kept, const char *expected) {
    uint8_t bytes[128];
    char text[FRAME_TEXT];
    size_t length = strlen(hex) / 2;
    for (size_t i = 0; i < length; i++) {
        uint64_t value = 0;
        CHECK(parse_hex(hex + 2 * i, 2, &value));
        bytes[i] = (uint8_t)value;
    }
    CHECK_STR(frame_describe(text, bytes, kept < length ? kept : length, length), expected);
}

#define MACS "020000000001020000000002"
#define ECHO                                                                                       \
    MACS "0800450000200000000040010000"                                                            \
         "0a000001"                                                                                \
         "0a000002"                                                                                \
         "0800"                                                                                    \
         "0000"                                                                                    \
         "00010002"                                                                                \
         "61626364"
#define SYN6                                                                                       \
    MACS "86dd60000000001406400000000000000000000000000000000120010db8000000000000000000000001"    \
         "00501f9000000001000000025012040000000000"

TEST(frames_are_described) {
    check_frame(ECHO, 999, "46 bytes 10.0.0.1 > 10.0.0.2 icmp echo request id 1 seq 2");
    check_frame(ECHO, 36, "46 bytes 10.0.0.1 > 10.0.0.2 icmp cut");
    check_frame(SYN6, 999, "74 bytes ::1.80 > 2001:db8::1.8080 tcp SA seq 1 ack 2 win 1024 len 0");
    check_frame(MACS "0806"
                     "0001080006040001"
                     "020000000002"
                     "0a000002"
                     "000000000000"
                     "0a000001",
                999, "42 bytes arp who has 10.0.0.1 tell 10.0.0.2");
    check_frame(MACS "88cc00", 999, "15 bytes type 88cc");
    for (size_t kept = 0; kept < 74; kept++) { /* the sanitizers look on */
        uint8_t *bytes = malloc(kept + 1);
        char text[FRAME_TEXT];
        memset(bytes, 0x45, kept + 1);
        if (kept > 14) {
            bytes[12] = 8;
            bytes[13] = 0;
        }
        CHECK(strlen(frame_describe(text, bytes, kept, 1500)) != 0);
        free(bytes);
    }
}

static const char *cut(const char *text, size_t limit) {
    static char buffer[64];
    snprintf(buffer, sizeof(buffer), "%s", text);
    text_cut(buffer, limit);
    return buffer;
}

TEST(long_texts) {
    CHECK_STR(cut("abcdef", 6), "abcdef");
    CHECK_STR(cut("abcdefg", 6), "abc...");
    CHECK_STR(cut("a\u00e4\u00e4\u00e4", 6), "a\u00e4...");
    CHECK_STR(cut("\u00e4\u00e4\u00e4\u00e4", 6), "\u00e4...");
    CHECK_STR(cut("\U0001f600abc", 6), "...");
}

static struct http_head head;

static size_t feed(const char *text) {
    size_t at = 0;
    memset(&head, 0, sizeof(head));
    while (text[at] != 0 && !http_head_feed(&head, text[at++])) {
    }
    return at;
}

TEST(answers) {
    const char *good = "HTTP/1.1 200 OK\r\nServer: x\r\nCONTENT-Length:  12 \r\n\r\nbody";
    CHECK_EQ(feed(good), strlen(good) - 4);
    CHECK(head.complete && head.length_known);
    CHECK_EQ(head.status, 200);
    CHECK_EQ(head.length, 12);
    feed("HTTP/1.0 404 Not Found\n\n");
    CHECK_EQ(head.status, 404);
    CHECK(head.complete && !head.length_known);
    feed("SSH-2.0\r\n\r\n");
    CHECK(head.complete);
    CHECK_EQ(head.status, 0);
    feed("HTTP/1.1\r\n\r\n");
    CHECK_EQ(head.status, 0);
    feed("HTTP/1.1 200\r\nContent-Length: -1\r\nContent-Length: x\r\n\r\n");
    CHECK(!head.length_known);
}
