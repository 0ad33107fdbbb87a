# SPDX-License-Identifier: MIT
# Fetches $1, whose SHA-256 is $2, until there is a file "stop"; says how often it was wrong.
n=0
wrong=0
echo started
while :; do
    n=$((n + 1))
    wget -q -O big "$1" || wrong=$((wrong + 1))
    set -- "$1" "$2" $(sha256sum < big)
    [ "$2" = "$3" ] || wrong=$((wrong + 1))
    [ -e stop ] && break
done
rm big stop
echo $wrong wrong, finished
