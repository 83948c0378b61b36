/* Running a precompiled charsmap. Its bytes are input: each index is checked. */
#include "tokenize/charsmap.h"
#include "base/utf8.h"
#include "tokenize/character.h"
#include "tokenize/cluster.h"
#include <string.h>

#define LONGEST_CLUSTER 5 /* bytes, that is looked up as a whole */

static uint32_t read_32(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* A unit: bits 0..7 the byte that leads to it (bit 31 set: none, it is a value), bit 8: a value
 * hangs on it, bit 9: the offset is shifted, from bit 10 on: the offset of its children. */
static uint32_t offset_of(uint32_t unit)
{
    return (unit >> 10) << ((unit & (1u << 9)) >> 6);
}

/* What stands for the shortest beginning of the text that is in the trie. */
static bool look_up(const struct gm_charsmap *map, const uint8_t *text, size_t n_bytes,
                    struct gm_charsmap_text *found)
{
    size_t node = offset_of(read_32(map->units));
    for (size_t i = 0; i < n_bytes && text[i] != 0; i++) {
        uint32_t unit;
        node ^= text[i];
        if (node >= map->n_units)
            return false;
        unit = read_32(map->units + node * 4);
        if ((unit & (1u << 31 | 0xFF)) != text[i])
            return false;
        node ^= offset_of(unit);
        if (unit >> 8 & 1) {
            uint32_t place;
            if (node >= map->n_units)
                return false;
            place = read_32(map->units + node * 4) & ~(1u << 31);
            if (place > map->n_bytes ||
                (place < map->n_bytes && (map->replacements[place] & 0xC0) == 0x80))
                return false;
            found->data = map->replacements + place;
            found->n_bytes = strnlen((const char *)found->data, map->n_bytes - place);
            return true;
        }
    }
    return false;
}

enum gm_status gm_charsmap_init(struct gm_charsmap *map, const uint8_t *data, size_t n_bytes,
                                struct gm_err *err)
{
    struct gm_charsmap_text unused;
    size_t trie_bytes;
    if (n_bytes < 4)
        return gm_err_set(err, GM_INPUT, "precompiled_charsmap: too short");
    trie_bytes = read_32(data) / 4 * 4;
    if (trie_bytes == 0 || trie_bytes > n_bytes - 4)
        return gm_err_set(err, GM_INPUT, "precompiled_charsmap: its trie has no or too many bytes");
    *map = (struct gm_charsmap){.units = data + 4,
                                .n_units = trie_bytes / 4,
                                .replacements = data + 4 + trie_bytes,
                                .n_bytes = n_bytes - 4 - trie_bytes};
    if (map->n_bytes > 0 && gm_utf8_valid_prefix(map->replacements, map->n_bytes) < map->n_bytes)
        return gm_err_set(err, GM_INPUT, "precompiled_charsmap: its replacements are not UTF-8");
    for (unsigned c = 0; c < 128; c++) {
        uint8_t byte = (uint8_t)c;
        map->touches_ascii[c] = look_up(map, &byte, 1, &unused);
    }
    return GM_OK;
}

/* A run of replacements, with the text between them not yet copied. */
struct output {
    const uint8_t *text;
    size_t copied;
    struct gm_buf *out;
    bool changed;
};

static void put(struct output *output, size_t start, size_t end,
                const struct gm_charsmap_text *replacement)
{
    gm_buf_append(output->out, output->text + output->copied, start - output->copied);
    gm_buf_append(output->out, replacement->data, replacement->n_bytes);
    output->copied = end;
    output->changed = true;
}

static void run_cluster(const struct gm_charsmap *map, struct output *output, size_t start,
                        size_t end)
{
    const uint8_t *text = output->text;
    struct gm_charsmap_text found;
    size_t length;
    if (end - start <= LONGEST_CLUSTER && look_up(map, text + start, end - start, &found)) {
        put(output, start, end, &found);
        return;
    }
    for (; start < end; start += length) {
        gm_character_at(text + start, end - start, &length);
        if (look_up(map, text + start, length, &found))
            put(output, start, start + length, &found);
    }
}

bool gm_charsmap_run(const struct gm_charsmap *map, const uint8_t *text, size_t n_bytes,
                     struct gm_buf *out)
{
    struct output output = {text, 0, out, false};
    size_t at = 0, end;
    for (; at < n_bytes; at = end) {
        /* An ASCII character before another one is a cluster, but for CR LF. */
        if (text[at] < 128 && at + 1 < n_bytes && text[at + 1] < 128 && text[at] != '\r') {
            end = at + 1;
            if (!map->touches_ascii[text[at]])
                continue;
        } else {
            end = gm_cluster_end(text, n_bytes, at);
        }
        run_cluster(map, &output, at, end);
    }
    if (output.changed)
        gm_buf_append(out, text + output.copied, n_bytes - output.copied);
    return output.changed;
}
