/* Added tokens. A set is its tokens sorted by their bytes; at a place that the scan (pairs.h)
 * finds, the tokens that fit are a range of the sorted ones, which shrinks with every byte. */
#include "tokenize/added.h"

#include "tokenize/character.h"
#include "tokenize/pairs.h"
#include "tokenize/unicode16.h"
#include <stdlib.h>
#include <string.h>

struct pattern {
    const uint8_t *text;
    uint32_t n_bytes;
    uint32_t place; /* in spec->added */
};

struct set {
    struct pattern *patterns; /* sorted by bytes, a prefix in front of what it begins */
    uint32_t n;
    uint32_t first[257]; /* those that start with byte b: first[b] .. first[b + 1] */
    struct gm_pairs pairs;
};

struct gm_added {
    const struct gm_spec *spec;
    struct set sets[GM_ADDED_SETS];
    struct gm_normal_text *texts; /* by place */
    struct gm_buf normalised;
};

/* ---- building ---- */

/* Fills texts: first as offsets into the buffer, which may move, then as pointers. */
static enum gm_status normalise_all(struct gm_added *added, const struct gm_normalizer *normalizer,
                                    struct gm_err *err)
{
    const struct gm_spec *spec = added->spec;
    struct gm_buf scratch = GM_BUF_INIT;
    enum gm_status status = GM_OK;
    for (uint32_t i = 0; status == GM_OK && i < spec->n_added; i++) {
        const struct gm_spec_added *token = &spec->added[i];
        struct gm_normal_text text = {gm_spec_bytes(spec, token->content), token->content.n_bytes};
        if (token->flags & GM_ADDED_NORMALIZED)
            status = gm_normalize_text(normalizer, text.data, text.n_bytes, &scratch, &text, err);
        if (status == GM_OK) {
            gm_buf_append(&added->normalised, text.data, text.n_bytes);
            added->texts[i].n_bytes = text.n_bytes;
        }
    }
    gm_buf_free(&scratch);
    if (status == GM_OK && added->normalised.failed)
        status = gm_err_set(err, GM_NOMEM, "no memory for the added tokens");
    size_t offset = 0;
    for (uint32_t i = 0; status == GM_OK && i < spec->n_added; i++) {
        added->texts[i].data = added->normalised.data + offset;
        offset += added->texts[i].n_bytes;
    }
    return status;
}

static int by_bytes(const void *left, const void *right)
{
    const struct pattern *a = left, *b = right;
    uint32_t n = a->n_bytes < b->n_bytes ? a->n_bytes : b->n_bytes;
    int order = memcmp(a->text, b->text, n);
    if (order != 0)
        return order;
    return a->n_bytes < b->n_bytes ? -1 : a->n_bytes > b->n_bytes;
}

static enum gm_status check_set(const struct gm_added *added, const struct set *set,
                                struct gm_err *err)
{
    for (uint32_t i = 0; i < set->n; i++) {
        if (set->patterns[i].n_bytes == 0)
            return gm_err_set(err, GM_INPUT, "added_tokens[%u]: normalisation leaves nothing of it",
                              set->patterns[i].place);
        if (i > 0 && by_bytes(&set->patterns[i - 1], &set->patterns[i]) == 0)
            return gm_err_set(err, GM_INPUT,
                              "added_tokens[%u] and [%u] are the same after normalisation",
                              set->patterns[i - 1].place, set->patterns[i].place);
    }
    (void)added;
    return GM_OK;
}

static enum gm_status build_set(struct gm_added *added, enum gm_added_set kind, struct gm_err *err)
{
    const struct gm_spec *spec = added->spec;
    struct set *set = &added->sets[kind];
    gm_pairs_init(&set->pairs);
    set->patterns = calloc(spec->n_added ? spec->n_added : 1, sizeof *set->patterns);
    if (!set->patterns)
        return gm_err_set(err, GM_NOMEM, "no memory for the added tokens");
    for (uint32_t i = 0; i < spec->n_added; i++) {
        bool normalized = (spec->added[i].flags & GM_ADDED_NORMALIZED) != 0;
        if (normalized == (kind == GM_ADDED_NORMAL))
            set->patterns[set->n++] =
                (struct pattern){added->texts[i].data, (uint32_t)added->texts[i].n_bytes, i};
    }
    qsort(set->patterns, set->n, sizeof *set->patterns, by_bytes);
    enum gm_status status = check_set(added, set, err);
    for (uint32_t i = 0; status == GM_OK && i < set->n; i++) {
        const struct pattern *pattern = &set->patterns[i];
        gm_pairs_add(&set->pairs, pattern->text[0], pattern->n_bytes > 1 ? pattern->text[1] : -1);
        set->first[pattern->text[0] + 1] = i + 1;
    }
    for (unsigned byte = 0; byte < 256; byte++) {
        if (set->first[byte + 1] < set->first[byte])
            set->first[byte + 1] = set->first[byte];
    }
    return status;
}

enum gm_status gm_added_new(struct gm_added **out, const struct gm_spec *spec,
                            const struct gm_normalizer *normalizer, struct gm_err *err)
{
    *out = NULL;
    struct gm_added *added = calloc(1, sizeof *added);
    if (added)
        added->texts = calloc(spec->n_added ? spec->n_added : 1, sizeof *added->texts);
    if (!added || !added->texts) {
        gm_added_free(added);
        return gm_err_set(err, GM_NOMEM, "no memory for the added tokens");
    }
    added->spec = spec;
    enum gm_status status = normalise_all(added, normalizer, err);
    for (int kind = 0; status == GM_OK && kind < GM_ADDED_SETS; kind++)
        status = build_set(added, (enum gm_added_set)kind, err);
    if (status != GM_OK) {
        gm_added_free(added);
        return status;
    }
    *out = added;
    return GM_OK;
}

