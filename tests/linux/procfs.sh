# SPDX-License-Identifier: MIT
# /proc and what reads it.
victim=./v$$
cp ${T:-/boot/test}/pausing $victim

# $1 waits until the state of process $2 in /proc is that.
state() {
    until grep -q "^State:.$1" /proc/$2/status 2> /dev/null; do sleep 0.01; done
    echo "state $1"
}
cat /proc/self/comm; cat /proc/self/cmdline | tr '\0' ' '; echo
set -- $(cat /proc/self/stat); echo $# $2 $3 $(cat /proc/self/statm | wc -w)
[ $(cut -d' ' -f4 /proc/self/stat) = $$ ] && echo the parent
grep -E '^(Name|State|Threads|TracerPid)' /proc/self/status
awk -v u=$(id -u) -v g=$(id -g) '/^[UG]id/ {print $1, $2 == u || $2 == g}' /proc/self/status
[ $(awk '/^PPid/ {print $2}' /proc/self/status) = $$ ] && echo the parent again
sh -c 'trap "" HUP; trap : USR1; grep -E "^Sig(Ign|Cgt)" /proc/self/status'
$victim a 'b c' '' & p=$!
until [ "$(cat /proc/$p/comm)" = "v$$" ]; do sleep 0.01; done
state S $p
cat /proc/$p/cmdline | tr '\0' '|' | sed "s/v$$/V/"; echo
[ "$(pidof v$$)" = $p ] && echo found
ps -o pid,ppid,comm | awk -v p=$p -v s=$$ '$1 == p {print $2 == s, $3 ~ /^v/}'
ps | awk -v p=$p '$1 == p {print $NF}'
kill -STOP $p; state T $p
kill -CONT $p; state S $p
{ killall v$$; wait $p; } 2> /dev/null; echo $?; [ -e /proc/$p ] || echo gone
killall v$$ 2> /dev/null; echo $?; pidof v$$; echo $?; cat /proc/$p/stat 2> /dev/null; echo $?
$victim zombie & p=$!
until [ -e zombie ]; do sleep 0.01; done
z=$(cat zombie); state Z $z; cat /proc/$z/cmdline | wc -c; { kill $p; wait $p; } 2> /dev/null
ls /proc/self/fd | cat; ls /proc/$$ | grep -cE '^(cmdline|comm|cwd|exe|fd|maps|stat|statm|status)$'
ls /proc | grep -cx -e $$ -e self; ls -d /proc/self/; test -L /proc/self && echo link
basename $(readlink /proc/self/exe); test -f /proc/self/status && test -d /proc/$$/fd && echo tested
(cd /proc/$$ && pwd | sed "s/$$/PID/" && head -n 1 status && cat ../$$/comm)
cd /proc/nothing 2> /dev/null || cat /proc/99999/stat 2> /dev/null || cat /proc/self/nothing 2> /dev/null || echo none
echo x 2> /dev/null > /proc/self/stat || echo read only
grep -F '[stack]' /proc/self/maps | awk '{print $2, $3, $4, $5, $6}'
awk '{print NF}' /proc/uptime; awk '{print NF}' /proc/loadavg; awk '/^cpu / {print NF}' /proc/stat
awk '$2 == "/proc" {print $3}' /proc/mounts | head -n 1; mount | grep -q ' on /proc type proc ' && echo mounted
uptime | grep -o 'load average:'; free | awk '{print $1}' | head -n 2
top -b -n 1 | awk 'NR < 4 {print $1}'; top -b -n 1 | grep -c '[t]op -b -n 1'
rm $victim zombie
