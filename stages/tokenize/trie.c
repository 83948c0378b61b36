/* Building the double array. Units are handed out in blocks of 256: the children of a node are all
 * in one block, at base ^ byte, so that a free place is searched only in the few blocks that are
 * not nearly full. */
#include "tokenize/trie.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK     256u
#define N_OPEN    16u /* blocks that are searched; older ones are closed */
#define MAX_UNITS (1u << 30)

/* Keys first .. last of the sorted list share their first depth bytes, which lead to node. */
struct task {
    size_t first, last;
    uint32_t depth, node;
};

struct builder {
    struct gm_trie *trie;
    const struct gm_trie_key *keys;
    struct task *tasks;
    size_t n_tasks, capacity;
    uint32_t units_capacity;
    uint32_t first_open; /* number of the oldest block that is searched */
};

static int compare_keys(const void *a, const void *b)
{
    const struct gm_trie_key *x = a, *y = b;
    uint32_t n = x->n_bytes < y->n_bytes ? x->n_bytes : y->n_bytes;
    int order = memcmp(x->bytes, y->bytes, n);
    if (order != 0)
        return order;
    if (x->n_bytes != y->n_bytes)
        return x->n_bytes < y->n_bytes ? -1 : 1;
    return x->value < y->value ? -1 : x->value > y->value;
}

static bool add_block(struct builder *builder)
{
    struct gm_trie *trie = builder->trie;
    if (trie->n_units + BLOCK > builder->units_capacity) {
        uint32_t capacity = builder->units_capacity ? builder->units_capacity * 2 : 4 * BLOCK;
        void *units =
            capacity > MAX_UNITS ? NULL : realloc(trie->units, capacity * sizeof(*trie->units));
        if (!units)
            return false;
        trie->units = units;
        builder->units_capacity = capacity;
    }
    for (uint32_t i = 0; i < BLOCK; i++)
        trie->units[trie->n_units + i] = (struct gm_trie_unit){0, 0, GM_TRIE_NOTHING};
    trie->n_units += BLOCK;
    if (trie->n_units / BLOCK - builder->first_open > N_OPEN)
        builder->first_open++;
    return true;
}

static bool fits(const struct gm_trie *trie, uint32_t base, const uint8_t *labels, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint32_t place = base ^ labels[i];
        if (place <= GM_TRIE_ROOT || trie->units[place].parent != 0)
            return false;
    }
    return true;
}

/* A base under which all labels are free; 0: no memory. */
static uint32_t find_base(struct builder *builder, const uint8_t *labels, unsigned n)
{
    const struct gm_trie *trie = builder->trie;
    for (uint32_t block = builder->first_open; block < trie->n_units / BLOCK; block++)
        for (uint32_t low = 0; low < BLOCK; low++) {
            uint32_t base = block * BLOCK | low;
            if (base > 0 && fits(trie, base, labels, n))
                return base;
        }
    if (!add_block(builder))
        return 0;
    return (trie->n_units - BLOCK) | 1;
}

static bool push(struct builder *builder, struct task task)
{
    if (builder->n_tasks == builder->capacity) {
        size_t capacity = builder->capacity ? builder->capacity * 2 : 256;
        void *tasks = realloc(builder->tasks, capacity * sizeof(*builder->tasks));
        if (!tasks)
            return false;
        builder->tasks = tasks;
        builder->capacity = capacity;
    }
    builder->tasks[builder->n_tasks++] = task;
    return true;
}

/* The distinct bytes behind the shared ones, with the first key of each. */
static unsigned find_labels(const struct builder *builder, const struct task *task,
                            uint8_t labels[BLOCK], size_t firsts[BLOCK + 1])
{
    unsigned n = 0;
    for (size_t i = task->first; i < task->last; i++) {
        uint8_t label = builder->keys[i].bytes[task->depth];
        if (n > 0 && labels[n - 1] == label)
            continue;
        firsts[n] = i;
        labels[n++] = label;
    }
    firsts[n] = task->last;
    return n;
}

/* Gives the node of the task its value and its children. */
static bool expand(struct builder *builder, struct task task)
{
    struct gm_trie *trie = builder->trie;
    uint8_t labels[BLOCK];
    size_t firsts[BLOCK + 1];
    unsigned n;
    uint32_t base;
    while (task.first < task.last && builder->keys[task.first].n_bytes == task.depth)
        trie->units[task.node].value = builder->keys[task.first++].value;
    n = find_labels(builder, &task, labels, firsts);
    if (n == 0)
        return true;
    base = find_base(builder, labels, n);
    if (base == 0)
        return false;
    trie->units[task.node].base = base;
    for (unsigned i = 0; i < n; i++)
        trie->units[base ^ labels[i]].parent = task.node;
    for (unsigned i = 0; i < n; i++)
        if (!push(builder,
                  (struct task){firsts[i], firsts[i + 1], task.depth + 1, base ^ labels[i]}))
            return false;
    return true;
}

enum gm_status gm_trie_build(struct gm_trie *trie, struct gm_trie_key *keys, size_t n_keys,
                             struct gm_err *err)
{
    struct builder builder = {.trie = trie, .keys = keys};
    size_t n_empty = 0;
    bool fine;
    *trie = (struct gm_trie){NULL, 0};
    if (n_keys > 0)
        qsort(keys, n_keys, sizeof(*keys), compare_keys);
    while (n_empty < n_keys && keys[n_empty].n_bytes == 0)
        n_empty++;
    fine = add_block(&builder);
    if (fine) {
        trie->units[GM_TRIE_ROOT].parent = UINT32_MAX; /* taken, and no node's child */
        fine = push(&builder, (struct task){n_empty, n_keys, 0, GM_TRIE_ROOT});
    }
    while (fine && builder.n_tasks > 0)
        fine = expand(&builder, builder.tasks[--builder.n_tasks]);
    free(builder.tasks);
    if (fine)
        return GM_OK;
    gm_trie_free(trie);
    return gm_err_set(err, GM_NOMEM, "out of memory");
}

void gm_trie_free(struct gm_trie *trie)
{
    free(trie->units);
    *trie = (struct gm_trie){NULL, 0};
}

uint32_t gm_trie_walk(const struct gm_trie *trie, uint32_t node, const uint8_t *bytes,
                      size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes && node != 0; i++)
        node = gm_trie_step(trie, node, bytes[i]);
    return node;
}
