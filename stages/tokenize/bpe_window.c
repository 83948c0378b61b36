/* Merges of a window of a long word that is too large for a search of all candidates at each merge:
 * a heap of candidates, or, where the same pairs come again and again, a pass for each rank. */
#include "tokenize/bpe_merge.h"

#include "tokenize/rank_scan.h"
#include <string.h>

#define MAX_ROW 1024u

/* Candidates as rank << 32 | place: the least is the next merge, leftmost of equals. A candidate
 * whose rank is no longer that of its place is out of date. */
struct heap {
    uint64_t *items;
    size_t n;
};

static void heap_push(struct heap *heap, uint32_t rank, uint32_t place)
{
    uint64_t item = (uint64_t)rank << 32 | place;
    size_t at = heap->n++;
    if (rank == GM_BPE_NO_RANK) {
        heap->n--;
        return;
    }
    for (; at > 0 && heap->items[(at - 1) / 2] > item; at = (at - 1) / 2)
        heap->items[at] = heap->items[(at - 1) / 2];
    heap->items[at] = item;
}

static uint64_t heap_pop(struct heap *heap)
{
    uint64_t least = heap->items[0], item = heap->items[--heap->n];
    size_t at = 0, child;
    while ((child = 2 * at + 1) < heap->n) {
        child += child + 1 < heap->n && heap->items[child + 1] < heap->items[child];
        if (heap->items[child] >= item)
            break;
        heap->items[at] = heap->items[child];
        at = child;
    }
    heap->items[at] = item;
    return least;
}

struct chain {
    uint32_t *ids, *previous, *next, *ranks;
    struct heap heap;
    uint32_t n;
};

static void merge_at(const struct gm_bpe *bpe, struct chain *chain, uint32_t at)
{
    uint32_t gone = chain->next[at], behind = chain->next[gone], before = chain->previous[at];

    chain->ids[at] = gm_bpe_merged(bpe, chain->ranks[at]);
    chain->ids[gone] = GM_NO_TOKEN;
    chain->ranks[gone] = GM_BPE_NO_RANK;
    chain->next[at] = behind;
    chain->ranks[at] = GM_BPE_NO_RANK;
    if (behind < chain->n) {
        chain->previous[behind] = at;
        chain->ranks[at] = gm_pair_rank(&bpe->pairs, chain->ids[at], chain->ids[behind]);
        heap_push(&chain->heap, chain->ranks[at], at);
    }
    if (before < chain->n) {
        chain->ranks[before] = gm_pair_rank(&bpe->pairs, chain->ids[before], chain->ids[at]);
        heap_push(&chain->heap, chain->ranks[before], before);
    }
}

/* A window: ids are at its start for symbols that are left, GM_NO_TOKEN for the others. */
static void merge_heap(const struct gm_bpe *bpe, struct gm_bpe_scratch *scratch, uint32_t *ids,
                       size_t n)
{
    struct chain chain = {.ids = ids,
                          .previous = scratch->links,
                          .next = scratch->links + n,
                          .ranks = scratch->links + 2 * n,
                          .heap = {scratch->heap, 0},
                          .n = (uint32_t)n};
    for (uint32_t i = 0; i < n; i++) {
        chain.previous[i] = i - 1; /* behind the end for the first */
        chain.next[i] = i + 1;
        chain.ranks[i] = i + 1 < n ? gm_pair_rank(&bpe->pairs, ids[i], ids[i + 1]) : GM_BPE_NO_RANK;
        heap_push(&chain.heap, chain.ranks[i], i);
    }
    while (chain.heap.n > 0) {
        uint64_t item = heap_pop(&chain.heap);
        uint32_t at = (uint32_t)item;
        if (chain.ranks[at] == item >> 32)
            merge_at(bpe, &chain, at);
    }
}

/* The symbols of a window in a row, without gaps; the last rank is GM_BPE_NO_RANK. */
struct row {
    uint32_t *ids, *ranks, *starts;
    size_t n;
};

static void move_row(struct row *row, size_t to, size_t from, size_t n)
{
    memmove(row->ids + to, row->ids + from, n * sizeof *row->ids);
    memmove(row->ranks + to, row->ranks + from, n * sizeof *row->ranks);
    memmove(row->starts + to, row->starts + from, n * sizeof *row->starts);
}

/* A row in work: what is in front of `to` and from `from` on, with a gap between them. */
struct gap {
    size_t to, from;
};

/* Merges the pair behind the gap, which has the least rank, and what comes up by that: a new pair
 * of the same or a lower rank is the next merge, because it is the least, or the leftmost of the
 * least. Each merge has both its neighbours make new pairs, so no such pair is left behind. */
static void merge_behind(const struct gm_bpe *bpe, struct row *row, struct gap *gap, uint32_t least)
{
    size_t to = gap->to, from = gap->from + 2;
    uint32_t id = gm_bpe_merged(bpe, least), left, right;

    row->starts[to] = row->starts[gap->from];
    for (;;) {
        right = from < row->n ? gm_pair_rank(&bpe->pairs, id, row->ids[from]) : GM_BPE_NO_RANK;
        left = to > 0 ? gm_pair_rank(&bpe->pairs, row->ids[to - 1], id) : GM_BPE_NO_RANK;
        if (left > least && right > least)
            break;
        id = gm_bpe_merged(bpe, left <= right ? left : right);
        to -= left <= right;
        from += right < left;
    }
    row->ids[to] = id;
    row->ranks[to] = right;
    if (to > 0)
        row->ranks[to - 1] = left;
    *gap = (struct gap){to + 1, from};
}

/* Merges all pairs of the least rank, from left to right. Behind it all ranks are higher. false: no
 * pair. */
static bool merge_round(const struct gm_bpe *bpe, struct row *row)
{
    uint32_t least = gm_rank_least(row->ranks, row->n);
    if (least == GM_BPE_NO_RANK)
        return false;
    size_t first = gm_rank_find(row->ranks, row->n, least);
    struct gap gap = {first, first};
    while (gap.from < row->n) {
        merge_behind(bpe, row, &gap, least);
        size_t n = gm_rank_find(row->ranks + gap.from, row->n - gap.from, least);
        if (n > 0)
            move_row(row, gap.to, gap.from, n);
        gap.to += n;
        gap.from += n;
    }
    row->n = gap.to;
    return true;
}

/* For windows in which the same pairs come again and again: a round for each rank. */
static void merge_rounds(const struct gm_bpe *bpe, struct gm_bpe_scratch *scratch, uint32_t *ids,
                         size_t n)
{
    struct row row = {scratch->links, scratch->links + n, scratch->links + 2 * n, n};

    memcpy(row.ids, ids, n * sizeof *ids);
    for (size_t i = 0; i < n; i++) {
        row.starts[i] = (uint32_t)i;
        row.ranks[i] = i + 1 < n ? gm_pair_rank(&bpe->pairs, ids[i], ids[i + 1]) : GM_BPE_NO_RANK;
    }
    while (merge_round(bpe, &row))
        ;
    memset(ids, 0xFF, n * sizeof *ids);
    for (size_t i = 0; i < row.n; i++)
        ids[row.starts[i]] = row.ids[i];
}

void gm_bpe_merge_window(const struct gm_bpe *bpe, struct gm_bpe_scratch *scratch, uint32_t *ids,
                         size_t n, bool is_repetitive)
{
    if (n > MAX_ROW || !is_repetitive)
        merge_heap(bpe, scratch, ids, n);
    else
        merge_rounds(bpe, scratch, ids, n);
}
