/* The cleaning passes: each copies the stretches that it keeps. None is on by default, so they are
 * written for clarity and read one code point at a time. */
#include "text/tidy.h"

#include "text/uniprop.h"
#include <string.h>

void gm_tidy_controls(struct gm_view text, struct gm_buf *out)
{
    size_t kept_from = 0;
    for (size_t pos = 0; pos < text.n_bytes;) {
        const size_t at = pos;
        const unsigned flags = gm_uniprop(gm_uni_next(text.data, &pos))->flags;
        if (flags & GM_UNI_CONTROL && !(flags & GM_UNI_SPACE)) {
            gm_buf_append(out, text.data + kept_from, at - kept_from);
            kept_from = pos;
        }
    }
    gm_buf_append(out, text.data + kept_from, text.n_bytes - kept_from);
}

void gm_tidy_newlines(struct gm_view text, struct gm_buf *out)
{
    while (text.n_bytes > 0) {
        const uint8_t *cr = memchr(text.data, '\r', text.n_bytes);
        const size_t n_kept = cr ? (size_t)(cr - text.data) : text.n_bytes;
        gm_buf_append(out, text.data, n_kept);
        text.data += n_kept;
        text.n_bytes -= n_kept;
        if (text.n_bytes > 0) {
            const size_t n_skipped = text.n_bytes > 1 && text.data[1] == '\n' ? 2 : 1;
            gm_buf_char(out, '\n');
            text.data += n_skipped;
            text.n_bytes -= n_skipped;
        }
    }
}

/* A run of white space: where it ends, and how many line ends it holds. */
static size_t skip_spaces(struct gm_view text, size_t pos, unsigned *n_line_ends)
{
    uint32_t before = 0;
    *n_line_ends = 0;
    while (pos < text.n_bytes) {
        size_t after = pos;
        const uint32_t code_point = gm_uni_next(text.data, &after);
        const struct gm_uniprop *prop = gm_uniprop(code_point);
        if (!(prop->flags & GM_UNI_SPACE))
            break;
        const bool is_line_end =
            prop->sentence == GM_SB_CR || prop->sentence == GM_SB_LF || prop->sentence == GM_SB_SEP;
        *n_line_ends += is_line_end && !(before == '\r' && code_point == '\n');
        before = code_point;
        pos = after;
    }
    return pos;
}

void gm_tidy_spaces(struct gm_view text, enum gm_tidy_space mode, struct gm_buf *out)
{
    static const char *const separators[] = {" ", "\n", "\n\n"};
    text = gm_tidy_trim(text);
    for (size_t pos = 0; pos < text.n_bytes;) {
        size_t end = pos, after = pos;
        while (end < text.n_bytes) {
            if (gm_uniprop(gm_uni_next(text.data, &after))->flags & GM_UNI_SPACE)
                break;
            end = after;
        }
        gm_buf_append(out, text.data + pos, end - pos);
        if (end == text.n_bytes)
            break;
        unsigned n_line_ends;
        pos = skip_spaces(text, end, &n_line_ends);
        if (mode == GM_TIDY_FLATTEN)
            n_line_ends = 0;
        gm_buf_text(out, separators[n_line_ends < 2 ? n_line_ends : 2]);
    }
}

struct gm_view gm_tidy_trim(struct gm_view text)
{
    unsigned unused;
    const size_t start = skip_spaces(text, 0, &unused);
    size_t end = text.n_bytes;
    while (end > start) {
        size_t at = end - 1;
        while ((text.data[at] & 0xC0) == 0x80)
            at--;
        size_t after = at;
        if (!(gm_uniprop(gm_uni_next(text.data, &after))->flags & GM_UNI_SPACE))
            break;
        end = at;
    }
    return (struct gm_view){text.data + start, end - start};
}