void gm_added_free(struct gm_added *added)
{
    if (!added)
        return;
    for (int kind = 0; kind < GM_ADDED_SETS; kind++)
        free(added->sets[kind].patterns);
    free(added->texts);
    gm_buf_free(&added->normalised);
    free(added);
}

bool gm_added_is_empty(const struct gm_added *added, enum gm_added_set set)
{
    return added->sets[set].n == 0;
}

struct gm_normal_text gm_added_text(const struct gm_added *added, uint32_t place)
{
    return added->texts[place];
}

/* ---- finding ---- */

/* Narrows [*low, *high) to the patterns with this byte at depth; all have the same bytes before. */
static void narrow(const struct set *set, uint32_t depth, uint8_t byte, uint32_t *low,
                   uint32_t *high)
{
    uint32_t first = *low, last = *high;
    while (first < last) {
        uint32_t middle = first + (last - first) / 2;
        if (set->patterns[middle].text[depth] < byte)
            first = middle + 1;
        else
            last = middle;
    }
    *low = first;
    for (last = *high; first < last;) {
        uint32_t middle = first + (last - first) / 2;
        if (set->patterns[middle].text[depth] <= byte)
            first = middle + 1;
        else
            last = middle;
    }
    *high = first;
}

/* The longest pattern at text, which has a byte; NULL: none. */
static const struct pattern *longest(const struct set *set, const uint8_t *text, size_t n_bytes)
{
    const struct pattern *found = NULL;
    uint32_t low = set->first[text[0]], high = set->first[text[0] + 1];
    for (uint32_t depth = 1; low < high; depth++) {
        /* The one that ends here stands in front of the longer ones. */
        if (set->patterns[low].n_bytes == depth)
            found = &set->patterns[low++];
        if (depth == n_bytes)
            break;
        narrow(set, depth, text[depth], &low, &high);
    }
    return found;
}

/* Beside a token there may be part of a character, and anything that a step of the normalizer has
 * put there: an image can have any bytes as tokens and contents. */
static uint32_t character_at(const uint8_t *text, size_t n_bytes, size_t *length)
{
    uint32_t c = gm_character_at(text, n_bytes, length);
    return c == GM_NO_CHARACTER ? 0xFFFD : c;
}

static uint32_t character_before(const uint8_t *text, size_t end, size_t *start)
{
    size_t length;
    *start = gm_character_before(text, end);
    return character_at(text + *start, end - *start, &length);
}

static size_t skip_space_back(const uint8_t *text, size_t end)
{
    size_t start;
    while (end > 0 && gm_unicode16_is_space(character_before(text, end, &start)))
        end = start;
    return end;
}

static size_t skip_space(const uint8_t *text, size_t start, size_t n_bytes)
{
    size_t length;
    while (start < n_bytes &&
           gm_unicode16_is_space(character_at(text + start, n_bytes - start, &length)))
        start += length;
    return start;
}

static bool stands_alone(const struct gm_added_walk *walk, size_t start, size_t end)
{
    const uint8_t *text = walk->text;
    size_t before, length;
    if (start > 0 && gm_unicode16_is_word(character_before(text, start, &before)))
        return false;
    return end == walk->n_bytes ||
           !gm_unicode16_is_word(character_at(text + end, walk->n_bytes - end, &length));
}

/* Finds the next token that counts and puts it into walk->token; false: there is none. */
static bool find_token(struct gm_added_walk *walk)
{
    const struct set *set = &walk->added->sets[walk->set];
    while (walk->search < walk->n_bytes) {
        size_t start = gm_pairs_find(&set->pairs, walk->text, walk->search, walk->n_bytes);
        walk->search = start + 1;
        if (start == walk->n_bytes)
            return false;
        const struct pattern *pattern = longest(set, walk->text + start, walk->n_bytes - start);
        if (!pattern)
            continue;
        size_t end = start + pattern->n_bytes;
        walk->search = end;
        const struct gm_spec_added *token = &walk->added->spec->added[pattern->place];
        if ((token->flags & GM_ADDED_SINGLE_WORD) && !stands_alone(walk, start, end))
            continue;
        if (token->flags & GM_ADDED_LSTRIP) {
            start = skip_space_back(walk->text, start);
            start = start > walk->done ? start : walk->done;
        }
        if (token->flags & GM_ADDED_RSTRIP)
            end = skip_space(walk->text, end, walk->n_bytes);
        /* All of it was white space that an earlier token has taken: the reference drops it. */
        if (start >= end)
            continue;
        walk->token = (struct gm_added_part){start, end, token->id};
        return true;
    }
    return false;
}

void gm_added_begin(struct gm_added_walk *walk, const struct gm_added *added, enum gm_added_set set,
                    const void *text, size_t n_bytes)
{
    *walk = (struct gm_added_walk){.added = added, .set = set, .text = text, .n_bytes = n_bytes};
    if (added->sets[set].n == 0)
        walk->search = n_bytes;
}

bool gm_added_next(struct gm_added_walk *walk, struct gm_added_part *part)
{
    if (!walk->waiting)
        walk->waiting = find_token(walk);
    /* A token may start in front of what is done, when an earlier one took the white space that it
     * starts with; as in the reference both are tokens. */
    if (walk->waiting && walk->token.start <= walk->done) {
        *part = walk->token;
        walk->waiting = false;
        walk->done = part->end;
        return true;
    }
    size_t end = walk->waiting ? walk->token.start : walk->n_bytes;
    if (walk->done >= end)
        return false;
    *part = (struct gm_added_part){walk->done, end, GM_NO_TOKEN};
    walk->done = end;
    return true;
}
