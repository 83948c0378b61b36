/* Merges, in both spellings: "a b" and ["a", "b"]. What a pair becomes is found by its text. Merges
 * of a trained vocabulary make its tokens in their order, each from one pair or several, so the
 * token of the pair before and the one behind it are looked at first; otherwise the joined text is
 * looked up like the two names, which is done for BATCH merges at once.
 *
 * A pair that is listed twice counts where it stands last, as in the reference. */
#include "tokenize/load_model.h"

#include "base/huge_pages.h"
#include <stdlib.h>
#include <string.h>

#define BATCH 32
#define AHEAD 16 /* pairs, whose slots are asked for before they are looked at */

struct waiting {
    struct gm_name_query left, right;
    uint32_t merged;      /* GM_NAME_NONE: joined is to be looked up */
    size_t joined_offset; /* of its text in merges->joined */
    size_t place;         /* in the file */
};

struct merges {
    struct gm_loader *loader;
    size_t prefix_bytes; /* continuing_subword_prefix, as the file spells it: cut from the right */
    size_t made;         /* the place in the names of what the pair before becomes */
    struct waiting waiting[BATCH];
    size_t n_waiting;
    struct gm_buf joined; /* texts of those that wait */
};

struct piece {
    const char *text;
    size_t n_bytes;
};

static enum gm_status refuse_unknown(const struct merges *merges, const struct waiting *waiting,
                                     struct piece name)
{
    struct gm_loader *loader = merges->loader;
    gm_load_refuse(loader, "%s is not in the vocabulary",
                   gm_load_quote(loader, name.text, name.n_bytes));
    return gm_err_add(loader->err, "model.merges[%zu]", waiting->place);
}

static struct piece joined_of(const struct merges *merges, const struct waiting *waiting)
{
    const char *text = (const char *)merges->joined.data + waiting->joined_offset;
    return (struct piece){text,
                          waiting->left.n_bytes + waiting->right.n_bytes - merges->prefix_bytes};
}

static enum gm_status finish(struct merges *merges, const struct waiting *waiting)
{
    const struct gm_names *names = &merges->loader->names;
    struct gm_spec *spec = merges->loader->spec;
    const struct gm_name_query *left = &waiting->left, *right = &waiting->right;
    struct gm_spec_merge merge = {gm_names_answer(names, left), gm_names_answer(names, right),
                                  waiting->merged};

    if (merge.left == GM_NAME_NONE)
        return refuse_unknown(merges, waiting, (struct piece){left->text, left->n_bytes});
    if (merge.right == GM_NAME_NONE)
        return refuse_unknown(merges, waiting, (struct piece){right->text, right->n_bytes});
    if (merge.merged == GM_NAME_NONE) {
        struct piece joined = joined_of(merges, waiting);
        merge.merged = gm_names_find(names, joined.text, joined.n_bytes);
        if (merge.merged == GM_NAME_NONE)
            return refuse_unknown(merges, waiting, joined);
        /* Where tokens are listed by their ids, the search goes on from there. */
        if (merge.merged < names->n && names->list[merge.merged].id == merge.merged)
            merges->made = merge.merged;
    }
    spec->merges[spec->n_merges++] = merge;
    return GM_OK;
}

/* Looks up what waits. */
static enum gm_status flush(struct merges *merges)
{
    enum gm_status status = merges->joined.failed ? gm_load_no_memory(merges->loader) : GM_OK;
    for (size_t i = 0; i < merges->n_waiting && status == GM_OK; i++)
        status = finish(merges, &merges->waiting[i]);
    merges->n_waiting = 0;
    gm_buf_clear(&merges->joined);
    return status;
}

static bool is_joined(const struct gm_name *name, struct piece left, struct piece right)
{
    return name->n_bytes == left.n_bytes + right.n_bytes &&
           memcmp(name->text, left.text, left.n_bytes) == 0 &&
           memcmp(name->text + left.n_bytes, right.text, right.n_bytes) == 0;
}

