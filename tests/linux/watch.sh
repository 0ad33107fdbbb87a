# SPDX-License-Identifier: MIT
# Looks at processes in /proc until there is a file "stop"; says how often what it saw was wrong.
n=0
wrong=0
sleep 100000 & a=$!
sleep 100000 & b=$!
until [ "$(cat /proc/$a/comm /proc/$b/comm | tr '\n' ' ')" = "sleep sleep " ]; do sleep 0.01; done
echo started
while :; do
    n=$((n + 1))
    set -- $(ps -o pid,ppid,comm | awk -v a=$a -v b=$b '$1 == a || $1 == b {print $2, $3}')
    [ "$*" = "$$ sleep $$ sleep" ] || wrong=$((wrong + 1))
    set -- $(cat /proc/$a/cmdline | tr '\0' ' ')
    [ "$*" = "sleep 100000" ] || wrong=$((wrong + 1))
    set -- $(cat /proc/$b/stat)
    [ "$1 $2 $4 $#" = "$b (sleep) $$ 52" ] || wrong=$((wrong + 1))
    (exit 5) &
    wait $!
    [ "$? $(ls /proc | grep -cx $!)" = "5 0" ] || wrong=$((wrong + 1))
    [ -e stop ] && break
done
kill $a $b
rm stop
echo $wrong wrong, finished
