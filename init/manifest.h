/* SPDX-License-Identifier: MIT */
/*
 * The manifest: which services there are and what each gets. Syntax: docs/spec/manifest.md.
 * Parsing needs nothing but memory. A line in error is reported and left out; the rest counts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <axolotl/abi.h>

#define MANIFEST_SERVICES 24
#define MANIFEST_GRANTS 16
#define MANIFEST_ARGUMENTS 512
#define MANIFEST_NAME 20 /* with the NUL; as STARTUP_NAME and SERVICE_NAME */

enum grant_kind {
    GRANT_USE = 1,     /* session on the service `target`, badge `first` */
    GRANT_SYSTEM,      /* the system object, `rights` */
    GRANT_IOPORT,      /* ports from `first`, `second` of them */
    GRANT_IRQ,         /* ISA interrupt `first` */
    GRANT_MEMORY,      /* physical memory at `first`, `second` bytes */
    GRANT_FRAMEBUFFER, /* the boot loader's framebuffer, if there is one */
    GRANT_BOOT,        /* a copy of struct boot_page */
    GRANT_MODULE,      /* the boot module `target`, read-only */
    GRANT_SUPERVISOR,  /* init's task: to look at, and to start again */
};

struct grant {
    uint32_t kind; /* enum grant_kind */
    uint32_t rights;
    char name[MANIFEST_NAME]; /* of the handle in the service's startup block */
    char target[MANIFEST_NAME];
    uint64_t first, second;
};

enum service_kind { KIND_SERVER = 0, KIND_PROGRAM = 1, KIND_DRIVER = 2 };
enum restart_policy { RESTART_ALWAYS = 0, RESTART_FAILURE = 1, RESTART_NEVER = 2 };

struct manifest_service {
    char name[MANIFEST_NAME];
    char program[MANIFEST_NAME];     /* name of the boot module */
    char protocols[IMAGE_PROTOCOLS]; /* that its clients speak, as in an image's note */
    uint32_t kind;                   /* enum service_kind */
    uint32_t restart;                /* enum restart_policy */
    uint32_t priority;
    uint32_t optional;       /* 1: nothing is said when the module is not there */
    uint32_t manual;         /* 1: started by an operator only */
    uint64_t memory;         /* bytes of its account, at least */
    uint32_t memory_percent; /* ... or this share of the machine's, if that is more */
    uint32_t argument_count;
    uint64_t arena;           /* bytes; 0: what the program's variables need */
    uint32_t argument_length; /* bytes used of arguments */
    uint32_t grant_count;
    char arguments[MANIFEST_ARGUMENTS]; /* NUL-terminated, one after another */
    struct grant grants[MANIFEST_GRANTS];
};

struct manifest {
    uint32_t service_count;
    uint32_t error_count;
    struct manifest_service services[MANIFEST_SERVICES];
};

/* Called for each error, with the number of its line, from 1. */
typedef void manifest_report(void *context, uint32_t line, const char *text);

/* Parses `length` bytes of text into *manifest. Names that `use` and `module` lines refer to are
 * not checked here, except that a service used must be in the manifest or be init. */
void manifest_parse(const char *text, size_t length, struct manifest *manifest,
                    manifest_report *report, void *context);

/* The service of that name, NULL when there is none. */
struct manifest_service *manifest_find(struct manifest *manifest, const char *name);
