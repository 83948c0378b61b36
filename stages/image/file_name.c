/* Output names. The three ways in which an extension is chosen end in disjoint sets of names: kept
 * names end in a fitting extension and what is before it does not look like an image; appended
 * ones have an image extension before the last; marked ones have a '#' there, which escaping keeps
 * out of everything else. So the row can be told from the name, whatever the rows are. */
#include "image/file_name.h"

#include "base/hash.h"
#include "base/utf8.h"

#include <string.h>
#include <inttypes.h>

#define HASH_BYTES 16 /* of SHA-256, in names */

static const char *const image_extensions[] = {
    "jpg", "jpeg", "jpe", "jfif", "png",  "gif", "bmp", "dib", "webp",
    "pnm", "pbm",  "pgm", "ppm",  "tiff", "tif", "tga", "psd", NULL,
};

/* Bytes of the extension with its dot at the end of text, if it is one of the list; else 0. */
static size_t extension_bytes(const uint8_t *text, size_t n_bytes, const char *const *list)
{
    for (; *list; list++) {
        size_t length = strlen(*list);
        if (n_bytes > length + 1 && text[n_bytes - length - 1] == '.' &&
            strncasecmp((const char *)text + n_bytes - length, *list, length) == 0)
            return length + 1;
    }
    return 0;
}

static bool is_control(uint32_t code_point)
{
    bool bidi = (code_point >= 0x202a && code_point <= 0x202e) ||
                (code_point >= 0x2066 && code_point <= 0x2069);
    return code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0) || bidi ||
           code_point == 0x2028 || code_point == 0x2029;
}

/* Bytes of the character at text that may stand as it is; 0: the byte must be escaped. */
static size_t plain_bytes(const uint8_t *text, size_t n_bytes)
{
    if (text[0] < 0x80)
        return !is_control(text[0]) && !strchr("%#\\", text[0]);
    size_t length = 0;
    for (size_t n = 2; n <= 4 && n <= n_bytes; n++)
        if (gm_utf8_valid_prefix(text, n) == n)
            length = length ? length : n;
    size_t decoded;
    return length && !is_control(gm_utf8_decode(text, &decoded)) ? length : 0;
}

static void put_escaped(struct gm_buf *out, const uint8_t *text, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes;) {
        size_t length = plain_bytes(text + i, n_bytes - i);
        if (length)
            gm_buf_append(out, text + i, length);
        else
            gm_buf_printf(out, "%%%02X", text[i]);
        i += length ? length : 1;
    }
}

static void put_hash(struct gm_buf *out, const uint8_t *text, size_t n_bytes)
{
    uint8_t digest[GM_SHA256_BYTES];
    char hex[2 * HASH_BYTES + 1];
    gm_sha256(text, n_bytes, digest);
    gm_buf_text(out, gm_hex(digest, HASH_BYTES, hex));
}

/* One component, escaped and shortened. is_first: of the whole path. */
static void put_component(struct gm_buf *out, const uint8_t *text, size_t n_bytes, bool is_first)
{
    size_t start = out->n_bytes;
    bool dots = (n_bytes == 1 || n_bytes == 2) && memcmp(text, "..", n_bytes) == 0;
    bool ours = is_first && n_bytes >= 5 && memcmp(text, "item-", 5) == 0;
    if (n_bytes == 0)
        gm_buf_char(out, '%');
    else if (dots)
        gm_buf_text(out, n_bytes == 1 ? "%2E" : "%2E%2E");
    else if (ours)
        gm_buf_text(out, "%69");
    if (!dots)
        put_escaped(out, text + ours, n_bytes - ours);
    if (out->failed || out->n_bytes - start <= GM_FILE_NAME_COMPONENT_BYTES)
        return;
    /* Cut between characters and between escapes. */
    size_t keep = GM_FILE_NAME_COMPONENT_BYTES - 2 * HASH_BYTES - 1;
    const uint8_t *written = out->data + start;
    while ((written[keep] & 0xc0) == 0x80 || written[keep - 1] == '%' || written[keep - 2] == '%')
        keep--;
    out->n_bytes = start + keep;
    gm_buf_char(out, '#');
    put_hash(out, text, n_bytes);
}

static void put_folder(struct gm_buf *out, const uint8_t *text, size_t n_bytes, bool is_first)
{
    size_t extension = extension_bytes(text, n_bytes, image_extensions);
    if (!extension) {
        put_component(out, text, n_bytes, is_first);
    } else { /* "x.png" as a folder: x%2Epng */
        put_component(out, text, n_bytes - extension, is_first);
        gm_buf_text(out, "%2E");
        gm_buf_append(out, text + n_bytes - extension + 1, extension - 1);
    }
    gm_buf_char(out, '/');
}

static bool was_replaced(const uint8_t *text, size_t n_bytes)
{
    return n_bytes >= 3 && memmem(text, n_bytes, "\xef\xbf\xbd", 3) != NULL;
}

/* What tells rows of one name apart; nothing for an ordinary file. */
static bool put_number(struct gm_buf *out, const struct gm_file_name *from)
{
    if (from->is_member)
        gm_buf_printf(out, "#%" PRIu64, from->member);
    else if (was_replaced(from->name, from->name_bytes))
        gm_buf_printf(out, "#%" PRIu64, from->item);
    else
        return false;
    return true;
}

/* The last component with its extension. */
static void put_file(struct gm_buf *out, const struct gm_file_name *from, const uint8_t *text,
                     size_t n_bytes)
{
    bool is_first = text == from->name && !from->is_member;
    size_t fitting = extension_bytes(text, n_bytes, from->extensions);
    size_t any = extension_bytes(text, n_bytes, image_extensions);
    bool keep = fitting && !extension_bytes(text, n_bytes - fitting, image_extensions);
    put_component(out, text, keep ? n_bytes - fitting : n_bytes, is_first);
    bool numbered = put_number(out, from);
    if (keep) {
        gm_buf_append(out, text + n_bytes - fitting, fitting);
        return;
    }
    if (!any && !numbered)
        gm_buf_char(out, '#');
    gm_buf_printf(out, ".%s", from->extensions[0]);
}

static void put_path(struct gm_buf *out, const struct gm_file_name *from)
{
    const uint8_t *text = from->name, *end = from->name + from->name_bytes;
    for (;;) {
        const uint8_t *slash = memchr(text, '/', (size_t)(end - text));
        if (!slash)
            break;
        put_folder(out, text, (size_t)(slash - text), text == from->name && !from->is_member);
        text = slash + 1;
    }
    put_file(out, from, text, (size_t)(end - text));
}

void gm_file_name(const struct gm_file_name *from, struct gm_buf *out)
{
    size_t start = out->n_bytes;
    if (!from->name) {
        gm_buf_printf(out, "item-%09" PRIu64, from->item);
        if (from->is_member)
            gm_buf_printf(out, "/%06" PRIu64, from->member);
        gm_buf_printf(out, ".%s", from->extensions[0]);
        return;
    }
    if (from->is_member)
        gm_buf_printf(out, "item-%09" PRIu64 "/", from->item);
    put_path(out, from);
    if (out->failed || out->n_bytes - start <= GM_FILE_NAME_BYTES)
        return;
    out->n_bytes = start;
    gm_buf_printf(out, "item-%09" PRIu64 "/#", from->item);
    put_hash(out, from->name, from->name_bytes);
    put_number(out, from);
    gm_buf_printf(out, ".%s", from->extensions[0]);
}
