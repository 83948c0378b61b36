/* The tokens that merges of their own bytes make. Instead of merging each, tokens are decided from
 * their parts, the shorter ones first.
 *
 * Let (X, Y) be a pair that merges to T, and X and Y be what their bytes encode to. The bytes of T
 * encode to T by this pair if, and only if, no merge crosses the boundary between them before both
 * are whole: until then each part goes through its own merges as if it were alone, the two in turn
 * by rank. The neighbours at the boundary are found from the end backwards: of the last symbol of
 * X's side and the first one of Y's, the one whose merge came later (of equal ranks, that of the
 * right side: the left one is merged first) is taken apart. Two neighbours stay apart if their pair
 * does not merge, or only by a rank above that of the merge that ends their time side by side;
 * equal to it, the pair further left is merged, which is the one inside of X, or the one across.
 *
 * That needs parts whose merges were done in order of their ranks: each merge in the making of X
 * has a higher rank than those that made its parts. Where this is not so, which trained
 * vocabularies hardly have, the token is decided as before but what holds it is "open", and merged
 * from its bytes in the end. */
#include "tokenize/bpe_seed.h"

#include "base/huge_pages.h"
#include "base/utf8.h"
#include "tokenize/bpe_merge.h"
#include <stdlib.h>

#define CANDIDATES 64u
#define CHECKS     (CANDIDATES * GM_BPE_SCAN_MAX)
#define AHEAD      8u

/* How a token is made: by the item of its pair, or one of these, which are no pairs of ids. */
#define RANK_MASK ((uint64_t)GM_PAIR_MAX_RANK)
#define NOT_MADE  (UINT64_MAX - 1)
#define SYMBOL    UINT64_MAX
#define ODD       (UINT64_MAX - 2) /* made, but not in order of ranks */
#define OPEN      (UINT64_MAX - 3) /* not known yet */

/* Two neighbours at a boundary: they stay apart if no pair, or one of no lower rank, is there. */
struct check {
    const uint64_t *slot;
    uint64_t least; /* as an item; below it, with the same key, is what may not be there */
    uint32_t candidate;
};

struct candidate {
    uint64_t item;
    bool in_order, failed;
};

struct decider {
    const struct gm_bpe *bpe;
    uint64_t *made;   /* by id */
    uint8_t *lengths; /* in bytes, by id; 0: no token, or one that is too long */
    uint64_t *sorted; /* items by length of what they make */
    size_t begins[GM_BPE_SCAN_MAX + 2];
    struct candidate candidates[CANDIDATES];
    struct check checks[CHECKS];
    size_t n_candidates, n_checks;
};

static uint32_t left_of(uint64_t item)
{
    return (uint32_t)(item >> (GM_PAIR_RANK_BITS + GM_PAIR_ID_BITS));
}

static uint32_t right_of(uint64_t item)
{
    return (uint32_t)(item >> GM_PAIR_RANK_BITS) & ((1u << GM_PAIR_ID_BITS) - 1);
}

static uint64_t *made_of(const struct decider *decider, uint64_t item)
{
    return &decider->made[gm_bpe_merged(decider->bpe, (uint32_t)(item & RANK_MASK))];
}

/* When a token was made: its rank plus 1; 0: SYMBOL. */
static uint64_t birth_of(uint64_t made)
{
    return (made + 1) & RANK_MASK;
}

static void decide(struct decider *decider)
{
    struct candidate *candidates = decider->candidates;

    for (size_t i = 0; i < decider->n_checks; i++) {
        const struct check *check = &decider->checks[i];
        if (*check->slot < check->least && *check->slot >= (check->least & ~RANK_MASK))
            candidates[check->candidate].failed = true;
    }
    for (size_t i = 0; i < decider->n_candidates; i++)
        if (!candidates[i].failed)
            *made_of(decider, candidates[i].item) =
                candidates[i].in_order ? candidates[i].item : ODD;
    decider->n_candidates = decider->n_checks = 0;
}

static void add_check(struct decider *decider, uint32_t left, uint32_t right, uint64_t least_rank)
{
    uint64_t key = gm_pair_key(left, right);
    const uint64_t *slot = gm_pair_at(&decider->bpe->pairs, key);

    __builtin_prefetch(slot);
    decider->checks[decider->n_checks++] = (struct check){
        slot, key << GM_PAIR_RANK_BITS | least_rank, (uint32_t)decider->n_candidates};
}

/* The neighbours at the boundary inside of an item, from the last to the first. */
static void add_checks(struct decider *decider, uint64_t item)
{
    uint32_t left = left_of(item), right = right_of(item);
    uint64_t left_made = decider->made[left], right_made = decider->made[right];

    for (;;) {
        uint64_t left_birth = birth_of(left_made), right_birth = birth_of(right_made);
        if (left_birth > right_birth) {
            left = right_of(left_made);
            left_made = decider->made[left];
            add_check(decider, left, right, left_birth - 1);
        } else if (right_birth > 0) {
            right = left_of(right_made);
            right_made = decider->made[right];
            add_check(decider, left, right, right_birth);
        } else {
            return;
        }
    }
}

