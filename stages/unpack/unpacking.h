/* What the parts of the splitter share while one container is taken apart: the options, the
 * counters behind the limits, and the reason of the last failure.
 *
 * Statuses have one meaning in all of these files:
 *      GM_OK     go on
 *      GM_INPUT  this container (or member) is damaged, encrypted, too deep ...: its own loss, the
 *                one around it goes on; unpacking->reason and err say what happened
 *      GM_LIMIT  a limit of the whole item is reached: everything stops, same fields
 *      GM_END    the engine wants no more: everything stops, without a word
 *      others    pass on */
#ifndef GM_UNPACK_UNPACKING_H
#define GM_UNPACK_UNPACKING_H

#include "base/buf.h"
#include "base/err.h"
#include "reason.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gm_emit;
struct gm_member;
struct gm_stream;

struct gm_unpack_opts {
    uint64_t max_depth;
    uint64_t max_ratio;
    uint64_t max_entries;
    uint64_t max_entry_bytes;
    uint64_t max_total_bytes;
    bool jsonl;
};

struct gm_unpacking {
    const struct gm_unpack_opts *opts;
    struct gm_emit *emit;
    uint64_t n_entries;      /* archive entries met, on all levels */
    uint64_t consumed_bytes; /* of the item, by whatever reads it */
    uint64_t produced_bytes; /* by all decoders, on all levels */
    enum gm_reason reason;   /* of the last GM_INPUT or GM_LIMIT */
};

/* Where we are: the container at hand, for names and messages. */
struct gm_place {
    const char
        *name;      /* NUL-terminated UTF-8: base name of the item, or path of the nested member */
    uint64_t level; /* 0: the item itself */
    bool is_item;   /* rejects name no member, and members get no prefix */
};

/* Sets reason and err; returns GM_LIMIT for the limits of a whole item, else GM_INPUT. */
enum gm_status gm_unpacking_fail(struct gm_unpacking *unpacking, enum gm_reason reason,
                                 struct gm_err *err, const char *format, ...) GM_PRINTF(4, 5);

/* To be called for every piece that a decoder puts out: checks ratio and total, keeps the engine's
 * deadline away. */
enum gm_status gm_unpacking_produced(struct gm_unpacking *unpacking, size_t n_bytes,
                                     struct gm_err *err);

/* One row for a container that could not be read to its end, from reason and err: GM_INPUT becomes
 * GM_OK. GM_LIMIT is reported for the item only. Passes every other status on. */
enum gm_status gm_unpacking_report(struct gm_unpacking *unpacking, const struct gm_place *place,
                                   enum gm_status status, struct gm_err *err);

/* A file found inside a container: sniffs it, then opens it (one level deeper), splits it into
 * lines or emits it. size_bytes: 0 if unknown. Its own damage is reported here and is GM_OK. */
enum gm_status gm_unpack_file(struct gm_unpacking *unpacking, struct gm_stream *stream,
                              const struct gm_place *place, uint64_t size_bytes,
                              struct gm_err *err);

/* Emits the rest of a stream as one member. Damage and member limits are reported here: GM_OK. */
enum gm_status gm_unpack_member(struct gm_unpacking *unpacking, struct gm_stream *stream,
                                const struct gm_member *member, struct gm_err *err);

/* Appends text with each ill-formed piece of UTF-8 replaced by U+FFFD. */
void gm_append_valid_utf8(struct gm_buf *buf, const char *text, size_t n_bytes);

#endif
