/* tar, zip and 7z through libarchive. */
#ifndef GM_UNPACK_ARCHIVE_H
#define GM_UNPACK_ARCHIVE_H

#include "base/err.h"
#include "media.h"

struct gm_place;
struct gm_stream;
struct gm_unpacking;

/* Hands every regular file of the archive to gm_unpack_file, in the archive's order; links, devices
 * and encrypted members get a row of their own, folders none. media: TAR, ZIP or SEVENZIP; for the
 * latter two the stream must be able to seek.
 *
 * GM_INPUT: damaged, encrypted or unsupported from some place on; members before it were handed
 * over. */
enum gm_status gm_archive_split(struct gm_unpacking *unpacking, struct gm_stream *stream,
                                enum gm_media media, const struct gm_place *place,
                                struct gm_err *err);

/* Makes libarchive and libc load now what they load on first use (time zone, character set
 * conversion), because a sandboxed process cannot open files later. *state is given back to
 * gm_archive_cool. GM_SYSTEM: no UTF-8 locale. */
struct gm_archive_warmth;
enum gm_status gm_archive_warm_up(struct gm_archive_warmth **state, struct gm_err *err);
void gm_archive_cool(struct gm_archive_warmth *state); /* NULL allowed */
/* Around splits: names are converted by the thread's locale. */
void gm_archive_enter(struct gm_archive_warmth *state);
void gm_archive_leave(struct gm_archive_warmth *state);

#endif
