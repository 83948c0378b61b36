/* Of each record its hash is kept and the text that names it. A source counts as the last
 * generation has it that had its bytes: what earlier ones made of it is replaced, by whatever came
 * out this time and if nothing did, or removed with it. What could not be had is what it was. A
 * picture that is listed twice stands in the report once: pictures are told apart by
 * source, name and the member's number. */
#include "cli/dups.h"

#include "cli/near.h"
#include "cli/runfolder.h"
#include "cli/shard.h"

#include "base/fs.h"
#include "base/hash.h"
#include "base/jread.h"
#include "run/list.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define REPORT "dups.jsonl"

struct image {
    uint64_t hash;
    uint64_t key; /* of source, name and member */
    uint64_t source;
    size_t text_at; /* its keys and values in `texts` */
    uint32_t text_bytes;
    uint32_t order; /* of reading: later generations are later */
    uint32_t generation;
};

/* A source of which a generation had the bytes, or in which it was removed. */
struct sighting {
    uint64_t source;
    uint32_t generation;
};

enum name { NAME_ID, NAME_SOURCE, NAME_NAME, NAME_FILE, N_NAMES };
static const char *const names[N_NAMES] = {"id", "source", "name", "file"};

/* The other keys that count. */
enum { KEY_HASH = N_NAMES, KEY_REASON, KEY_OTHER };

/* What a line tells. */
struct found {
    uint64_t hash, source;
    bool has_hash;
    bool not_had; /* the item could not be had */
};

/* What the lines of a file tell. */
enum lines { LINES_OTHER, LINES_RECORDS, LINES_REJECTS, LINES_REMOVED };

struct dups {
    const struct gm_dups_opts *opts;
    uint32_t generation;  /* in work */
    enum lines lines;     /* of the file in work */
    bool has_records;     /* with a hash or without */
    struct gm_buf images; /* struct image */
    struct gm_buf sightings;
    struct gm_buf texts;
    struct gm_buf values[N_NAMES]; /* of the record in work, as JSON */
    struct gm_buf text, key;
};

static struct image *images_of(struct dups *dups)
{
    return (struct image *)(void *)dups->images.data;
}

static size_t n_images(const struct dups *dups)
{
    return dups->images.n_bytes / sizeof(struct image);
}

static bool parse_hash(const struct gm_buf *text, uint64_t *hash)
{
    *hash = 0;
    if (text->n_bytes != 16)
        return false;
    for (size_t i = 0; i < 16; i++) {
        const char *digit = memchr("0123456789abcdef", text->data[i], 16);
        if (!digit)
            return false;
        *hash = *hash << 4 | (uint64_t)(digit - "0123456789abcdef");
    }
    return true;
}

/* The number behind the dot of "000000017.000003": the item's own may change with the generation.
 */
static void add_member(struct gm_buf *key, const struct gm_buf *id)
{
    const uint8_t *dot = id->n_bytes ? memchr(id->data, '.', id->n_bytes) : NULL;
    if (dot)
        gm_buf_append(key, dot, id->n_bytes - (size_t)(dot - id->data));
}

static void add_sighting(struct dups *dups, uint64_t source)
{
    struct sighting last = {0}, now = {source, dups->generation};
    if (dups->sightings.n_bytes >= sizeof last) /* members of an archive follow each other */
        memcpy(&last, dups->sightings.data + dups->sightings.n_bytes - sizeof last, sizeof last);
    if (last.source != now.source || last.generation != now.generation)
        gm_buf_append(&dups->sightings, &now, sizeof now);
}

