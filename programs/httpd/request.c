/* SPDX-License-Identifier: MIT */
/* Reading of requests. Whatever is not understood is refused; a path never leaves the root. */
#include "http.h"

#include <common/parse.h>
#include <common/string.h>

size_t http_head_length(const char *bytes, size_t length) {
    for (size_t i = 0; i + 1 < length; i++) {
        if (bytes[i] != '\n') {
            continue;
        }
        if (bytes[i + 1] == '\n') {
            return i + 2;
        }
        if (bytes[i + 1] == '\r' && i + 2 < length && bytes[i + 2] == '\n') {
            return i + 3;
        }
    }
    return 0;
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool equals(const char *text, size_t length, const char *word) {
    for (size_t i = 0; i < length; i++) {
        if (word[i] == '\0' || lower(text[i]) != lower(word[i])) {
            return false;
        }
    }
    return word[length] == '\0';
}

/* Whether a comma-separated list has the word. */
static bool list_has(const char *text, size_t length, const char *word) {
    while (length != 0) {
        size_t end = 0;
        while (end < length && text[end] != ',') {
            end++;
        }
        size_t from = 0, to = end;
        while (from < to && (text[from] == ' ' || text[from] == '\t')) {
            from++;
        }
        while (to > from && (text[to - 1] == ' ' || text[to - 1] == '\t')) {
            to--;
        }
        if (equals(text + from, to - from, word)) {
            return true;
        }
        end += end < length;
        text += end;
        length -= end;
    }
    return false;
}

/* ---- Target ------------------------------------------------------------------------------- */

/* The next character of the target; false: it is not allowed in a path. */
static bool decode(const char **at, const char *end, char *c) {
    *c = *(*at)++;
    if (*c == '%') {
        uint64_t value;
        if (end - *at < 2 || !parse_hex(*at, 2, &value)) {
            return false;
        }
        *at += 2;
        *c = (char)value;
    }
    return (unsigned char)*c >= 0x20 && *c != 0x7f;
}

/* Takes the last component off; false at the root. */
static bool go_up(char *path, size_t *length) {
    if (*length == 0) {
        return false;
    }
    while (path[--*length] != '/') {
    }
    return true;
}

/* Ends the component that starts at `start`, which "/" precedes. */
static bool end_component(char *path, size_t *length, size_t start) {
    size_t size = *length - start;
    if (size == 0 || (size == 1 && path[start] == '.')) {
        *length = start - 1;
    } else if (size == 2 && path[start] == '.' && path[start + 1] == '.') {
        *length = start - 1;
        return go_up(path, length);
    }
    return true;
}

int http_target_parse(const char *target, size_t length, struct http_request *request) {
    const char *end = target + length;
    const char *query = memchr(target, '?', length);
    char *path = request->path;
    size_t used = 0;
    end = query != NULL ? query : end;
    if (target == end || *target != '/') {
        return 400;
    }
    while (target < end) {
        size_t start = used + 1;
        char c = '/';
        target++;
        do {
            if (used + 2 >= sizeof request->path) {
                return 414;
            }
            path[used++] = c;
            if (target == end || *target == '/') {
                break;
            }
            if (!decode(&target, end, &c) || c == '/') {
                return 400;
            }
        } while (true);
        request->slash = used == start || (used == start + 1 && path[start] == '.') ||
                         (used == start + 2 && path[start] == '.' && path[start + 1] == '.');
        if (!end_component(path, &used, start)) {
            return 400;
        }
    }
    if (used == 0) {
        path[used++] = '/';
    }
    path[used] = '\0';
    return 0;
}

/* ---- Head --------------------------------------------------------------------------------- */

/* bytes=a-b, bytes=a-, bytes=-n. Anything else, several ranges too, counts as none. */
static void parse_range(const char *text, size_t length, struct http_request *request) {
    static const char unit[] = "bytes=";
    size_t skip = sizeof unit - 1;
    if (length <= skip || !equals(text, skip, unit)) {
        return;
    }
    text += skip;
    length -= skip;
    const char *dash = memchr(text, '-', length);
    if (dash == NULL) {
        return;
    }
    size_t before = (size_t)(dash - text), after = length - before - 1;
    if (before == 0) {
        if (parse_u64(dash + 1, after, &request->range_first)) {
            request->range = HTTP_RANGE_SUFFIX;
        }
        return;
    }
    request->range_last = UINT64_MAX;
    if (parse_u64(text, before, &request->range_first) &&
        (after == 0 || parse_u64(dash + 1, after, &request->range_last)) &&
        request->range_first <= request->range_last) {
        request->range = HTTP_RANGE_FROM;
    }
}

static int parse_field(const char *name, size_t name_length, const char *value, size_t length,
                       struct http_request *request) {
    if (equals(name, name_length, "connection")) {
        if (list_has(value, length, "close")) {
            request->keep_alive = false;
        } else if (list_has(value, length, "keep-alive")) {
            request->keep_alive = true;
        }
    } else if (equals(name, name_length, "content-length")) {
        return parse_u64(value, length, &request->body_length) ? 0 : 400;
    } else if (equals(name, name_length, "transfer-encoding")) {
        request->has_body = true;
    } else if (equals(name, name_length, "range")) {
        parse_range(value, length, request);
    }
    return 0;
}

/* One line, without its end. */
static int parse_line(const char *line, size_t length, struct http_request *request) {
    const char *colon = memchr(line, ':', length);
    if (colon == NULL || colon == line || line[0] == ' ' || line[0] == '\t' || colon[-1] == ' ' ||
        colon[-1] == '\t') {
        return 400;
    }
    const char *value = colon + 1;
    const char *end = line + length;
    while (value < end && (*value == ' ' || *value == '\t')) {
        value++;
    }
    while (end > value && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    return parse_field(line, (size_t)(colon - line), value, (size_t)(end - value), request);
}

static int parse_version(const char *text, size_t length, struct http_request *request) {
    if (length != 8 || memcmp(text, "HTTP/", 5) != 0) {
        return 400;
    }
    if (text[5] != '1' || text[6] != '.') {
        return 505;
    }
    request->keep_alive = text[7] != '0';
    return 0;
}

static int parse_request_line(const char *line, size_t length, struct http_request *request) {
    const char *end = line + length;
    const char *first = memchr(line, ' ', length);
    if (first == NULL || first == line) {
        return 400;
    }
    const char *target = first + 1;
    const char *second = memchr(target, ' ', (size_t)(end - target));
    if (second == NULL) {
        return 400;
    }
    size_t method = (size_t)(first - line);
    request->method = method == 3 && memcmp(line, "GET", 3) == 0    ? HTTP_GET
                      : method == 4 && memcmp(line, "HEAD", 4) == 0 ? HTTP_HEAD
                                                                    : HTTP_OTHER;
    int status = parse_version(second + 1, (size_t)(end - second - 1), request);
    if (status != 0) {
        return status;
    }
    if (request->method == HTTP_OTHER) {
        return 0; /* it is refused whatever it is about */
    }
    return http_target_parse(target, (size_t)(second - target), request);
}

int http_request_parse(const char *head, size_t length, struct http_request *request) {
    const char *end = head + length;
    bool first = true;
    memset(request, 0, sizeof *request);
    while (head < end) {
        const char *next = memchr(head, '\n', (size_t)(end - head));
        if (next == NULL) {
            return 400;
        }
        size_t size = (size_t)(next - head);
        if (size != 0 && head[size - 1] == '\r') {
            size--;
        }
        if (size == 0) {
            break;
        }
        if (memchr(head, '\0', size) != NULL) {
            return 400;
        }
        int status =
            first ? parse_request_line(head, size, request) : parse_line(head, size, request);
        if (status != 0) {
            return status;
        }
        first = false;
        head = next + 1;
    }
    return first ? 400 : 0;
}

int http_range_apply(const struct http_request *request, uint64_t size, uint64_t *first,
                     uint64_t *count) {
    *first = 0;
    *count = size;
    if (request->range == HTTP_RANGE_NONE) {
        return 200;
    }
    if (request->range == HTTP_RANGE_SUFFIX) {
        uint64_t wanted = request->range_first < size ? request->range_first : size;
        if (wanted == 0) {
            return 416;
        }
        *first = size - wanted;
        *count = wanted;
        return 206;
    }
    if (request->range_first >= size) {
        return 416;
    }
    uint64_t last = request->range_last < size ? request->range_last : size - 1;
    *first = request->range_first;
    *count = last - *first + 1;
    return 206;
}
