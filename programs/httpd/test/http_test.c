/* SPDX-License-Identifier: MIT */
/* Requests, paths, ranges and answers of the HTTP server. */
#include "check.h"

#include "http.h"

static struct http_request request;

static int parse(const char *text) {
    return http_request_parse(text, strlen(text), &request);
}

static int target(const char *text) {
    memset(&request, 0, sizeof request);
    return http_target_parse(text, strlen(text), &request);
}

TEST(head_ends_with_an_empty_line) {
    CHECK_EQ(http_head_length("GET / HTTP/1.1\r\n\r\nrest", 22), 18);
    CHECK_EQ(http_head_length("GET / HTTP/1.1\n\n", 16), 16);
    CHECK_EQ(http_head_length("GET / HTTP/1.1\r\n", 16), 0);
    CHECK_EQ(http_head_length("GET / HTTP/1.1\r\n\r", 17), 0);
    CHECK_EQ(http_head_length("", 0), 0);
}

TEST(request_lines) {
    CHECK_EQ(parse("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"), 0);
    CHECK_EQ(request.method, HTTP_GET);
    CHECK(request.keep_alive);
    CHECK_STR(request.path, "/a");
    CHECK_EQ(parse("HEAD / HTTP/1.0\r\n\r\n"), 0);
    CHECK_EQ(request.method, HTTP_HEAD);
    CHECK(!request.keep_alive);
    CHECK_EQ(parse("POST /a HTTP/1.1\r\n\r\n"), 0);
    CHECK_EQ(request.method, HTTP_OTHER);
    CHECK_EQ(parse("GET /a\r\n\r\n"), 400);
    CHECK_EQ(parse("GET  HTTP/1.1\r\n\r\n"), 400);
    CHECK_EQ(parse(" / HTTP/1.1\r\n\r\n"), 400);
    CHECK_EQ(parse("GET / HTTP/2.0\r\n\r\n"), 505);
    CHECK_EQ(parse("GET / XTTP/1.1\r\n\r\n"), 400);
    CHECK_EQ(parse("\r\n"), 400);
    CHECK_EQ(parse("GET a HTTP/1.1\r\n\r\n"), 400);
}