static void add_image(struct dups *dups, uint64_t hash, uint64_t source)
{
    gm_buf_clear(&dups->text);
    gm_buf_clear(&dups->key);
    for (size_t i = 0; i < N_NAMES; i++) {
        const struct gm_buf *value = &dups->values[i];
        gm_buf_printf(&dups->text, ",\"%s\":", names[i]);
        gm_buf_append(&dups->text, value->data, value->n_bytes);
        if (i == NAME_ID)
            add_member(&dups->key, value);
        else if (i != NAME_FILE)
            gm_buf_append(&dups->key, value->data, value->n_bytes);
        gm_buf_char(&dups->key, '\n'); /* which no JSON text has inside */
    }
    struct image image = {.hash = hash,
                          .key = gm_xxh64(dups->key.data, dups->key.n_bytes, 0),
                          .source = source,
                          .text_at = dups->texts.n_bytes,
                          .text_bytes = (uint32_t)dups->text.n_bytes,
                          .order = (uint32_t)n_images(dups),
                          .generation = dups->generation};
    gm_buf_append(&dups->texts, dups->text.data, dups->text.n_bytes);
    gm_buf_append(&dups->images, &image, sizeof(image));
}

/* Keeps the JSON of a value if it names the picture. */
static void note_value(struct dups *dups, size_t name, const char *json, size_t n_bytes)
{
    if (name < N_NAMES) {
        gm_buf_clear(&dups->values[name]);
        gm_buf_append(&dups->values[name], json, n_bytes);
    }
}

static size_t key_of(const struct dups *dups, struct gm_jread *reader)
{
    if (gm_jread_is(reader, dups->opts->hash))
        return KEY_HASH;
    for (size_t name = 0; name < N_NAMES; name++)
        if (gm_jread_is(reader, names[name]))
            return name;
    return gm_jread_is(reader, "reason") ? KEY_REASON : KEY_OTHER;
}

static bool starts_with(const struct gm_buf *text, const char *start)
{
    size_t n_bytes = strlen(start);
    return text->n_bytes >= n_bytes && memcmp(text->data, start, n_bytes) == 0;
}

static void note_string(struct found *found, size_t key, const struct gm_buf *text)
{
    if (key == KEY_HASH)
        found->has_hash = parse_hash(text, &found->hash);
    else if (key == NAME_SOURCE)
        found->source = gm_xxh64(text->data, text->n_bytes, 0);
    else if (key == KEY_REASON)
        found->not_had = starts_with(text, "fetch.") || starts_with(text, "source.");
}

static void take_line(struct dups *dups, const char *line, size_t n_bytes)
{
    struct gm_jread reader;
    struct found found = {0};
    for (size_t i = 0; i < N_NAMES; i++)
        note_value(dups, i, "null", 4);
    gm_jread_init(&reader, line, n_bytes);
    bool good = gm_jread_next(&reader) == GM_JREAD_OBJECT;
    while (good && gm_jread_next(&reader) == GM_JREAD_KEY) {
        size_t key = key_of(dups, &reader);
        size_t from = reader.at; /* behind the colon: records have no spaces */
        enum gm_jread_token token = gm_jread_next(&reader);
        if (token == GM_JREAD_STRING)
            note_string(&found, key, &reader.value);
        good = gm_jread_skip(&reader, token);
        if (good)
            note_value(dups, key, line + from, reader.at - from);
    }
    gm_jread_free(&reader);
    bool is_record = dups->lines == LINES_RECORDS;
    if (good && (dups->lines != LINES_REJECTS || !found.not_had))
        add_sighting(dups, found.source);
    dups->has_records = dups->has_records || (good && is_record);
    if (good && is_record && found.has_hash)
        add_image(dups, found.hash, found.source);
}

static enum lines lines_in(const char *name)
{
    if (strncmp(name, "records-", 8) == 0 && strstr(name, ".jsonl"))
        return LINES_RECORDS;
    if (strcmp(name, "rejects.jsonl") == 0)
        return LINES_REJECTS;
    return strcmp(name, GM_REMOVED_NAME) == 0 ? LINES_REMOVED : LINES_OTHER;
}

