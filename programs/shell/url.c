/* SPDX-License-Identifier: MIT
 * Addresses of HTTP (RFC 3986, the part that is needed) and answers' heads (RFC 9112).
 */
#include "url.h"

#include <common/parse.h>
#include <common/string.h>

#define HTTP_PORT 80

bool url_parse(const char *text, struct url *url) {
    const char *scheme = strstr(text, "://");
    const char *slash = strchr(text, '/');
    if (scheme != NULL && scheme < slash) {
        if (!parse_equal(text, (size_t)(scheme - text), "http")) {
            return false;
        }
        text = scheme + 3;
        slash = strchr(text, '/');
    }
    size_t length = slash != NULL ? (size_t)(slash - text) : strlen(text);
    const char *bracket = text[0] == '[' ? memchr(text, ']', length) : NULL; /* IPv6 */
    const char *from = bracket != NULL ? bracket : text;
    const char *colon = memchr(from, ':', length - (size_t)(from - text));
    size_t host = colon != NULL ? (size_t)(colon - text) : length;
    uint64_t port = HTTP_PORT;
    if (colon != NULL && (!parse_u64(colon + 1, length - host - 1, &port) || port == 0)) {
        return false;
    }
    if (host == 0 || host >= sizeof(url->host) || port > 65535) {
        return false;
    }
    if (bracket != NULL && bracket + 1 != text + host) {
        return false;
    }
    memcpy(url->host, text, host);
    url->host[host] = 0;
    url->port = (uint32_t)port;
    return strlcpy(url->path, slash != NULL ? slash : "/", sizeof(url->path)) < sizeof(url->path);
}

void url_name(const struct url *url, char name[URL_HOST]) {
    size_t length = strlen(url->host);
    bool bracket = url->host[0] == '[';
    memcpy(name, url->host + bracket, length - bracket);
    name[bracket ? length - 2 : length] = '\0';
}

bool url_follow(struct url *url, const char *location) {
    struct url next;
    if (location[0] == '/' && location[1] != '/') {
        return strlcpy(url->path, location, sizeof url->path) < sizeof url->path;
    }
    if (strlen(location) < 7 || memcmp(location, "http://", 7) != 0 ||
        !url_parse(location, &next)) {
        return false;
    }
    *url = next;
    return true;
}

static bool starts_with(const char *line, const char *name) {
    for (; *name != 0; line++, name++) {
        char character = *line >= 'A' && *line <= 'Z' ? (char)(*line - 'A' + 'a') : *line;
        if (character != *name) {
            return false;
        }
    }
    return true;
}

static void http_head_line(struct http_head *head) {
    const char *cursor = head->line;
    const char *end = head->line + head->line_length;
    const char *word;
    uint64_t number;
    if (head->line_number++ == 0) {
        size_t length = parse_word(&cursor, end, &word);
        if (length >= 5 && memcmp(word, "HTTP/", 5) == 0) {
            length = parse_word(&cursor, end, &word);
            if (parse_u64(word, length, &number) && number >= 100 && number < 1000) {
                head->status = (uint32_t)number;
            }
        }
    } else if (starts_with(head->line, "content-length:")) {
        cursor += 15;
        size_t length = parse_word(&cursor, end, &word);
        if (length != 0 && parse_u64(word, length, &number)) {
            head->length = number;
            head->length_known = true;
        }
    } else if (starts_with(head->line, "location:")) {
        cursor += 9;
        size_t length = parse_word(&cursor, end, &word);
        if (length < sizeof head->location && head->line_length < sizeof head->line - 1) {
            memcpy(head->location, word, length);
            head->location[length] = 0;
        }
    }
}

bool http_head_feed(struct http_head *head, char byte) {
    if (byte != '\n') {
        if (head->line_length < sizeof(head->line) - 1) {
            head->line[head->line_length++] = byte;
        }
        return false;
    }
    if (head->line_length != 0 && head->line[head->line_length - 1] == '\r') {
        head->line_length--;
    }
    head->line[head->line_length] = 0;
    if (head->line_length == 0 && head->line_number != 0) {
        head->complete = true;
        return true;
    }
    http_head_line(head);
    head->line_length = 0;
    return false;
}
