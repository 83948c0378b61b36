/* libjpeg as this folder reads with it: from memory, strict where the library is lenient. It
 * invents pixels for damaged data and only warns; here the warnings that mean lost data end the
 * work, the end-of-image marker must be there, and a progressive file must have all its scans.
 *
 *      open; if (setjmp(reader.escape) == 0) { jpeg_... } close; reader.reason says how it ended
 *
 * Bytes between markers are tolerated before the first scan and before the end marker, where
 * cameras and editors leave padding; bytes behind the end marker are ignored. A reader is made anew
 * for each file: tables of one file must never serve the next, and making it costs 2 us. */
#ifndef GM_IMAGE_JPEG_READER_H
#define GM_IMAGE_JPEG_READER_H

#include "image/picture.h"
#include <stdio.h>

#include <jpeglib.h>
#include <setjmp.h>

/* Each scan of a progressive file goes over the whole coefficient array, so that a small file
 * could ask for hours of work. Encoders in use write about ten. */
#define GM_JPEG_READER_MAX_SCANS 100

struct gm_jpeg_reader {
    struct jpeg_decompress_struct cinfo; /* not created yet: the caller does it, behind setjmp */
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf escape;
    struct gm_picture *picture; /* gets the message */
    bool takes_partial;         /* set before start: the end of the data is an end marker, if it
                                 * comes behind a scan's header; what follows from that is no damage */
    bool is_cut;                /* that happened */
    enum gm_reason reason;
};

void gm_jpeg_reader_open(struct gm_jpeg_reader *reader, struct gm_picture *picture,
                         const uint8_t *data, size_t n_bytes);
/* Creates cinfo and reads up to the first scan. May escape, as all that follows. */
void gm_jpeg_reader_start(struct gm_jpeg_reader *reader);
/* All scans are read: escapes if a progressive file lacks some. */
void gm_jpeg_reader_check_scans(struct gm_jpeg_reader *reader);
void gm_jpeg_reader_close(struct gm_jpeg_reader *reader);
/* The message must be set. */
__attribute__((noreturn)) void gm_jpeg_reader_escape(struct gm_jpeg_reader *reader,
                                                     enum gm_reason reason);
/* Memory of the coefficients of the whole picture. */
uint64_t gm_jpeg_reader_coefficient_bytes(const struct gm_jpeg_reader *reader);

#endif
