/* Sorted leaves and the queue of inner nodes, which come out in rising order by themselves; then
 * lengths above the limit are cut, and the code is made whole again by lengthening the cheapest
 * shorter ones. */
#include "image/huffman.h"

#include "base/assert.h"

#include <stdbool.h>
#include <string.h>

#define MAX_LENGTH 32

struct leaf {
    uint32_t count;
    uint16_t symbol;
};

/* By count, and among equals by symbol, which they come by: a stable sort by each byte of the
 * counts, of which most have two. */
static void sort(struct leaf *leaves, size_t n)
{
    struct leaf other[GM_HUFFMAN_MAX_SYMBOLS];
    uint32_t all = 0;
    for (size_t i = 0; i < n; i++)
        all |= leaves[i].count;
    for (unsigned shift = 0; shift < 32 && all >> shift; shift += 8) {
        size_t ends[257] = {0};
        for (size_t i = 0; i < n; i++)
            ends[(leaves[i].count >> shift & 255) + 1]++;
        for (size_t v = 1; v < 256; v++)
            ends[v] += ends[v - 1];
        for (size_t i = 0; i < n; i++)
            other[ends[leaves[i].count >> shift & 255]++] = leaves[i];
        memcpy(leaves, other, n * sizeof *leaves);
    }
}

/* How many leaves have which depth. leaves: sorted, n >= 2. */
static void count_depths(const struct leaf *leaves, size_t n, unsigned n_of_length[MAX_LENGTH + 1])
{
    uint64_t weight[GM_HUFFMAN_MAX_SYMBOLS];     /* of inner nodes */
    uint16_t parent[2 * GM_HUFFMAN_MAX_SYMBOLS]; /* of leaves, then of inner nodes */
    uint8_t depth[GM_HUFFMAN_MAX_SYMBOLS];       /* of inner nodes */
    size_t leaf = 0, inner = 0;
    for (size_t made = 0; made < n - 1; made++) {
        uint64_t sum = 0;
        for (size_t k = 0; k < 2; k++) {
            bool is_leaf = leaf < n && (inner == made || leaves[leaf].count <= weight[inner]);
            sum += is_leaf ? leaves[leaf].count : weight[inner];
            parent[is_leaf ? leaf++ : n + inner++] = (uint16_t)made;
        }
        weight[made] = sum;
    }
    depth[n - 2] = 0;
    for (size_t i = n - 2; i-- > 0;)
        depth[i] = (uint8_t)(depth[parent[n + i]] + 1);
    for (size_t i = 0; i < n; i++) {
        unsigned length = depth[parent[i]] + 1u;
        n_of_length[length < MAX_LENGTH ? length : MAX_LENGTH]++;
    }
}

/* Moves what is too long up to the limit and pays for it. */
static void limit_lengths(unsigned n_of_length[MAX_LENGTH + 1], unsigned limit)
{
    uint64_t used = 0; /* in units of the longest code */
    for (unsigned length = 1; length <= MAX_LENGTH; length++) {
        if (length > limit) {
            n_of_length[limit] += n_of_length[length];
            n_of_length[length] = 0;
        }
    }
    for (unsigned length = 1; length <= limit; length++)
        used += (uint64_t)n_of_length[length] << (limit - length);
    while (used > (uint64_t)1 << limit) {
        unsigned length = limit - 1;
        while (n_of_length[length] == 0)
            length--;
        n_of_length[length]--;
        n_of_length[length + 1]++;
        used -= (uint64_t)1 << (limit - length - 1);
    }
    for (; used < (uint64_t)1 << limit; used++) { /* paid too much: some come back */
        GM_ASSERT(n_of_length[limit] > 0);
        n_of_length[limit]--;
        n_of_length[limit - 1]++;
    }
}

void gm_huffman_lengths(const uint32_t *counts, size_t n, unsigned limit, uint8_t *lengths)
{
    struct leaf leaves[GM_HUFFMAN_MAX_SYMBOLS];
    unsigned n_of_length[MAX_LENGTH + 1] = {0};
    size_t n_leaves = 0;
    GM_ASSERT(n <= GM_HUFFMAN_MAX_SYMBOLS && limit <= 15 && (size_t)1 << limit >= n);
    memset(lengths, 0, n);
    for (size_t i = 0; i < n; i++)
        if (counts[i])
            leaves[n_leaves++] = (struct leaf){counts[i], (uint16_t)i};
    if (n_leaves < 2) {
        if (n_leaves)
            lengths[leaves[0].symbol] = 1;
        return;
    }
    sort(leaves, n_leaves);
    count_depths(leaves, n_leaves, n_of_length);
    limit_lengths(n_of_length, limit);
    size_t i = 0; /* the rarest get the longest */
    for (unsigned length = limit; length > 0; length--)
        for (unsigned k = n_of_length[length]; k > 0; k--)
            lengths[leaves[i++].symbol] = (uint8_t)length;
}

void gm_huffman_codes(const uint8_t *lengths, size_t n, uint16_t *codes)
{
    unsigned n_of_length[16] = {0}, next[17] = {0};
    for (size_t i = 0; i < n; i++)
        n_of_length[lengths[i]]++;
    n_of_length[0] = 0;
    for (unsigned length = 1; length < 16; length++)
        next[length + 1] = (next[length] + n_of_length[length]) << 1;
    for (size_t i = 0; i < n; i++) {
        unsigned reversed = 0, code = lengths[i] ? next[lengths[i]]++ : 0;
        for (unsigned bit = 0; bit < lengths[i]; bit++)
            reversed |= (code >> bit & 1) << (lengths[i] - 1u - bit);
        codes[i] = (uint16_t)reversed;
    }
}
