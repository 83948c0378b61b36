/* The contract of a splitter: a stage that turns one container (archive, compressed file, JSON
 * Lines) into many records. There is one, in stages/unpack/; it runs in sandboxed worker
 * processes of its own, reads the container as a stream and never writes a file.
 *
 *      gm_emit_begin -> gm_emit_data* -> gm_emit_end  one member
 *      gm_emit_reject                                 one member, or the container, is lost
 *
 * The engine packs members into blocks, gets new blocks from the supervisor (a call may wait for
 * one: that is the back-pressure), numbers the members and publishes the number before each, so
 * that a crash can be blamed on one member. */
#ifndef GM_SPLIT_H
#define GM_SPLIT_H

#include "base/err.h"
#include "base/opt.h"
#include "media.h"
#include "reason.h"
#include <stddef.h>
#include <stdint.h>

/* The container. Exactly one of fd and data is used. */
struct gm_container {
    int fd;              /* readable from offset 0 with read or pread; -1 if inline. Do not close */
    const uint8_t *data; /* whole container, read-only shared memory; NULL if fd */
    uint64_t n_bytes;    /* size; for fd from fstat */
    enum gm_media media;
    const char *name; /* path or URL path, NUL-terminated, for sniffing and messages */
};

struct gm_member {
    const char *name; /* UTF-8 (invalid bytes replaced by the splitter), need not be NUL-terminated;
                         NULL: no name (a JSON line) */
    size_t name_bytes;
    enum gm_media media; /* what it is; decides who gets it. Families without a chain are rejected
                            by the engine as media.unsupported */
    uint64_t size_hint_bytes; /* 0 if unknown */
};

struct gm_emit; /* opaque; implemented by pipeline/run/emit.c, faked in tests */

/* GM_END: stop here quietly, nothing more is wanted (return GM_OK from split). Other failures must
 * be passed on. The member's strings may be freed after the call. */
enum gm_status gm_emit_begin(struct gm_emit *emit, const struct gm_member *member,
                             struct gm_err *err);
/* GM_LIMIT: the record has grown over max_record; the member was turned into a reject
 * (limit.record_bytes): skip the rest of it and do not call gm_emit_end. */
enum gm_status gm_emit_data(struct gm_emit *emit, const void *data, size_t n_bytes,
                            struct gm_err *err);
enum gm_status gm_emit_end(struct gm_emit *emit, struct gm_err *err);
/* Takes back a begun member and rejects it instead (bad checksum at its end, limit reached). */
enum gm_status gm_emit_abort(struct gm_emit *emit, enum gm_reason reason, const char *message,
                             struct gm_err *err);
/* A whole small record at once: begin + data + end. */
enum gm_status gm_emit_record(struct gm_emit *emit, const struct gm_member *member,
                              const void *data, size_t n_bytes, struct gm_err *err);
/* member NULL: the container as such ("damaged from byte 8192 on"). message is NUL-terminated. */
enum gm_status gm_emit_reject(struct gm_emit *emit, const struct gm_member *member,
                              enum gm_reason reason, const char *message, struct gm_err *err);
/* Call at least every 64 MB or 0.1 s of work without an emit (skipping, decompressing): moves the
 * deadline on. */
void gm_emit_alive(struct gm_emit *emit);

struct gm_splitter {
    const char *name;
    const char *summary;
    const struct gm_opt *opts;
    size_t opts_bytes;
    size_t ctx_bytes;
    enum gm_status (*check)(const void *opts, struct gm_err *err);
    enum gm_status (*open)(void *ctx, const void *opts, struct gm_err *err);
    /* A damaged container is not an error: gm_emit_reject and GM_OK. GM_NOMEM becomes limit.memory.
     */
    enum gm_status (*split)(void *ctx, const struct gm_container *container, struct gm_emit *emit,
                            struct gm_err *err);
    void (*close)(void *ctx);
};

extern const struct gm_splitter gm_unpack; /* stages/unpack/unpack.c */

#endif
