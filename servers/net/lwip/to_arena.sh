#!/bin/sh
# SPDX-License-Identifier: MIT
# Joins lwIP's objects into one and renames their writable sections: they are state of the arena.
# Constants with addresses in them (.data.rel.ro) stay with the program. Anything else would be lost
# at a restart: an error.
#   to_arena.sh OBJCOPY LD OUTPUT OBJECT...
set -eu
objcopy=$1 ld=$2 output=$3
shift 3
"$ld" -r -o "$output.joined" "$@"
"$objcopy" --rename-section .data=.arena.data --rename-section .data.rel=.arena.data.rel \
    --rename-section .data.rel.local=.arena.data.rel.local --rename-section .bss=.arena.bss \
    "$output.joined" "$output"
rm -f "$output.joined"
left=$("${objcopy%objcopy}objdump" -h "$output" |
    awk '$2 ~ /^\.(data|bss|tdata|tbss)/ && $2 !~ /^\.data\.rel\.ro/ { print $2 }')
if [ -n "$left" ]; then
    echo "lwIP has variables in sections that would not survive a restart: $left" >&2
    exit 1
fi