/* The id of left and right together, if it is the last one or the next one; GM_NAME_NONE: not. */
static uint32_t guess(struct merges *merges, struct piece left, struct piece right)
{
    const struct gm_names *names = &merges->loader->names;
    for (size_t place = merges->made; place < names->n && place <= merges->made + 1; place++)
        if (is_joined(&names->list[place], left, right)) {
            merges->made = place;
            return names->list[place].id;
        }
    return GM_NAME_NONE;
}

static enum gm_status add_merge(struct merges *merges, struct piece left, struct piece right)
{
    if (right.n_bytes < merges->prefix_bytes)
        return gm_load_refuse(merges->loader, "%s is shorter than continuing_subword_prefix",
                              gm_load_quote(merges->loader, right.text, right.n_bytes));
    struct waiting *waiting = &merges->waiting[merges->n_waiting++];
    struct piece rest = {right.text + merges->prefix_bytes, right.n_bytes - merges->prefix_bytes};
    waiting->left = (struct gm_name_query){.text = left.text, .n_bytes = left.n_bytes};
    waiting->right = (struct gm_name_query){.text = right.text, .n_bytes = right.n_bytes};
    gm_names_ask(&merges->loader->names, &waiting->left);
    gm_names_ask(&merges->loader->names, &waiting->right);
    waiting->merged = guess(merges, left, rest);
    if (waiting->merged == GM_NAME_NONE) {
        waiting->joined_offset = merges->joined.n_bytes;
        gm_buf_append(&merges->joined, left.text, left.n_bytes);
        gm_buf_append(&merges->joined, rest.text, rest.n_bytes);
    }
    return GM_OK;
}

/* "a b": exactly one space. */
static enum gm_status read_line(struct merges *merges, struct piece line)
{
    const char *space = memchr(line.text, ' ', line.n_bytes);
    if (!space || memchr(space + 1, ' ', line.n_bytes - (size_t)(space + 1 - line.text)))
        return gm_load_refuse(merges->loader, "%s is not two names with a space between",
                              gm_load_quote(merges->loader, line.text, line.n_bytes));
    size_t n_left = (size_t)(space - line.text);
    return add_merge(merges, (struct piece){line.text, n_left},
                     (struct piece){space + 1, line.n_bytes - n_left - 1});
}

static enum gm_status read_pair(struct merges *merges, struct gm_json_node node)
{
    struct gm_json_walk walk = gm_json_enter(node);
    struct piece pieces[2];
    struct gm_json_node member;
    size_t n = 0;
    for (; gm_json_step(&walk, NULL, &member); n++) {
        struct gm_json_value value = gm_json_node_value(member);
        if (value.kind != GM_JSON_STRING || n == 2)
            return gm_load_refuse(merges->loader, "two names are expected");
        pieces[n] = (struct piece){value.text, value.n_bytes};
    }
    if (n != 2)
        return gm_load_refuse(merges->loader, "two names are expected");
    return add_merge(merges, pieces[0], pieces[1]);
}

static enum gm_status read_merge(struct merges *merges, struct gm_json_node node,
                                 enum gm_json_kind spelling)
{
    static const char comment[] = "#version";
    struct gm_json_value value = gm_json_node_value(node);
    if (value.kind != spelling || (spelling != GM_JSON_STRING && spelling != GM_JSON_ARRAY))
        return gm_load_refuse(merges->loader, "%s among the merges", gm_load_kind_name(value.kind));
    if (spelling == GM_JSON_ARRAY)
        return read_pair(merges, node);
    if (value.n_bytes >= sizeof comment - 1 && memcmp(value.text, comment, sizeof comment - 1) == 0)
        return GM_OK;
    return read_line(merges, (struct piece){value.text, value.n_bytes});
}

/* ---- pairs that are listed twice ---- */

static uint64_t pair_hash(const struct gm_spec_merge *merge)
{
    uint64_t key = (uint64_t)merge->left << 32 | merge->right;
    key *= 0x9E3779B97F4A7C15u;
    return key ^ key >> 29;
}