static enum gm_status read_shard(struct dups *dups, int dir_fd, const char *name,
                                 struct gm_err *err)
{
    struct gm_shard *shard;
    const char *line;
    size_t n_bytes;
    enum gm_status status = gm_shard_open(&shard, dir_fd, name, err);
    if (status != GM_OK)
        return status;
    dups->lines = lines_in(name);
    while ((status = gm_shard_next(shard, &line, &n_bytes, err)) == GM_OK)
        take_line(dups, line, n_bytes);
    gm_shard_close(shard);
    bool failed = dups->images.failed || dups->texts.failed || dups->sightings.failed;
    if (status == GM_END && failed)
        return gm_err_set(err, GM_NOMEM, "no memory for the hashes of so many pictures");
    return status == GM_END ? GM_OK : status;
}

static int has_lines(const struct dirent *entry)
{
    return lines_in(entry->d_name) != LINES_OTHER;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static enum gm_status read_generation(struct dups *dups, const struct gm_generation *generation,
                                      struct gm_err *err)
{
    struct dirent **entries;
    enum gm_status status = GM_OK;
    int n = scandirat(generation->dir_fd, ".", &entries, has_lines, by_name);
    if (n < 0)
        return gm_err_set(err, GM_IO, "unable to list %s", generation->path);
    for (int i = 0; i < n; i++) {
        if (status == GM_OK)
            status = read_shard(dups, generation->dir_fd, entries[i]->d_name, err);
        free(entries[i]);
    }
    free(entries);
    return status;
}

/* ---- what is in the run more than once ---- */

static int by_key(const void *a, const void *b)
{
    const struct image *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static int by_order(const void *a, const void *b)
{
    const struct image *x = a, *y = b;
    return x->order < y->order ? -1 : x->order > y->order;
}

static int compare_source(const void *a, const void *b)
{
    const struct sighting *x = a, *y = b;
    return x->source < y->source ? -1 : x->source > y->source;
}

static int by_source(const void *a, const void *b)
{
    const struct sighting *x = a, *y = b;
    int order = compare_source(a, b);
    return order ? order : (x->generation > y->generation) - (x->generation < y->generation);
}

/* The last sighting of each source, by source; returns how many. */
static size_t last_sightings(struct sighting *sightings, size_t n)
{
    size_t n_kept = 0;
    qsort(sightings, n, sizeof *sightings, by_source);
    for (size_t i = 0; i < n; i++)
        if (i + 1 == n || sightings[i].source != sightings[i + 1].source)
            sightings[n_kept++] = sightings[i];
    return n_kept;
}

/* Of a source the last generation stays. */
static void drop_outdated(struct dups *dups)
{
    struct image *images = images_of(dups);
    struct sighting *sightings = (struct sighting *)(void *)dups->sightings.data;
    size_t n = n_images(dups), n_kept = 0;
    size_t n_sightings = last_sightings(sightings, dups->sightings.n_bytes / sizeof *sightings);
    for (size_t i = 0; i < n; i++) {
        struct sighting key = {.source = images[i].source};
        const struct sighting *last =
            bsearch(&key, sightings, n_sightings, sizeof *sightings, compare_source);
        if (last && last->generation == images[i].generation)
            images[n_kept++] = images[i];
    }
    dups->images.n_bytes = n_kept * sizeof *images;
}

/* Of pictures with one key the last stays. */
static void drop_repeated(struct dups *dups)
{
    struct image *images = images_of(dups);
    size_t n = n_images(dups), n_kept = 0;
    qsort(images, n, sizeof(*images), by_key);
    for (size_t i = 0; i < n; i++)
        if (i + 1 == n || images[i].key != images[i + 1].key)
            images[n_kept++] = images[i];
    qsort(images, n_kept, sizeof(*images), by_order);
    dups->images.n_bytes = n_kept * sizeof(*images);
}

/* ---- the report ---- */

struct member {
    uint32_t first, index; /* of the group, of the image */
};

static int by_group(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static void put_member(struct dups *dups, const struct member *member, uint64_t group,
                       struct gm_buf *out)
{
    const struct image *image = &images_of(dups)[member->index];
    uint64_t different = image->hash ^ images_of(dups)[member->first].hash;
    gm_buf_printf(out, "{\"group\":%llu", (unsigned long long)group);
    gm_buf_append(out, dups->texts.data + image->text_at, image->text_bytes);
    gm_buf_printf(out, ",\"%s\":\"%016llx\",\"distance\":%d}\n", dups->opts->hash,
                  (unsigned long long)image->hash, __builtin_popcountll(different));
}

/* Groups of two and more, in the order of their first pictures. */
static void put_groups(struct dups *dups, struct member *members, struct gm_buf *out,
                       struct gm_dups_summary *summary)
{
    size_t n = n_images(dups);
    qsort(members, n, sizeof(*members), by_group);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && members[end].first == members[i].first;)
            end++;
        if (end - i < 2)
            continue;
        for (size_t k = i; k < end; k++)
            put_member(dups, &members[k], summary->n_groups, out);
        summary->n_groups++;
        summary->n_images += end - i;
    }
}

static enum gm_status group(struct dups *dups, struct gm_buf *out, struct gm_dups_summary *summary,
                            struct gm_err *err)
{
    size_t n = n_images(dups);
    uint64_t *hashes = calloc(n + 1, sizeof(*hashes));
    uint32_t *first_of = calloc(n + 1, sizeof(*first_of));
    struct member *members = calloc(n + 1, sizeof(*members));
    enum gm_status status = GM_OK;
    if (!hashes || !first_of || !members)
        status = gm_err_set(err, GM_NOMEM, "no memory for %zu hashes", n);
    for (size_t i = 0; status == GM_OK && i < n; i++)
        hashes[i] = images_of(dups)[i].hash;
    if (status == GM_OK)
        status = gm_near_groups(hashes, n, dups->opts->distance, first_of, err);
    for (uint32_t i = 0; status == GM_OK && i < n; i++)
        members[i] = (struct member){first_of[i], i};
    if (status == GM_OK)
        put_groups(dups, members, out, summary);
    if (out->failed)
        status = gm_err_set(err, GM_NOMEM, "no memory for the report");
    free(hashes);
    free(first_of);
    free(members);
    return status;
}

static enum gm_status report(struct dups *dups, const struct gm_runfolder *folder,
                             struct gm_dups_summary *summary, struct gm_err *err)
{
    struct gm_buf out = GM_BUF_INIT;
    enum gm_status status = GM_OK;
    for (uint32_t i = 0; i < folder->n_generations && status == GM_OK; i++) {
        dups->generation = i + 1;
        status = read_generation(dups, &folder->generations[i], err);
    }
    if (status == GM_OK && dups->has_records && n_images(dups) == 0)
        status = gm_err_set(err, GM_INPUT,
                            "no record of %s has a %s: it was made without --features or --dups",
                            folder->path, dups->opts->hash);
    if (status == GM_OK) {
        drop_outdated(dups);
        drop_repeated(dups);
        summary->n_records = n_images(dups);
        status = group(dups, &out, summary, err);
    }
    if (status == GM_OK)
        status = gm_write_file_durable(folder->generations[0].dir_fd, REPORT, out.data, out.n_bytes,
                                       err);
    gm_buf_free(&out);
    return status;
}

enum gm_status gm_dups_report(const char *run, const struct gm_dups_opts *opts,
                              struct gm_dups_summary *summary, struct gm_err *err)
{
    struct gm_runfolder folder;
    struct dups dups = {.opts = opts};
    *summary = (struct gm_dups_summary){0};
    enum gm_status status = gm_runfolder_open(&folder, run, err);
    if (status != GM_OK)
        return status;
    status = report(&dups, &folder, summary, err);
    gm_buf_free(&dups.images);
    gm_buf_free(&dups.sightings);
    gm_buf_free(&dups.texts);
    gm_buf_free(&dups.text);
    gm_buf_free(&dups.key);
    for (size_t i = 0; i < N_NAMES; i++)
        gm_buf_free(&dups.values[i]);
    gm_runfolder_close(&folder);
    return status;
}
