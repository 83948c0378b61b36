/* An engine's end of the splitter contract for tests: keeps what is emitted, in order, and checks
 * that the calls come in the order that split.h demands (a wrong one is an assertion). */
#ifndef GM_TEST_FAKE_EMIT_H
#define GM_TEST_FAKE_EMIT_H

#include "base/buf.h"
#include "split.h"

enum gm_fake_kind { GM_FAKE_MEMBER, GM_FAKE_REJECT, GM_FAKE_CONTAINER_REJECT };

struct gm_fake_row {
    enum gm_fake_kind kind;
    bool has_name;
    char name[4200]; /* NUL-terminated */
    enum gm_media media;
    uint64_t n_bytes; /* of the body */
    uint64_t hash;    /* of the body */
    uint8_t *body;    /* its first keep_bytes, NUL-terminated */
    enum gm_reason reason;
    char message[1100];
};

struct gm_emit {
    /* set by the test */
    uint64_t max_record_bytes; /* 0: no limit */
    uint64_t end_after;        /* begins and records allowed before GM_END; 0: no end */
    size_t keep_bytes;         /* of each body */
    size_t max_rows;           /* kept; further ones are only counted. 0: all */
    /* filled */
    struct gm_fake_row *rows;
    size_t n_rows;
    uint64_t n_members, n_rejects, n_container_rejects, n_alive, n_begun;
    uint64_t body_bytes; /* of all members */
    bool is_open, is_dropped, was_ended;
    struct gm_fake_row open;
    struct gm_buf open_body;
};

void gm_fake_init(struct gm_emit *emit); /* keeps 4,096 bytes of each body */
void gm_fake_free(struct gm_emit *emit);
/* The first row with this name, or NULL. */
const struct gm_fake_row *gm_fake_find(const struct gm_emit *emit, const char *name);
/* The first row that rejects the container, or NULL. */
const struct gm_fake_row *gm_fake_container(const struct gm_emit *emit);

/* Opens the splitter, splits one container with these option texts ("max_depth=2", NULL-ended, may
 * be NULL), closes it. data NULL: fd. */
enum gm_status gm_fake_split(struct gm_emit *emit, const struct gm_container *container,
                             const char *const *settings, struct gm_err *err);

/* The same for a file; the kind is sniffed. */
enum gm_status gm_fake_split_file(struct gm_emit *emit, const char *path,
                                  const char *const *settings, struct gm_err *err);

#endif
