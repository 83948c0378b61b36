/* Look-ups, initial symbols, and merges of short words: the lowest rank is searched in an array
 * again and again, which beats everything else while it fits a few cache lines. */
#include "tokenize/bpe_merge.h"

#include <string.h>

uint64_t gm_bpe_hash(const uint8_t *bytes, size_t n_bytes)
{
    uint64_t hash = n_bytes * 0x9E3779B97F4A7C15u, word = 0;
    for (; n_bytes >= 8; bytes += 8, n_bytes -= 8) {
        memcpy(&word, bytes, 8);
        hash = (hash ^ word) * 0xD6E8FEB86659FD93u;
        hash ^= hash >> 32;
    }
    word = 0;
    for (size_t i = 0; i < n_bytes; i++)
        word |= (uint64_t)bytes[i] << 8 * i;
    hash = (hash ^ word) * 0xD6E8FEB86659FD93u;
    return hash ^ hash >> 32;
}

uint32_t gm_bpe_symbol(const struct gm_bpe *bpe, uint32_t character, unsigned place)
{
    uint64_t key = gm_bpe_symbol_key(character, place);
    size_t at = gm_hash_place(gm_bpe_mix(key), bpe->n_symbols);

    for (;;) {
        uint64_t slot = bpe->symbols[at];
        if (slot == GM_BPE_EMPTY)
            return GM_NO_TOKEN;
        if (slot >> GM_BPE_ID_BITS == key)
            return slot & ((1u << GM_BPE_ID_BITS) - 1);
        if (++at == bpe->n_symbols)
            at = 0;
    }
}

uint32_t gm_bpe_whole(const struct gm_bpe *bpe, const uint8_t *bytes, size_t n_bytes)
{
    uint32_t index = gm_bpe_whole_index(bpe, bytes, n_bytes);
    return index == 0 ? GM_NO_TOKEN : bpe->tokens[index - 1].id;
}

void gm_bpe_prefetch_whole(const struct gm_bpe *bpe, const uint8_t *bytes, size_t n_bytes)
{
    __builtin_prefetch(
        &bpe->vocabulary[gm_hash_place(gm_bpe_hash(bytes, n_bytes), bpe->n_vocabulary)]);
}

uint32_t gm_bpe_whole_index(const struct gm_bpe *bpe, const uint8_t *bytes, size_t n_bytes)
{
    const struct gm_bpe_head *head = bpe->head;
    if (n_bytes > 15 &&
        (n_bytes > head->max_token_bytes ||
         !(head->long_tokens[gm_bpe_long_bit(bytes) / 64] >> gm_bpe_long_bit(bytes) % 64 & 1)))
        return 0;
    uint64_t hash = gm_bpe_hash(bytes, n_bytes);
    size_t at = gm_hash_place(hash, bpe->n_vocabulary);

    for (;;) {
        uint32_t slot = bpe->vocabulary[at], index = gm_bpe_untagged(slot);
        if (index == 0)
            return 0;
        const struct gm_spec_token *token = &bpe->tokens[index - 1];
        if (slot == gm_bpe_tagged(index, hash) && token->text.n_bytes == n_bytes &&
            !memcmp(bpe->pool + token->text.offset, bytes, n_bytes))
            return index;
        if (++at == bpe->n_vocabulary)
            at = 0;
    }
}

/* Decodes without trust: what is not UTF-8 is a character of one byte that no vocabulary has. */
static uint32_t next_character(const uint8_t *text, size_t n_bytes, size_t *length)
{
    static const uint8_t lengths[16] = {1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 2, 2, 3, 4};
    size_t n = lengths[text[0] >> 4];
    if (n == 1 || n == 0 || n > n_bytes) {
        *length = 1;
        return n == 1 ? text[0] : UINT32_MAX;
    }
    *length = n;
    uint32_t character = text[0] & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((text[i] & 0xC0) != 0x80) {
            *length = 1;
            return UINT32_MAX;
        }
        character = character << 6 | (text[i] & 0x3F);
    }
    return character;
}

/* Unknown characters: fallback bytes, unk, or nothing. pending is an unk that was seen and not yet
 * written; the reference writes it before the next known character, behind fallback bytes. */
struct unknown {
    bool pending;
    uint64_t n;
};

static size_t add_unknown(const struct gm_bpe *bpe, const uint8_t *bytes, size_t n_bytes,
                          uint32_t *ids, struct unknown *unknown)
{
    const struct gm_bpe_head *head = bpe->head;
    if (head->flags & GM_BPE_FALLBACK) {
        size_t n = 0;
        while (n < n_bytes && head->byte_ids[bytes[n]] != GM_NO_TOKEN) {
            ids[n] = head->byte_ids[bytes[n]];
            n++;
        }
        if (n == n_bytes)
            return n;
    }
    unknown->n++;
    if (head->unk_id == GM_NO_TOKEN)
        return 0;
    if (unknown->pending && !(head->flags & GM_BPE_FUSE_UNK)) {
        ids[0] = head->unk_id;
        return 1;
    }
    unknown->pending = true;
    return 0;
}

