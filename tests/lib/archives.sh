#!/bin/sh
# Makes the archives that the tests of the splitter read: tests/lib/archives.sh DIR. Tools make what
# they can; python3 writes what no tool would.
set -eu
mkdir -p "$1"
cd "$1"
mkdir d
printf 'hello\n' >d/a.txt
printf 'more text\n' >d/b.txt
printf '{"a":1}\n\n{"b":2}\r\n{"c":3}' >d/x.jsonl
: >d/empty
printf 'gr\303\274\303\237e\n' >"d/n$(printf '\303\244')me.txt"
files="d/a.txt d/b.txt d/x.jsonl d/empty d/n$(printf '\303\244')me.txt"

tar -b1 -cf p.tar $files
zip -qX p.zip $files
zip -qX0 stored.zip $files
7z a -bd p.7z $files >/dev/null
gzip -nk p.tar
bzip2 -k p.tar
xz -k p.tar
zstd -qk p.tar
cp p.tar.gz p.tgz
gzip -nc p.zip >p.zip.gz
for tool in gzip bzip2 xz 'zstd -q'; do
    $tool -c <d/x.jsonl >"x.jsonl.${tool%% *}"
    $tool -c <d/a.txt >"a.txt.${tool%% *}"
done
mv x.jsonl.gzip x.jsonl.gz
mv a.txt.gzip a.txt.gz
cat a.txt.gz a.txt.gz >twice.txt.gz
cat a.txt.bzip2 a.txt.bzip2 >twice.txt.bz2
cat a.txt.xz a.txt.xz >twice.txt.xz
cat a.txt.zstd a.txt.zstd >twice.txt.zst
(cat a.txt.gz && head -c 1000 /dev/zero) >padded.txt.gz
(cat a.txt.gz && echo garbage) >garbage.txt.gz
(cat a.txt.gz && printf '\037rather like gzip, but not') >garbage2.txt.gz
cat p.tar p.tar >concatenated.tar

ln -s a.txt d/symbolic
ln d/a.txt d/hard
mkfifo d/pipe
tar -cf kinds.tar d/a.txt d/symbolic d/hard d/pipe
rm d/pipe
zip -qXy links.zip d/a.txt d/symbolic

tar -cf nested.tar p.zip p.7z p.tar.gz p.tar x.jsonl.gz a.txt.zstd
gzip -nc nested.tar >nested.tar.gz
zip -qX deeper.zip nested.tar.gz d/a.txt
gzip -nc a.txt.gz >a.txt.gz.gz
gzip -nc a.txt.gz.gz >a.txt.gz.gz.gz

zip -qX -P secret encrypted.zip d/a.txt
zip -qX encrypted.zip d/b.txt
7z a -bd -psecret encrypted.7z d/a.txt >/dev/null
7z a -bd -psecret -mhe=on hidden.7z d/a.txt >/dev/null

head -c 40000000 /dev/zero >zeros
head -c 40000000 /dev/zero | tr '\0' a >aaa.txt
gzip -nk aaa.txt
zstd -qk aaa.txt
zip -qX bomb.zip aaa.txt zeros
7z a -bd -mx1 bomb.7z aaa.txt zeros >/dev/null
head -c 4000000 aaa.txt >small.txt
gzip -nk small.txt
mkdir many
for i in 0 1 2 3 4 5 6 7 8 9; do cp small.txt.gz many/$i.txt.gz; done
tar -czf many.tar.gz many
rm zeros aaa.txt
7z a -bd -tzip -mm=Deflate64 deflate64.zip small.txt d/a.txt >/dev/null
truncate -s 200M hole.jsonl
printf '{"a":1}\n' >>hole.jsonl
tar -cSf sparse.tar hole.jsonl
rm hole.jsonl
tar -cf large.tar small.txt d/a.txt

python3 - <<'PYTHON'
import io, struct, tarfile, zipfile, zlib

def tar(path, members, format=tarfile.GNU_FORMAT, encoding="utf-8"):
    with tarfile.open(path, "w", format=format, encoding=encoding, errors="surrogateescape") as t:
        for name, body in members:
            info = tarfile.TarInfo(name)
            info.size = len(body)
            t.addfile(info, io.BytesIO(body))

hostile = ["../../up.txt", "/abs.txt", "a/../../b.txt", "..", "c:\\d.txt", "new\nline.txt", "esc\x1b[0m"]
tar("slip.tar", [(n, b"body\n") for n in hostile])
with zipfile.ZipFile("slip.zip", "w") as z:
    for n in hostile:
        z.writestr(n, "body\n")
tar("names.tar", [("bad\udcff\udcc3.txt", b"1\n"), ("x" * 6000 + ".txt", b"2\n"),
                  ("\u00e4" * 3000, b"3\n")])
tar("pax.tar", [("\u0437\u0434\u0440\u0430\u0432\u0441\u0442\u0432\u0443\u0439.txt", b"1\n")],
    tarfile.PAX_FORMAT)

zip = bytearray(open("p.zip", "rb").read())
open("no-directory.zip", "wb").write(zip[:zip.index(b"PK\x01\x02")])
at = zip.index(b"PK\x01\x02")
zip[at:at + 4] = b"XXXX"
open("bad-directory.zip", "wb").write(zip)
zip = bytearray(open("stored.zip", "rb").read())
at = zip.index(b"more text")
zip[at] ^= 1
open("bad-crc.zip", "wb").write(zip)
gz = bytearray(open("p.tar.gz", "rb").read())
gz[-6] ^= 1
open("bad-crc.tar.gz", "wb").write(gz)
cut = open("p.tar.gz", "rb").read()
tar("inner-broken.tar", [("cut.tar.gz", cut[:len(cut) * 2 // 3]), ("after.txt", b"after\n")])

# 60,000 members: their directory takes about 10 MB of memory.
body, members, directory = b"0123456789", bytearray(), bytearray()
for i in range(60000):
    name = b"f/%05d.txt" % i
    common = struct.pack("<HHHHIIIHH", 0, 0, 0, 0x21, zlib.crc32(body), 10, 10, len(name), 0)
    directory += b"PK\1\2" + struct.pack("<HH", 20, 20) + common
    directory += struct.pack("<HHHII", 0, 0, 0, 0, len(members)) + name
    members += b"PK\3\4" + struct.pack("<H", 20) + common + name + body
end = struct.pack("<HHHHIIH", 0, 0, 60000, 60000, len(directory), len(members), 0)
open("entries.zip", "wb").write(members + directory + b"PK\5\6" + end)
PYTHON
