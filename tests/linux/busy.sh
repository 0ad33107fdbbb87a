# SPDX-License-Identifier: MIT
# Something to do for a while, with a result that shows every loss.
i=0
while [ $i -lt 150 ]; do
    i=$((i + 1))
    seq 1 $((i * 7)) | sort -rn | cat > f
    echo $i $(wc -l < f) $(md5sum < f) >> all
    (exit $((i % 100)))
    echo $? >> all
done
wc -l < all
md5sum < all
rm all f
echo finished
