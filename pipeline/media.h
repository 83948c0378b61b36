/* What a body is, told from its first bytes, never from a server's word. The only use of a name is
 * to tell JSON Lines from plain text, which no magic number can do. */
#ifndef GM_MEDIA_H
#define GM_MEDIA_H

#include <stddef.h>
#include <stdint.h>

/* name, text in records, family of stages that handles it ("" = none) */
#define GM_MEDIA_TABLE(X)                                                                          \
    X(UNKNOWN, "unknown", "")                                                                      \
    X(EMPTY, "empty", "")                                                                          \
    X(TEXT, "text", "text")                                                                        \
    X(JSON_LINE, "json", "text")                                                                   \
    X(JPEG, "jpeg", "image")                                                                       \
    X(PNG, "png", "image")                                                                         \
    X(GIF, "gif", "image")                                                                         \
    X(BMP, "bmp", "image")                                                                         \
    X(WEBP, "webp", "image")                                                                       \
    X(PNM, "pnm", "image")                                                                         \
    X(TIFF, "tiff", "image")                                                                       \
    X(TGA, "tga", "image")                                                                         \
    X(PSD, "psd", "image")                                                                         \
    X(JSONL, "jsonl", "unpack")                                                                    \
    X(GZIP, "gzip", "unpack")                                                                      \
    X(BZIP2, "bzip2", "unpack")                                                                    \
    X(XZ, "xz", "unpack")                                                                          \
    X(ZSTD, "zstd", "unpack")                                                                      \
    X(TAR, "tar", "unpack")                                                                        \
    X(ZIP, "zip", "unpack")                                                                        \
    X(SEVENZIP, "7z", "unpack")                                                                    \
    X(PDF, "pdf", "")

enum gm_media {
#define X(name, text, family) GM_MEDIA_##name,
    GM_MEDIA_TABLE(X)
#undef X
        GM_MEDIA_COUNT
};

/* Bytes of the head that gm_media_sniff wants to see (fewer only if the body is shorter). */
#define GM_MEDIA_HEAD_BYTES 512

/* head: the first n_bytes of the body (at most GM_MEDIA_HEAD_BYTES are looked at); name: path, URL
 * path or member name (may be empty), used only for .jsonl/.ndjson, also in front of
 * .gz/.zst/.xz/.bz2. n_bytes == 0 is GM_MEDIA_EMPTY. Text is what has no NUL and no C0 controls but
 * tab, LF, VT, FF, CR, ESC (invalid UTF-8 is still text: the utf8 stage judges it; UTF-16 with a
 * BOM is UNKNOWN). TGA has no magic: it is what is nothing else and has a TGA header that is valid
 * in every field (the footer of version 2 is at the end, where no head reaches). */
enum gm_media gm_media_sniff(const uint8_t *head, size_t n_bytes, const char *name,
                             size_t name_bytes);
const char *gm_media_name(enum gm_media media);
const char *gm_media_family(enum gm_media media);
/* Usual file extension without a dot ("jpg", "txt", "bin"). */
const char *gm_media_extension(enum gm_media media);

#endif
