# SPDX-License-Identifier: MIT
# The shell itself: processes, pipes, redirection, signals.
echo a b  c; echo "$#" "$0" | sed 's/.*\///'
x=5; echo $((x * 3 + 1)) ${x:-no} ${y:-no} `echo sub` $(echo $(echo nested))
false; echo $?; true; echo $?; (exit 3); echo $?; nothing_like_that 2>/dev/null; echo $?
echo hello | cat | tr l L; seq 1 5 | while read i; do echo "<$i>"; done | tac
for i in 1 2 3; do echo $i; done > out; cat < out; cat out >&2 2>&1
{ echo to stdout; echo to stderr >&2; } 2>&1 | sort
f() { local z=$1; return $((z + 1)); }; f 4; echo $?
case abc in a*) echo matched;; esac
trap 'echo trapped' USR1; kill -USR1 $$; trap - USR1
trap 'echo bye' EXIT
sleep 0 & p=$!; wait $p; echo waited $?
(sleep 100 & kill $!; wait $! 2>/dev/null; echo $?)
sh -c 'kill -TERM $$'; echo $?
sh -c 'exit 7' & wait $!; echo $?
yes | head -2; seq 1 100000 | tail -1
cat <<END
here $x
END
set -- p q r; shift; echo $1 $#; echo $(echo 1; echo 2)
exec 3> three; echo to three >&3; exec 3>&-; cat three; rm three out
umask; cd /; pwd; cd - > /dev/null; type echo
sh -c 'trap "" TERM; kill -TERM $$; echo ignored'
i=0; while [ $i -lt 200 ]; do i=$((i + 1)); (exit 0); done; echo $i