/* Drops earlier ones. slots: n_slots zeros, more than twice the merges. */
static void drop_earlier(struct gm_loader *loader, uint32_t *slots, size_t n_slots)
{
    struct gm_spec *spec = loader->spec;
    uint32_t n_kept = spec->n_merges;
    for (uint32_t i = spec->n_merges; i-- > 0;) {
        struct gm_spec_merge merge = spec->merges[i];
        if (i >= AHEAD)
            __builtin_prefetch(&slots[pair_hash(&spec->merges[i - AHEAD]) & (n_slots - 1)]);
        size_t at = pair_hash(&merge) & (n_slots - 1);
        while (slots[at] != 0 && (spec->merges[slots[at] - 1].left != merge.left ||
                                  spec->merges[slots[at] - 1].right != merge.right))
            at = (at + 1) & (n_slots - 1);
        if (slots[at] != 0)
            continue;
        /* Kept ones move to the end, so that their places are final. */
        spec->merges[--n_kept] = merge;
        slots[at] = n_kept + 1;
    }
    if (n_kept > 0) {
        gm_load_note(loader, "%u pairs are listed again later, and count there", n_kept);
        spec->n_merges -= n_kept;
        memmove(spec->merges, spec->merges + n_kept, spec->n_merges * sizeof *spec->merges);
    }
}

static enum gm_status drop_repeated(struct gm_loader *loader)
{
    size_t n_slots = 16;
    while (n_slots < (size_t)loader->spec->n_merges * 2)
        n_slots *= 2;
    uint32_t *slots = calloc(n_slots, sizeof *slots);
    if (!slots)
        return gm_load_no_memory(loader);
    gm_huge_pages(slots, n_slots * sizeof *slots);
    drop_earlier(loader, slots, n_slots);
    free(slots);
    return GM_OK;
}

static void find_order(struct gm_spec *spec)
{
    for (uint32_t i = 1; i < spec->n_merges; i++) {
        if (spec->merges[i - 1].merged >= spec->merges[i].merged)
            return;
    }
    spec->flags |= GM_SPEC_MERGES_BY_ID;
}

static enum gm_status read_merges(struct merges *merges, struct gm_json_walk walk)
{
    struct gm_loader *loader = merges->loader;
    struct gm_json_walk counter = walk;
    struct gm_json_node node;
    size_t n = 0;
    for (; gm_json_step(&counter, NULL, &node); n++)
        ;
    loader->spec->merges = calloc(n ? n : 1, sizeof *loader->spec->merges);
    if (!loader->spec->merges)
        return gm_load_no_memory(loader);
    gm_huge_pages(loader->spec->merges, n * sizeof *loader->spec->merges);
    enum gm_status status = GM_OK;
    enum gm_json_kind spelling = GM_JSON_MISSING;
    for (size_t i = 0; status == GM_OK && gm_json_step(&walk, NULL, &node); i++) {
        if (i == 0)
            spelling = gm_json_node_value(node).kind;
        merges->waiting[merges->n_waiting].place = i;
        status = read_merge(merges, node, spelling);
        if (status == GM_INPUT)
            gm_err_add(loader->err, "model.merges[%zu]", i);
        else if (merges->n_waiting == BATCH)
            status = flush(merges);
    }
    return status == GM_OK ? flush(merges) : status;
}

enum gm_status gm_load_merges(struct gm_loader *loader, struct gm_json_node model)
{
    struct merges merges = {.loader = loader, .joined = GM_BUF_INIT};
    struct gm_json_walk walk;
    struct gm_json_value prefix = {0};
    struct gm_load_list list = {"merges", GM_JSON_ARRAY, GM_LOAD_REQUIRED};
    enum gm_status status =
        gm_load_text(loader, model, "continuing_subword_prefix", GM_LOAD_OPTIONAL, &prefix);
    if (status == GM_OK)
        status = gm_load_walk(loader, model, list, &walk);
    if (status != GM_OK)
        return status;
    merges.prefix_bytes = prefix.n_bytes;
    size_t mark = loader->path_bytes;
    gm_load_leave(loader, 0); /* the place is added to failures only: printing it costs time */
    status = read_merges(&merges, walk);
    loader->path_bytes = mark;
    gm_buf_free(&merges.joined);
    if (status == GM_OK)
        status = drop_repeated(loader);
    if (status == GM_OK)
        find_order(loader->spec);
    return status;
}
