/* SPDX-License-Identifier: MIT */
/* Writing of answers. */
#include <common/format.h>
#include <common/string.h>

#include "http.h"

const char *http_status_text(int status) {
    static const struct {
        int status;
        const char *text;
    } texts[] = {
        {200, "OK"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {416, "Range Not Satisfiable"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i].status == status) {
            return texts[i].text;
        }
    }
    return "Unknown";
}

const char *http_type(const char *path) {
    static const struct {
        const char *end, *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".htm", "text/html; charset=utf-8"},
        {".txt", "text/plain; charset=utf-8"},
        {".md", "text/plain; charset=utf-8"},
        {".c", "text/plain; charset=utf-8"},
        {".h", "text/plain; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".csv", "text/csv; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".json", "application/json"},
        {".xml", "application/xml"},
        {".pdf", "application/pdf"},
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".jpeg", "image/jpeg"},
        {".gif", "image/gif"},
        {".svg", "image/svg+xml"},
        {".ico", "image/vnd.microsoft.icon"},
        {".wasm", "application/wasm"},
        {".gz", "application/gzip"},
        {".tar", "application/x-tar"},
        {".zip", "application/zip"},
    };
    const char *name = strrchr(path, '/');
    const char *dot = strrchr(name != NULL ? name : path, '.');
    for (size_t i = 0; dot != NULL && i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(dot, types[i].end) == 0) {
            return types[i].type;
        }
    }
    return "application/octet-stream";
}

static void put(char *to, size_t *used, const char *text, ...)
    __attribute__((format(printf, 3, 4)));
static void put(char *to, size_t *used, const char *text, ...) {
    va_list arguments;
    va_start(arguments, text);
    size_t room = HTTP_ANSWER_MAX - *used;
    size_t length = format_v(to + *used, room, text, arguments);
    va_end(arguments);
    *used += length < room ? length : room - 1;
}

size_t http_answer_format(const struct http_answer *answer, char *to) {
    size_t used = 0;
    put(to, &used, "HTTP/1.1 %d %s\r\nServer: axolotl\r\nContent-Length: %lu\r\n", answer->status,
        http_status_text(answer->status), answer->length);
    if (answer->type != NULL) {
        put(to, &used, "Content-Type: %s\r\n", answer->type);
    }
    if (answer->status == 200 || answer->status == 206) {
        put(to, &used, "Accept-Ranges: bytes\r\n");
    }
    if (answer->status == 206) {
        put(to, &used, "Content-Range: bytes %lu-%lu/%lu\r\n", answer->first,
            answer->first + answer->length - 1, answer->size);
    } else if (answer->status == 416) {
        put(to, &used, "Content-Range: bytes */%lu\r\n", answer->size);
    }
    if (answer->allow != NULL) {
        put(to, &used, "Allow: %s\r\n", answer->allow);
    }
    if (answer->location != NULL) {
        put(to, &used, "Location: ");
        (void)http_append_url(to, HTTP_ANSWER_MAX, &used, answer->location);
        put(to, &used, "\r\n");
    }
    put(to, &used, "Connection: %s\r\n\r\n", answer->keep_alive ? "keep-alive" : "close");
    return used;
}

static bool unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           strchr("/-._~", c) != NULL;
}

bool http_append_url(char *text, size_t size, size_t *used, const char *path) {
    size_t at = *used;
    for (; *path != '\0'; path++) {
        if (at + 4 > size) {
            text[*used] = '\0';
            return false;
        }
        if (unreserved(*path)) {
            text[at++] = *path;
        } else {
            at += format(text + at, size - at, "%%%02X", (unsigned)(unsigned char)*path);
        }
    }
    text[at] = '\0';
    *used = at;
    return true;
}

bool http_append_html(char *text, size_t size, size_t *used, const char *plain) {
    size_t at = *used;
    for (; *plain != '\0'; plain++) {
        const char *entity = *plain == '<'   ? "&lt;"
                             : *plain == '>' ? "&gt;"
                             : *plain == '&' ? "&amp;"
                             : *plain == '"' ? "&quot;"
                                             : NULL;
        size_t length = entity != NULL ? strlen(entity) : 1;
        if (at + length + 1 > size) {
            text[*used] = '\0';
            return false;
        }
        memcpy(text + at, entity != NULL ? entity : plain, length);
        at += length;
    }
    text[at] = '\0';
    *used = at;
    return true;
}
