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

#define MAX_RUN          256u /* merges that make the same token */
#define MANY_RUNS        16u  /* of so many merges, one begins another run for its token */
#define BATCH            32
#define MIN_MERGE_BYTES  4u /* " ", */
#define MAX_QUICK_MERGES (1u << 22)
#define AHEAD            16 /* pairs, whose slots are asked for before they are looked at */

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

static bool is_comment(const char *text, size_t n_bytes)
{
    static const char comment[] = "#version";
    return n_bytes >= sizeof comment - 1 && memcmp(text, comment, sizeof comment - 1) == 0;
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
    struct gm_json_value value = gm_json_node_value(node);
    if (value.kind != spelling || (spelling != GM_JSON_STRING && spelling != GM_JSON_ARRAY))
        return gm_load_refuse(merges->loader, "%s among the merges", gm_load_kind_name(value.kind));
    if (spelling == GM_JSON_ARRAY)
        return read_pair(merges, node);
    if (is_comment(value.text, value.n_bytes))
        return GM_OK;
    return read_line(merges, (struct piece){value.text, value.n_bytes});
}

/* ---- from the text ---- */

static bool read_quick_pair(struct merges *merges, struct gm_json_pull *pull)
{
    struct gm_json_text left, right;
    return gm_json_pull_take(pull, '[') && gm_json_pull_string(pull, &left) &&
           gm_json_pull_take(pull, ',') && gm_json_pull_string(pull, &right) &&
           gm_json_pull_take(pull, ']') &&
           add_merge(merges, (struct piece){left.text, left.n_bytes},
                     (struct piece){right.text, right.n_bytes}) == GM_OK;
}

static bool read_quick_line(struct merges *merges, struct gm_json_pull *pull)
{
    struct gm_json_text line;
    return gm_json_pull_string(pull, &line) &&
           (is_comment(line.text, line.n_bytes) ||
            read_line(merges, (struct piece){line.text, line.n_bytes}) == GM_OK);
}

/* The members of the list and its end, as long as there is room for max merges. */
static bool read_quick(struct merges *merges, struct gm_json_pull *pull, size_t max)
{
    const struct gm_spec *spec = merges->loader->spec;
    bool are_lines = gm_json_pull_peek(pull) == '"';
    bool good = true, more = gm_json_pull_peek(pull) != ']';
    while (good && more) {
        good = are_lines ? read_quick_line(merges, pull) : read_quick_pair(merges, pull);
        more = good && gm_json_pull_take(pull, ',');
        if (good && (!more || merges->n_waiting == BATCH))
            good = spec->n_merges + merges->n_waiting <= max && flush(merges) == GM_OK;
    }
    return good && gm_json_pull_take(pull, ']');
}

bool gm_load_merges_quick(struct gm_loader *loader, struct gm_json_pull *pull)
{
    struct merges merges = {.loader = loader, .joined = GM_BUF_INIT};
    struct gm_spec *spec = loader->spec;
    size_t max = (size_t)(pull->end - pull->at) / MIN_MERGE_BYTES + 1;
    max = max < MAX_QUICK_MERGES ? max : MAX_QUICK_MERGES;
    spec->merges = malloc(max * sizeof *spec->merges);
    if (!spec->merges)
        return false;
    gm_huge_pages(spec->merges, max * sizeof *spec->merges);
    bool good = gm_json_pull_take(pull, '[') && read_quick(&merges, pull, max);
    gm_buf_free(&merges.joined);
    return good;
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

static bool get_bit(const uint64_t *bits, uint32_t at)
{
    return bits[at / 64] >> at % 64 & 1;
}

static void set_bit(uint64_t *bits, uint32_t at)
{
    bits[at / 64] |= (uint64_t)1 << at % 64;
}

/* Whether two merges of a run of n that make the same token are of the same pair. */
static bool run_repeats(const struct gm_spec_merge *run, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t j = 0; j < i; j++)
            if (run[i].left == run[j].left && run[i].right == run[j].right)
                return true;
    return false;
}

static int by_pair(const void *left, const void *right)
{
    const struct gm_spec_merge *a = left, *b = right;
    if (a->left != b->left)
        return a->left < b->left ? -1 : 1;
    return a->right < b->right ? -1 : a->right > b->right;
}

/* Of the merges whose token has its bit in again; true: no memory, too. */
static bool scattered_repeat(const struct gm_spec *spec, const uint64_t *again)
{
    struct gm_spec_merge *some = malloc((size_t)spec->n_merges * sizeof *some);
    size_t n_some = 0;
    if (!some)
        return true;
    for (uint32_t i = 0; i < spec->n_merges; i++)
        if (get_bit(again, spec->merges[i].merged))
            some[n_some++] = spec->merges[i];
    qsort(some, n_some, sizeof *some, by_pair);
    bool found = false;
    for (size_t i = 1; i < n_some; i++)
        found = found || by_pair(&some[i - 1], &some[i]) == 0;
    free(some);
    return found;
}

/* A pair that is listed twice makes the same token twice. Merges that make the same token nearly
 * always follow each other, so runs of them are looked at, and those that come up again behind
 * others. once, again: a bit an id. true: not sure, too. */
static bool may_repeat(const struct gm_spec *spec, uint64_t *once, uint64_t *again)
{
    const struct gm_spec_merge *merges = spec->merges;
    size_t n_again = 0;
    for (uint32_t begin = 0, end; begin < spec->n_merges; begin = end) {
        uint32_t merged = merges[begin].merged;
        for (end = begin + 1; end < spec->n_merges && merges[end].merged == merged;)
            end++;
        if (end - begin > MAX_RUN || run_repeats(merges + begin, end - begin))
            return true;
        if (get_bit(once, merged)) {
            set_bit(again, merged);
            n_again++;
        }
        set_bit(once, merged);
    }
    if (n_again > spec->n_merges / MANY_RUNS)
        return true;
    return n_again > 0 && scattered_repeat(spec, again);
}

static bool has_repeated(const struct gm_spec *spec)
{
    size_t n_words = (size_t)spec->n_ids / 64 + 1;
    uint64_t *bits = calloc(2 * n_words, sizeof *bits);
    bool found = !bits || may_repeat(spec, bits, bits + n_words);
    free(bits);
    return found;
}

static enum gm_status drop_repeated(struct gm_loader *loader)
{
    size_t n_slots = 16;
    if (!has_repeated(loader->spec))
        return GM_OK;
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

/* The names are joined; so are the bytes, if all names have been turned into bytes. */
static void find_joined(struct gm_spec *spec, size_t prefix_bytes)
{
    uint32_t any_flags = 0;
    for (uint32_t i = 0; i < spec->n_tokens; i++)
        any_flags |= spec->tokens[i].flags;
    spec->merges_are_joined = prefix_bytes == 0 && !(any_flags & GM_SPEC_TOKEN_UNREACHABLE);
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
    if (!loader->has_merges)
        status = read_merges(&merges, walk);
    loader->path_bytes = mark;
    gm_buf_free(&merges.joined);
    if (status == GM_OK)
        status = drop_repeated(loader);
    if (status == GM_OK) {
        find_order(loader->spec);
        find_joined(loader->spec, merges.prefix_bytes);
    }
    return status;
}
