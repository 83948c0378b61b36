/* gristmill with one stage more, for tests: what it does to its worker stands in the text itself.
 *
 *      POISON crash       writes to address 0
 *      POISON abort       a failed assertion
 *      POISON hang        never comes back
 *      POISON eat         allocates and touches until there is no more, and says so
 *      POISON eat-crash   the same, and then crashes, as a careless library would
 *      POISON exit        leaves the process with code 0
 *      POISON scribble    overwrites its shared rings, then crashes
 *      POISON rewrite     changes the blocks that it has handed over already
 *
 * The table of stages below takes the place of the library's. Inside of an archive the unpacker
 * itself is struck, through functions that the linker puts in front of the engine's:
 *
 *      POISON unpack-crash    while this member is read
 *      POISON unpack-hang     the same
 *      POISON unpack-spoil    the block with this member is handed over malformed */
#include "block.h"
#include "base/hash.h"
#include "cli/cli.h"
#include "out.h"
#include "sink.h"
#include "source.h"
#include "stage.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { IN_RAW_TEXT };
static const struct gm_column_def in[] = {{"raw_text", GM_TYPE_BYTES, GM_COLUMN_HIDDEN, NULL, ""},
                                          GM_COLUMN_END};
static const struct gm_column_def out[] = {GM_COLUMN_END};
static const struct gm_opt opts[] = {GM_OPT_END};

#define RING_BYTES_MOST  (256u * 1024u) /* arenas are larger */
#define ARENA_BYTES_SEEN (6u * GM_OUT_BLOCK_BYTES)

struct range {
    uintptr_t first;
    size_t n_bytes;
};

struct poison {
    int raw_text;
    struct range shared[16]; /* that this process can write to */
    unsigned n_shared;
    uint8_t *arena; /* its own */
};

static enum gm_status crash(const struct poison *poison)
{
    (void)poison;
    *(volatile int *)0 = 1; // NOLINT
    return GM_OK;
}

_Noreturn static enum gm_status call_abort(const struct poison *poison)
{
    (void)poison;
    abort();
}

_Noreturn static enum gm_status hang(const struct poison *poison)
{
    (void)poison;
    for (volatile unsigned i = 0;; i = i + 1)
        ;
}

static enum gm_status eat(const struct poison *poison)
{
    (void)poison;
    struct meal {
        struct meal *before;
        char bytes[1 << 20];
    } * meal, *last = NULL;
    while ((meal = malloc(sizeof *meal))) {
        memset(meal->bytes, 1, sizeof meal->bytes);
        meal->before = last;
        last = meal;
    }
    for (; last; last = meal) {
        meal = last->before;
        free(last);
    }
    return GM_NOMEM;
}

_Noreturn static enum gm_status eat_and_crash(const struct poison *poison)
{
    (void)poison;
    for (;;) {
        char *bytes = malloc(1 << 20);
        memset(bytes, 1, 1 << 20); /* without a look */
    }
}

_Noreturn static enum gm_status leave(const struct poison *poison)
{
    (void)poison;
    _exit(0);
}

/* Garbage into the rings. */
static enum gm_status scribble(const struct poison *poison)
{
    for (unsigned i = 0; i < poison->n_shared; i++)
        memset((void *)poison->shared[i].first, 0xa5, poison->shared[i].n_bytes); // NOLINT
    return crash(poison);
}

/* Changes every finished block in this worker's own arena and makes its checksum fit again, as one
 * would that was taken over. Once, or the run would never end: with the file $GM_POISON_ONCE. */
static enum gm_status rewrite(const struct poison *poison)
{
    const char *once = getenv("GM_POISON_ONCE");
    int fd = once ? open(once, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    if (fd < 0)
        return GM_OK;
    close(fd);
    for (uint8_t *at = poison->arena; at; at += GM_OUT_BLOCK_BYTES) {
        struct gm_out_header header;
        if (at >= poison->arena + ARENA_BYTES_SEEN)
            break;
        memcpy(&header, at, sizeof header);
        if (header.magic != GM_OUT_MAGIC || header.n_bytes > GM_OUT_BLOCK_BYTES ||
            header.n_bytes < sizeof header + 64)
            continue;
        at[header.n_bytes - 20] ^= 1;
        header.checksum = gm_xxh64(at + sizeof header, header.n_bytes - sizeof header, 0);
        memcpy(at, &header, sizeof header);
    }
    return GM_OK;
}

static void find_shared(struct poison *poison)
{
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps && fgets(line, sizeof line, maps)) {
        uintptr_t first, end;
        char rights[8];
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s", &first, &end, rights) == 3 &&
            strcmp(rights, "rw-s") == 0 && end - first > RING_BYTES_MOST)
            poison->arena = (uint8_t *)first; // NOLINT
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s", &first, &end, rights) == 3 &&
            strcmp(rights, "rw-s") == 0 && poison->n_shared < GM_ARRAY_LEN(poison->shared) &&
            end - first <= RING_BYTES_MOST)
            poison->shared[poison->n_shared++] = (struct range){first, end - first};
    }
    if (maps)
        fclose(maps);
}