size_t gm_bpe_symbols(const struct gm_bpe *bpe, const uint8_t *word, size_t n_bytes, uint32_t *ids,
                      uint64_t *n_unknown)
{
    const struct gm_bpe_head *head = bpe->head;
    struct unknown unknown = {false, 0};
    size_t n = 0, length = 1;

    for (size_t i = 0; i < n_bytes; i += length) {
        uint32_t character = word[i];
        if (!(head->flags & GM_BPE_BYTE_SYMBOLS))
            character = next_character(word + i, n_bytes - i, &length);
        unsigned place = (i > 0 ? GM_BPE_LATER : 0) | (i + length == n_bytes ? GM_BPE_LAST : 0);
        place &= head->place_mask;
        uint32_t id = character < 256 ? head->symbols[place][character]
                                      : gm_bpe_symbol(bpe, character, place);
        if (id == GM_NO_TOKEN) {
            n += add_unknown(bpe, word + i, length, ids + n, &unknown);
            continue;
        }
        if (unknown.pending)
            ids[n++] = head->unk_id;
        unknown.pending = false;
        ids[n++] = id;
    }
    if (unknown.pending)
        ids[n++] = head->unk_id;
    *n_unknown += unknown.n;
    return n;
}

/* A short word in work. Symbols keep their places; a set of bits tells which are left. A candidate
 * is rank << 6 | place, so that the least is the next merge, leftmost of equals. On both sides
 * stands a symbol that merges with nothing: no end needs a branch. */
#define NO_SYMBOL    (GM_BPE_MAX_ID + 1)
#define NO_CANDIDATE ((uint32_t)(GM_BPE_NO_RANK << 6)) /* from here on */
struct scan {
    uint64_t left; /* places, with those of both neighbours */
    uint32_t n;    /* places are 1..n */
    uint32_t symbols[GM_BPE_SCAN_MAX + 3];
    uint32_t candidates[GM_BPE_SCAN_MAX + 3];
    struct {
        const uint64_t *slot; /* where the pair must be */
        uint64_t key;
        unsigned at;
    } awaited[2]; /* candidates to be set */
};

static inline void set_candidate(const struct gm_bpe *bpe, struct scan *scan, unsigned at,
                                 unsigned next)
{
    uint32_t rank = gm_pair_rank(&bpe->pairs, scan->symbols[at], scan->symbols[next]);
    scan->candidates[at] = rank << 6 | (at & 63);
}

static inline void await_candidate(const struct gm_bpe *bpe, struct scan *scan, unsigned i,
                                   unsigned at, unsigned next)
{
    scan->awaited[i].key = gm_pair_key(scan->symbols[at], scan->symbols[next]);
    scan->awaited[i].slot = gm_pair_at(&bpe->pairs, scan->awaited[i].key);
    scan->awaited[i].at = at;
    __builtin_prefetch(scan->awaited[i].slot);
}

/* Symbols and candidates of the places 1..n are there. */
static void scan_bound(const struct gm_bpe *bpe, struct scan *scan, size_t n)
{
    scan->n = (uint32_t)n;
    scan->left = ((uint64_t)4 << n) - 1;
    scan->symbols[0] = scan->symbols[n + 1] = NO_SYMBOL;
    scan->candidates[n] = scan->candidates[n + 1] = UINT32_MAX;
    await_candidate(bpe, scan, 0, 0, 0);
    await_candidate(bpe, scan, 1, 0, 0);
}

static void scan_begin(const struct gm_bpe *bpe, struct scan *scan, const uint8_t *word,
                       size_t n_bytes, uint64_t *n_unknown)
{
    size_t n = n_bytes;
    if (bpe->grid) {
        for (size_t i = 0; i < n_bytes; i++)
            scan->symbols[i + 1] = bpe->head->symbols[0][word[i]];
        for (size_t i = 0; i + 1 < n_bytes; i++)
            scan->candidates[i + 1] =
                bpe->grid[(size_t)word[i] << 8 | word[i + 1]] << 6 | (uint32_t)(i + 1);
    } else {
        n = gm_bpe_symbols(bpe, word, n_bytes, scan->symbols + 1, n_unknown);
        for (unsigned i = 1; i < n; i++)
            set_candidate(bpe, scan, i, i + 1);
    }
    scan_bound(bpe, scan, n);
}