static void consider(struct decider *decider, uint64_t item)
{
    uint64_t left = decider->made[left_of(item)], right = decider->made[right_of(item)];
    uint64_t *made = made_of(decider, item);

    if (left == NOT_MADE || right == NOT_MADE || (*made != NOT_MADE && *made != OPEN))
        return;
    if (left == ODD || left == OPEN || right == ODD || right == OPEN) {
        *made = OPEN;
        return;
    }
    add_checks(decider, item);
    uint64_t birth = birth_of(item);
    decider->candidates[decider->n_candidates++] = (struct candidate){
        .item = item, .in_order = birth > birth_of(left) && birth > birth_of(right)};
    if (decider->n_candidates == CANDIDATES)
        decide(decider);
}

/* What an item makes is decided when everything shorter is. */
static void decide_all(struct decider *decider)
{
    for (size_t length = 2; length <= GM_BPE_SCAN_MAX; length++) {
        size_t end = decider->begins[length + 1];
        for (size_t i = decider->begins[length]; i < end; i++) {
            uint64_t ahead = decider->sorted[i + AHEAD < end ? i + AHEAD : i];
            __builtin_prefetch(&decider->made[left_of(ahead)]);
            __builtin_prefetch(&decider->made[right_of(ahead)]);
            consider(decider, decider->sorted[i]);
        }
        decide(decider);
    }
}

static uint8_t length_of(const struct decider *decider, uint64_t item)
{
    return decider->lengths[gm_bpe_merged(decider->bpe, (uint32_t)(item & RANK_MASK))];
}

static void sort_items(struct decider *decider, struct gm_bpe_pairs pairs)
{
    size_t next[GM_BPE_SCAN_MAX + 1] = {0};

    for (size_t i = 0; i < pairs.n; i++)
        next[length_of(decider, pairs.items[i])]++;
    decider->begins[0] = 0;
    for (size_t length = 0; length <= GM_BPE_SCAN_MAX; length++) {
        decider->begins[length + 1] = decider->begins[length] + next[length];
        next[length] = decider->begins[length];
    }
    for (size_t i = 0; i < pairs.n; i++)
        decider->sorted[next[length_of(decider, pairs.items[i])]++] = pairs.items[i];
}

static bool is_usable(const struct gm_spec_token *token)
{
    return !(token->flags & GM_SPEC_TOKEN_UNREACHABLE) && token->text.n_bytes > 0;
}

static bool is_symbol(const struct gm_bpe *bpe, const struct gm_spec_token *token)
{
    uint32_t ids[4];
    uint64_t n_unknown = 0;
    return token->text.n_bytes <= 4 &&
           gm_bpe_symbols(bpe, bpe->pool + token->text.offset, token->text.n_bytes, ids,
                          &n_unknown) == 1 &&
           n_unknown == 0 && ids[0] == token->id;
}

static void begin(struct decider *decider, struct gm_bpe_pairs pairs)
{
    const struct gm_bpe *bpe = decider->bpe;

    for (size_t id = 0; id < bpe->head->n_ids; id++)
        decider->made[id] = NOT_MADE;
    for (size_t i = 0; i < bpe->n_tokens; i++) {
        const struct gm_spec_token *token = &bpe->tokens[i];
        if (token->text.n_bytes <= GM_BPE_SCAN_MAX)
            decider->lengths[token->id] = (uint8_t)token->text.n_bytes;
        if (is_usable(token) && is_symbol(bpe, token))
            decider->made[token->id] = SYMBOL;
    }
    sort_items(decider, pairs);
}

/* Tokens are whole characters, so that the symbols of two of them in a row are those of each. */
static bool are_characters(const struct gm_bpe *bpe, size_t pool_bytes)
{
    if (bpe->head->flags & GM_BPE_BYTE_SYMBOLS)
        return true;
    if (gm_utf8_valid_prefix(bpe->pool, pool_bytes) != pool_bytes)
        return false;
    for (size_t i = 0; i < bpe->n_tokens; i++) {
        size_t begin = bpe->tokens[i].text.offset, end = begin + bpe->tokens[i].text.n_bytes;
        if ((begin < pool_bytes && (bpe->pool[begin] & 0xC0) == 0x80) ||
            (end < pool_bytes && (bpe->pool[end] & 0xC0) == 0x80))
            return false;
    }
    return true;
}

/* Merges several tokens at a time, those of a few bytes as words, the others as windows. */
struct merger {
    const struct gm_bpe *bpe;
    uint64_t *seeds;
    struct gm_bpe_word words[GM_BPE_MERGE_WORDS];
    struct gm_bpe_window windows[GM_BPE_MERGE_WORDS];
    uint32_t symbols[GM_BPE_MERGE_WORDS][GM_BPE_SCAN_MAX];
    size_t word_indices[GM_BPE_MERGE_WORDS], window_indices[GM_BPE_MERGE_WORDS];
    size_t n_words, n_windows;
};