static const struct {
    const char *word;
    enum gm_status (*act)(const struct poison *);
} acts[] = {{"POISON crash", crash},       {"POISON abort", call_abort},
            {"POISON hang", hang},         {"POISON eat-crash", eat_and_crash},
            {"POISON eat", eat},           {"POISON exit", leave},
            {"POISON scribble", scribble}, {"POISON rewrite", rewrite}};

static enum gm_status poison_open(void *ctx, const void *options,
                                  const struct gm_prepared *prepared, const struct gm_bind *bind,
                                  struct gm_err *err)
{
    (void)options;
    (void)prepared;
    (void)err;
    struct poison *poison = ctx;
    poison->raw_text = bind->in[IN_RAW_TEXT];
    find_shared(poison);
    return GM_OK;
}

static enum gm_status poison_process(void *ctx, struct gm_batch *batch, uint32_t row,
                                     struct gm_err *err)
{
    struct poison *poison = ctx;
    struct gm_view text = gm_batch_view(batch, poison->raw_text, row);
    for (size_t i = 0; i < GM_ARRAY_LEN(acts); i++)
        if (memmem(text.data, text.n_bytes, acts[i].word, strlen(acts[i].word))) {
            enum gm_status status = acts[i].act(poison);
            return status == GM_OK ? status : gm_err_set(err, status, "%s", acts[i].word);
        }
    return GM_OK;
}

static const struct gm_stage poison_stage = {
    .name = "poison",
    .family = "text",
    .summary = "does what the text says to its own worker",
    .in = in,
    .out = out,
    .opts = opts,
    .opts_bytes = 1,
    .ctx_bytes = sizeof(struct poison),
    .open = poison_open,
    .process = poison_process,
};

#define STAGE(id)  extern const struct gm_stage id;
#define LISTER(id) extern const struct gm_lister id;
#define SINK(id)   extern const struct gm_sink id;
#include "table.def"
#undef STAGE
#undef LISTER
#undef SINK

#define LISTER(id)
#define SINK(id)
#define STAGE(id) &id,
const struct gm_stage *const gm_stages[] = {
#include "table.def"
    &poison_stage, NULL};
#undef STAGE
#undef LISTER
#undef SINK

#define STAGE(id)
#define SINK(id)
#define LISTER(id) &id,
const struct gm_lister *const gm_listers[] = {
#include "table.def"
    NULL};
#undef STAGE
#undef LISTER
#undef SINK

#define STAGE(id)
#define LISTER(id)
#define SINK(id) &id,
const struct gm_sink *const gm_sinks[] = {
#include "table.def"
    NULL};

const struct gm_stage *gm_stage_find(const char *family, const char *name)
{
    for (size_t i = 0; gm_stages[i]; i++)
        if (strcmp(gm_stages[i]->family, family) == 0 && strcmp(gm_stages[i]->name, name) == 0)
            return gm_stages[i];
    return NULL;
}

enum gm_status __real_gm_emit_data(struct gm_emit *emit, const void *data, size_t n_bytes,
                                   struct gm_err *err);
enum gm_status __wrap_gm_emit_data(struct gm_emit *emit, const void *data, size_t n_bytes,
                                   struct gm_err *err);
size_t __real_gm_block_seal(struct gm_block_builder *builder);
size_t __wrap_gm_block_seal(struct gm_block_builder *builder);

static bool is_unpacker; /* the only process that emits */

static bool holds(const void *data, size_t n_bytes, const char *word)
{
    return memmem(data, n_bytes, word, strlen(word)) != NULL;
}

enum gm_status __wrap_gm_emit_data(struct gm_emit *emit, const void *data, size_t n_bytes,
                                   struct gm_err *err)
{
    is_unpacker = true;
    if (holds(data, n_bytes, "POISON unpack-crash"))
        crash(NULL);
    if (holds(data, n_bytes, "POISON unpack-hang"))
        hang(NULL);
    return __real_gm_emit_data(emit, data, n_bytes, err);
}

size_t __wrap_gm_block_seal(struct gm_block_builder *builder)
{
    size_t n_bytes = __real_gm_block_seal(builder);
    if (is_unpacker && holds(builder->data, n_bytes, "POISON unpack-spoil"))
        memset(builder->data, 0xa5, 64);
    return n_bytes;
}

int main(int argc, char **argv)
{
    return gm_cli_main(argc, argv);
}