static inline uint32_t least_candidate(const struct scan *scan)
{
    uint32_t even = UINT32_MAX, odd = UINT32_MAX;
    for (size_t i = 1; i < scan->n; i += 2) {
        uint32_t first = scan->candidates[i], second = scan->candidates[i + 1];
        even = first < even ? first : even;
        odd = second < odd ? second : odd;
    }
    return even < odd ? even : odd;
}

static inline void take_candidate(struct scan *scan, unsigned i)
{
    uint64_t slot = *scan->awaited[i].slot;
    uint32_t rank = slot >> GM_PAIR_RANK_BITS == scan->awaited[i].key ? slot & GM_PAIR_MAX_RANK
                                                                      : GM_PAIR_NO_RANK;
    scan->candidates[scan->awaited[i].at] = rank << 6 | (scan->awaited[i].at & 63);
}

/* One merge; false: there is none. What it needs from memory was asked for by the step before. */
static inline __attribute__((always_inline)) bool scan_step(const struct gm_bpe *bpe,
                                                            struct scan *scan)
{
    take_candidate(scan, 0);
    take_candidate(scan, 1);
    uint32_t least = least_candidate(scan);
    if (least >= NO_CANDIDATE)
        return false;
    unsigned at = least & 63;
    uint64_t above = scan->left & ~(uint64_t)1 << at;
    unsigned gone = (unsigned)__builtin_ctzll(above);
    above &= above - 1;
    scan->left ^= (uint64_t)1 << gone;
    unsigned next = (unsigned)__builtin_ctzll(above);
    unsigned before = 63 - (unsigned)__builtin_clzll(scan->left & (((uint64_t)1 << at) - 1));
    scan->symbols[at] = gm_bpe_merged(bpe, least >> 6);
    scan->candidates[gone] = UINT32_MAX;
    await_candidate(bpe, scan, 0, before, at);
    await_candidate(bpe, scan, 1, at, next);
    return true;
}

static size_t scan_end(const struct scan *scan, uint32_t *ids)
{
    size_t n_ids = 0;
    for (size_t i = 1; i <= scan->n; i++) {
        ids[n_ids] = scan->symbols[i];
        n_ids += scan->left >> i & 1;
    }
    return n_ids;
}

size_t gm_bpe_merge_word(const struct gm_bpe *bpe, const uint8_t *word, size_t n_bytes,
                         uint32_t *ids, uint64_t *n_unknown)
{
    struct scan scan;

    scan_begin(bpe, &scan, word, n_bytes, n_unknown);
    while (scan_step(bpe, &scan))
        ;
    return scan_end(&scan, ids);
}

/* A merge of each in turn, until none has any. */
static void run_scans(const struct gm_bpe *bpe, struct scan *scans, unsigned n)
{
    unsigned at_work[GM_BPE_MERGE_WORDS], n_at_work = n;

    for (unsigned i = 0; i < n; i++)
        at_work[i] = i;
    while (n_at_work > 0) {
        unsigned n_left = 0;
        for (unsigned i = 0; i < n_at_work; i++) {
            at_work[n_left] = at_work[i];
            n_left += scan_step(bpe, &scans[at_work[i]]);
        }
        n_at_work = n_left;
    }
}

void gm_bpe_merge_windows(const struct gm_bpe *bpe, struct gm_bpe_window *windows, size_t n)
{
    struct scan scans[GM_BPE_MERGE_WORDS];

    for (unsigned k = 0; k < n; k++) {
        struct scan *scan = &scans[k];
        memcpy(scan->symbols + 1, windows[k].ids, windows[k].n * sizeof(uint32_t));
        for (unsigned i = 1; i < windows[k].n; i++)
            set_candidate(bpe, scan, i, i + 1);
        scan_bound(bpe, scan, windows[k].n);
    }
    run_scans(bpe, scans, (unsigned)n);
    for (unsigned k = 0; k < n; k++) {
        memcpy(windows[k].ids, scans[k].symbols + 1, windows[k].n * sizeof(uint32_t));
        windows[k].left = (scans[k].left >> 1) & (((uint64_t)1 << windows[k].n) - 1);
    }
}

void gm_bpe_merge_words(const struct gm_bpe *bpe, struct gm_bpe_word *const *words, size_t n)
{
    struct scan scans[GM_BPE_MERGE_WORDS];

    for (unsigned i = 0; i < n; i++) {
        words[i]->n_unknown = 0;
        scan_begin(bpe, &scans[i], words[i]->bytes, words[i]->n_bytes, &words[i]->n_unknown);
    }
    run_scans(bpe, scans, (unsigned)n);
    for (unsigned i = 0; i < n; i++)
        words[i]->n_ids = scan_end(&scans[i], words[i]->ids);
}
