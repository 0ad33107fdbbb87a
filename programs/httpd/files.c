/* SPDX-License-Identifier: MIT */
/* What a request is answered with: a file or a part of it, a directory's list, an error. */
#include <client/file.h>
#include <common/format.h>
#include <common/string.h>
#include <ipc/handle.h>

#include "httpd.h"

void answer_error(struct answer_to *answer, int status) {
    const char *text = http_status_text(status);
    answer->length =
        format(answer->body, BODY_ROOM, "<!doctype html><title>%d %s</title><h1>%d %s</h1>\n",
               status, text, status, text);
    answer->head = (struct http_answer){
        .status = status,
        .keep_alive = answer->keep_alive,
        .type = "text/html; charset=utf-8",
        .length = answer->length,
        .allow = status == 405 ? "GET, HEAD" : NULL,
    };
}

static int status_of_error(status_t error) {
    switch (error) {
    case E_NOT_FOUND:
    case E_NOT_DIRECTORY:
        return 404;
    case E_NAME_TOO_LONG:
        return 414;
    case E_RIGHTS:
        return 403;
    case E_QUOTA:
    case E_BUSY:
        return 503;
    default:
        return 500;
    }
}

/* The file becomes the answer's, or is closed. */
static void answer_file(struct answer_to *answer, const char *path, handle_t file, uint64_t size) {
    struct http_answer *head = &answer->head;
    *head = (struct http_answer){
        .keep_alive = answer->keep_alive, .type = http_type(path), .size = size};
    head->status = http_range_apply(answer->request, size, &answer->first, &answer->count);
    if (head->status == 416) {
        head->type = NULL;
        answer->count = 0;
    }
    head->first = answer->first;
    head->length = answer->count;
    if (answer->count == 0 || answer->request->method == HTTP_HEAD) {
        answer->count = 0;
        handle_close(file);
    } else {
        answer->file = file;
    }
}

/* ---- Directories -------------------------------------------------------------------------- */

struct listing {
    char *text;
    size_t used;
    bool full;
};

#define LISTING_ROOM (BODY_ROOM - 64)

static void list_text(struct listing *listing, const char *text) {
    size_t length = strlen(text);
    if (listing->full || listing->used + length > LISTING_ROOM) {
        listing->full = true;
        return;
    }
    memcpy(listing->text + listing->used, text, length);
    listing->used += length;
}

static void list_entry(struct listing *listing, const struct file_entry *entry) {
    const char *slash = entry->type == FILE_DIRECTORY ? "/" : "";
    list_text(listing, "<li><a href=\"./");
    listing->full =
        listing->full || !http_append_url(listing->text, LISTING_ROOM, &listing->used, entry->name);
    list_text(listing, slash);
    list_text(listing, "\">");
    listing->full = listing->full ||
                    !http_append_html(listing->text, LISTING_ROOM, &listing->used, entry->name);
    list_text(listing, slash);
    list_text(listing, "</a>\n");
}

static void answer_listing(struct answer_to *answer, handle_t directory) {
    struct listing listing = {.text = answer->body};
    struct file_readdir_reply entries = {0};
    list_text(&listing, "<!doctype html><meta charset=utf-8><title>");
    (void)http_append_html(listing.text, LISTING_ROOM, &listing.used, answer->request->path);
    list_text(&listing, "</title><ul>\n");
    do {
        status_t status = file_readdir(directory, entries.cursor, &entries);
        if (status < 0) {
            answer_error(answer, status_of_error(status));
            return;
        }
        for (uint64_t i = 0; i < entries.count && !listing.full; i++) {
            size_t before = listing.used;
            list_entry(&listing, &entries.entries[i]);
            listing.used = listing.full ? before : listing.used;
        }
    } while (entries.count != 0 && !listing.full);
    listing.used += format(listing.text + listing.used, BODY_ROOM - listing.used, "%s</ul>\n",
                           listing.full ? "<li>and more\n" : "");
    answer->length = listing.used;
    answer->head = (struct http_answer){.status = 200,
                                        .keep_alive = answer->keep_alive,
                                        .type = "text/html; charset=utf-8",
                                        .length = listing.used};
}

/* A directory's index.html, or what is in it. */
static void answer_directory(struct answer_to *answer, const char *path, handle_t directory) {
    char name[FILE_PATH_MAX];
    handle_t file;
    struct file_open_reply information;
    size_t length = format(name, sizeof name, "%s/index.html", path);
    if (length < sizeof name &&
        file_open(answer->site->vfs, name, FILE_OPEN_READ, &file, &information) >= 0) {
        if (information.type == FILE_REGULAR) {
            answer_file(answer, name, file, information.size);
            return;
        }
        handle_close(file);
    }
    answer_listing(answer, directory);
}

static void answer_redirect(struct answer_to *answer) {
    static char location[FILE_PATH_MAX + 1];
    (void)format(location, sizeof location, "%s/", answer->request->path);
    answer->head =
        (struct http_answer){.status = 301, .keep_alive = answer->keep_alive, .location = location};
}

/* ---- Requests ----------------------------------------------------------------------------- */

static void answer_opened(struct answer_to *answer, const char *path, handle_t file,
                          const struct file_open_reply *information) {
    bool root = strcmp(answer->request->path, "/") == 0;
    if (information->type == FILE_REGULAR && !answer->request->slash) {
        answer_file(answer, path, file, information->size);
        return;
    }
    if (information->type == FILE_DIRECTORY && (answer->request->slash || root)) {
        answer_directory(answer, path, file);
    } else if (information->type == FILE_DIRECTORY) {
        answer_redirect(answer);
    } else {
        answer_error(answer, information->type == FILE_REGULAR ? 404 : 403);
    }
    handle_close(file);
}

void answer_request(struct answer_to *answer) {
    char path[FILE_PATH_MAX];
    handle_t file;
    struct file_open_reply information;
    const struct site *site = answer->site;
    if (answer->request->method == HTTP_OTHER) {
        answer_error(answer, 405);
        return;
    }
    bool root = strcmp(answer->request->path, "/") == 0;
    size_t length = format(path, sizeof path, "%s%s", site->root,
                           root && site->root[0] != '\0' ? "" : answer->request->path);
    if (length >= sizeof path) {
        answer_error(answer, 414);
        return;
    }
    status_t status = file_open(site->vfs, path, FILE_OPEN_READ, &file, &information);
    if (status < 0) {
        answer_error(answer, status_of_error(status));
        return;
    }
    answer_opened(answer, strcmp(path, "/") == 0 ? "" : path, file, &information);
}