TEST(fields) {
    CHECK_EQ(parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), 0);
    CHECK(request.keep_alive);
    CHECK_EQ(parse("GET / HTTP/1.1\r\ncONNECTION:\tfoo , close \r\n\r\n"), 0);
    CHECK(!request.keep_alive);
    CHECK_EQ(parse("GET / HTTP/1.1\r\nContent-Length: 12\r\n\r\n"), 0);
    CHECK_EQ(request.body_length, 12);
    CHECK_EQ(parse("GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"), 400);
    CHECK_EQ(parse("GET / HTTP/1.1\r\nContent-Length: 1 2\r\n\r\n"), 400);
    CHECK_EQ(parse("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), 0);
    CHECK(request.has_body);
    CHECK_EQ(parse("GET / HTTP/1.1\r\nno colon\r\n\r\n"), 400);
    CHECK_EQ(parse("GET / HTTP/1.1\r\n folded: x\r\n\r\n"), 400);
    CHECK_EQ(parse("GET / HTTP/1.1\r\nName : x\r\n\r\n"), 400);
    CHECK_EQ(parse("GET / HTTP/1.1\r\n: x\r\n\r\n"), 400);
}

TEST(paths_are_normalised) {
    CHECK_EQ(target("/"), 0);
    CHECK_STR(request.path, "/");
    CHECK(request.slash);
    CHECK_EQ(target("/a/b.txt?x=/../y"), 0);
    CHECK_STR(request.path, "/a/b.txt");
    CHECK(!request.slash);
    CHECK_EQ(target("/a//./b/../c/"), 0);
    CHECK_STR(request.path, "/a/c");
    CHECK(request.slash);
    CHECK_EQ(target("/a%20b%25"), 0);
    CHECK_STR(request.path, "/a b%");
    CHECK_EQ(target("/a/.."), 0);
    CHECK_STR(request.path, "/");
    CHECK(request.slash);
    CHECK_EQ(target("/..."), 0);
    CHECK_STR(request.path, "/...");
    CHECK_EQ(target("/%c3%a4"), 0);
    CHECK_STR(request.path, "/\xc3\xa4");
}

TEST(paths_never_leave_the_root) {
    CHECK_EQ(target("/.."), 400);
    CHECK_EQ(target("/../etc/passwd"), 400);
    CHECK_EQ(target("/a/../../b"), 400);
    CHECK_EQ(target("/%2e%2e/b"), 400);
    CHECK_EQ(target("/a/%2E./.%2e/b"), 400);
    CHECK_EQ(target("/a%2fb"), 400);
    CHECK_EQ(target("/a%00b"), 400);
    CHECK_EQ(target("/a%0ab"), 400);
    CHECK_EQ(target("/a%"), 400);
    CHECK_EQ(target("/a%2"), 400);
    CHECK_EQ(target("/a%zz"), 400);
    CHECK_EQ(target(""), 400);
    CHECK_EQ(target("?x"), 400);
}

TEST(long_paths_are_refused) {
    char text[FILE_PATH_MAX + 10];
    memset(text, 'a', sizeof text);
    text[0] = '/';
    memset(&request, 0, sizeof request);
    CHECK_EQ(http_target_parse(text, FILE_PATH_MAX, &request), 414);
    CHECK_EQ(http_target_parse(text, FILE_PATH_MAX - 2, &request), 0);
    CHECK_EQ(strlen(request.path), FILE_PATH_MAX - 2);
}

TEST(random_targets_give_clean_paths) {
    static const char letters[] = "/../%2e%2Fa?%25.%";
    for (int round = 0; round < 200000; round++) {
        char text[24];
        size_t length = (size_t)check_random_below(sizeof text);
        for (size_t i = 0; i < length; i++) {
            text[i] = letters[check_random_below(sizeof letters - 1)];
        }
        memset(&request, 0, sizeof request);
        if (http_target_parse(text, length, &request) == 0) {
            REQUIRE(request.path[0] == '/');
            REQUIRE(strstr(request.path, "//") == NULL);
            char ended[FILE_PATH_MAX + 2];
            snprintf(ended, sizeof ended, "%s/", request.path);
            REQUIRE(strstr(ended, "/../") == NULL && strstr(ended, "/./") == NULL);
        }
    }
}

static int range(const char *text, uint64_t size, uint64_t *first, uint64_t *count) {
    char head[128];
    snprintf(head, sizeof head, "GET / HTTP/1.1\r\nRange: %s\r\n\r\n", text);
    return parse(head) == 0 ? http_range_apply(&request, size, first, count) : -1;
}

TEST(ranges) {
    uint64_t first, count;
    CHECK_EQ(range("bytes=0-9", 100, &first, &count), 206);
    CHECK_EQ(first, 0);
    CHECK_EQ(count, 10);
    CHECK_EQ(range("bytes=90-", 100, &first, &count), 206);
    CHECK_EQ(count, 10);
    CHECK_EQ(range("bytes=90-1000", 100, &first, &count), 206);
    CHECK_EQ(count, 10);
    CHECK_EQ(range("bytes=-5", 100, &first, &count), 206);
    CHECK_EQ(first, 95);
    CHECK_EQ(count, 5);
    CHECK_EQ(range("bytes=-500", 100, &first, &count), 206);
    CHECK_EQ(count, 100);
    CHECK_EQ(range("bytes=100-", 100, &first, &count), 416);
    CHECK_EQ(range("bytes=-0", 100, &first, &count), 416);
    CHECK_EQ(range("bytes=0-", 0, &first, &count), 416);
    CHECK_EQ(range("bytes=5-2", 100, &first, &count), 200);
    CHECK_EQ(range("bytes=0-1,5-6", 100, &first, &count), 200);
    CHECK_EQ(range("lines=0-1", 100, &first, &count), 200);
    CHECK_EQ(count, 100);
}

TEST(answers) {
    char text[HTTP_ANSWER_MAX + 1];
    struct http_answer answer = {.status = 206,
                                 .keep_alive = true,
                                 .type = "text/plain",
                                 .length = 5,
                                 .first = 2,
                                 .size = 9};
    text[http_answer_format(&answer, text)] = '\0';
    CHECK_STR(text, "HTTP/1.1 206 Partial Content\r\nServer: axolotl\r\nContent-Length: 5\r\n"
                    "Content-Type: text/plain\r\nAccept-Ranges: bytes\r\n"
                    "Content-Range: bytes 2-6/9\r\nConnection: keep-alive\r\n\r\n");
    char path[FILE_PATH_MAX];
    memset(path, '\xff', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    answer = (struct http_answer){.status = 301, .location = path};
    size_t length = http_answer_format(&answer, text);
    CHECK(length < HTTP_ANSWER_MAX);
    text[length] = '\0';
    CHECK(strstr(text, "Location: /%FF%FF") != NULL);
    CHECK(strstr(text, "Connection: close\r\n\r\n") != NULL);
}

TEST(types_and_escapes) {
    CHECK_STR(http_type("/a/b.html"), "text/html; charset=utf-8");
    CHECK_STR(http_type("/a.html/b"), "application/octet-stream");
    CHECK_STR(http_type("/x.unknown"), "application/octet-stream");
    char text[32];
    size_t used = 0;
    CHECK(http_append_html(text, sizeof text, &used, "<a&\"b>"));
    CHECK_STR(text, "&lt;a&amp;&quot;b&gt;");
    used = 0;
    CHECK(http_append_url(text, sizeof text, &used, "a b?"));
    CHECK_STR(text, "a%20b%3F");
    CHECK(!http_append_html(text, sizeof text, &used, "01234567890123456789012345"));
    CHECK_STR(text, "a%20b%3F");
}
