# SPDX-License-Identifier: MIT
# Forks, pipes and writes files until there is a file "stop"; says how often the result was wrong.
n=0
wrong=0
echo started
while :; do
    n=$((n + 1))
    seq 1 500 | sort -rn | cat > f
    set -- $(wc -l < f) $(tail -n 1 f) $(head -n 1 f)
    [ "$*" = "500 1 500" ] || wrong=$((wrong + 1))
    set -- $(md5sum < f)
    [ $n = 1 ] && right=$1
    [ "$1" = "$right" ] || wrong=$((wrong + 1))
    (exit $((n % 100)))
    [ $? = $((n % 100)) ] || wrong=$((wrong + 1))
    echo $n >> all
    [ "$(tail -n 1 all) $(wc -l < all)" = "$n $n" ] || wrong=$((wrong + 1))
    [ -e stop ] && break
done
rm all f stop
echo $wrong wrong, finished