static void set_bit(uint64_t *seeds, size_t index)
{
    seeds[index / 64] |= (uint64_t)1 << index % 64;
}

static void set_seed(struct merger *merger, size_t index, size_t n_ids, uint32_t id)
{
    if (n_ids == 1 && id == merger->bpe->tokens[index].id)
        set_bit(merger->seeds, index);
}

static void flush_words(struct merger *merger)
{
    struct gm_bpe_word *words[GM_BPE_MERGE_WORDS];

    for (size_t i = 0; i < merger->n_words; i++)
        words[i] = &merger->words[i];
    gm_bpe_merge_words(merger->bpe, words, merger->n_words);
    for (size_t i = 0; i < merger->n_words; i++)
        if (words[i]->n_unknown == 0)
            set_seed(merger, merger->word_indices[i], words[i]->n_ids, words[i]->ids[0]);
    merger->n_words = 0;
}

static void flush_windows(struct merger *merger)
{
    gm_bpe_merge_windows(merger->bpe, merger->windows, merger->n_windows);
    for (size_t i = 0; i < merger->n_windows; i++)
        set_seed(merger, merger->window_indices[i], merger->windows[i].left == 1 ? 1 : 0,
                 merger->symbols[i][0]);
    merger->n_windows = 0;
}

static void merge(struct merger *merger, size_t index)
{
    const struct gm_spec_token *token = &merger->bpe->tokens[index];
    const uint8_t *bytes = merger->bpe->pool + token->text.offset;
    size_t n_bytes = token->text.n_bytes, n = merger->n_windows;
    uint64_t n_unknown = 0;

    if (n_bytes <= GM_BPE_WORD_BYTES) {
        merger->word_indices[merger->n_words] = index;
        merger->words[merger->n_words++] = (struct gm_bpe_word){.bytes = bytes, .n_bytes = n_bytes};
        if (merger->n_words == GM_BPE_MERGE_WORDS)
            flush_words(merger);
        return;
    }
    merger->windows[n].ids = merger->symbols[n];
    merger->windows[n].n =
        gm_bpe_symbols(merger->bpe, bytes, n_bytes, merger->symbols[n], &n_unknown);
    if (n_unknown > 0 || merger->windows[n].n == 0)
        return;
    merger->window_indices[merger->n_windows++] = index;
    if (merger->n_windows == GM_BPE_MERGE_WORDS)
        flush_windows(merger);
}

/* made NULL: nothing is decided yet. */
static void set_seeds(const struct gm_bpe *bpe, const uint64_t *made, uint64_t *seeds)
{
    struct merger merger;

    merger.bpe = bpe;
    merger.seeds = seeds;
    merger.n_words = merger.n_windows = 0;
    for (size_t i = 0; i < bpe->n_tokens; i++) {
        uint64_t how = made ? made[bpe->tokens[i].id] : OPEN;
        if (how == NOT_MADE || !is_usable(&bpe->tokens[i]) ||
            bpe->tokens[i].text.n_bytes > GM_BPE_SCAN_MAX)
            continue;
        if (how == OPEN)
            merge(&merger, i);
        else
            set_bit(seeds, i);
    }
    flush_words(&merger);
    flush_windows(&merger);
}

static enum gm_status decide_and_set(const struct gm_bpe *bpe, struct gm_bpe_pairs pairs,
                                     uint64_t *seeds)
{
    size_t n_ids = bpe->head->n_ids;
    struct decider *decider = calloc(1, sizeof *decider);
    enum gm_status status = GM_NOMEM;

    if (!decider)
        return GM_NOMEM;
    decider->bpe = bpe;
    decider->made = malloc((n_ids + 1) * sizeof *decider->made);
    decider->lengths = calloc(n_ids + 1, 1);
    decider->sorted = malloc((pairs.n + 1) * sizeof *decider->sorted);
    if (decider->made && decider->lengths && decider->sorted) {
        gm_huge_pages(decider->made, n_ids * sizeof *decider->made);
        gm_huge_pages(decider->sorted, pairs.n * sizeof *decider->sorted);
        begin(decider, pairs);
        decide_all(decider);
        set_seeds(bpe, decider->made, seeds);
        status = GM_OK;
    }
    free(decider->made);
    free(decider->lengths);
    free(decider->sorted);
    free(decider);
    return status;
}

enum gm_status gm_bpe_seed_build(struct gm_buf *seeds, const struct gm_bpe *bpe, size_t pool_bytes,
                                 struct gm_bpe_pairs pairs, bool is_plain)
{
    size_t n_bytes = (bpe->n_tokens / 64 + 1) * sizeof(uint64_t);

    gm_buf_init(seeds);
    if (!gm_buf_reserve(seeds, n_bytes))
        return GM_NOMEM;
    memset(seeds->data, 0, n_bytes);
    seeds->n_bytes = n_bytes;
    if (is_plain && are_characters(bpe, pool_bytes))
        return decide_and_set(bpe, pairs, (void *)seeds->data);
    set_seeds(bpe, NULL, (void *)seeds->data);
    return GM_OK;
}
