# SPDX-License-Identifier: MIT
# Files and text tools; works in the directory it is started in.
mkdir -p d/e/f
echo one > d/a; echo two >> d/a; cp d/a d/b; mv d/b d/e/c
cat d/a d/e/c; wc -l d/a | awk '{print $1}'
ls d d/e | cat; ls nothing; echo $?
rmdir d/e; echo $?
rm d/e/c; rmdir d/e/f d/e; ls d | cat
seq 1 1000 > n; sort -rn n | head -3; tail -n 2 n; grep -c 7 n
sed -n '5,7s/^/line /p' n
awk '{s += $1} END {print s}' n
tr 'a-z' 'A-Z' < d/a; cut -c1-2 d/a; md5sum n | cut -d' ' -f1; sha256sum < n
dd if=n of=m bs=100 skip=2 count=3 2>/dev/null; cat m; echo; cmp n m; echo $?
printf 'x\0y' | od -c; head -c 10 /dev/zero | hexdump -C
tar cf t.tar d n; tar tf t.tar; mkdir x; tar xf t.tar -C x; cmp n x/n && echo same
gzip -c n > n.gz; gunzip -c n.gz | cmp - n && echo unzipped
find x -type f | sort; test -d x && test ! -e y && echo tested
truncate -s 5 n; cat n; echo; echo abcdef > o; printf ZZ | dd of=o conv=notrunc bs=1 seek=2 2>/dev/null; cat o
: > empty; wc -c < empty; cat empty nothing; echo $?
rm -r x d t.tar n n.gz m o empty; ls | cat
