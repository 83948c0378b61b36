/* The markers of a JPEG file, walked without a library: what the lossless routes must know of the
 * frame, the tables in force and each scan.
 *
 *      open -> next: SCAN -> (the caller takes the scan's data, sets next) -> next: SCAN ... -> END
 *
 * It takes what libjpeg takes without a warning, by the same rules, plus what the decoder of this
 * folder tolerates (bytes between markers before the first scan and before the end). All else is
 * OTHER: no verdict on the file, only that this walk is not for it. Nothing is allocated; pointers
 * go into the file. */
#ifndef GM_IMAGE_JPEG_FRAME_H
#define GM_IMAGE_JPEG_FRAME_H

#include "image/jpeg_huffman.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GM_JPEG_MAX_SCANS    100
#define GM_JPEG_MAX_SEGMENTS 64

enum gm_jpeg_marker {
    GM_JPEG_SOF0 = 0xc0, /* baseline */
    GM_JPEG_SOF1 = 0xc1, /* extended sequential */
    GM_JPEG_SOF2 = 0xc2, /* progressive */
    GM_JPEG_DHT = 0xc4,
    GM_JPEG_RST0 = 0xd0,
    GM_JPEG_SOI = 0xd8,
    GM_JPEG_EOI = 0xd9,
    GM_JPEG_SOS = 0xda,
    GM_JPEG_DQT = 0xdb,
    GM_JPEG_DNL = 0xdc,
    GM_JPEG_DRI = 0xdd,
    GM_JPEG_APP0 = 0xe0,
    GM_JPEG_COM = 0xfe
};

/* An APPn or COM segment: its content, without the length. */
struct gm_jpeg_segment {
    uint8_t marker;
    uint32_t n_bytes;
    const uint8_t *data;
};

struct gm_jpeg_quant {
    const uint8_t *values; /* 64, in zigzag order; NULL: not defined */
    bool is_16_bit;
};

struct gm_jpeg_component {
    uint8_t id, h, v, quant_id;
    struct gm_jpeg_quant quant; /* in force at the component's first scan */
    uint32_t blocks_wide, blocks_high;
    bool is_complete; /* sequential: has had its scan */
    /* Progressive: the lowest bit that is known of each coefficient; -1: none. */
    int8_t bits_left[64];
};

struct gm_jpeg_scan {
    unsigned n_components;
    uint8_t components[3]; /* indices into the frame's */
    struct gm_huffman_spec dc[3], ac[3];
    uint8_t first, last, high, low; /* Ss, Se, Ah, Al */
    const uint8_t *header;          /* the SOS marker */
};

struct gm_jpeg_frame {
    const uint8_t *next; /* where the walk is */
    const uint8_t *end;  /* of the file */
    uint8_t sof;         /* 0: none yet */
    uint16_t width, height;
    unsigned n_components; /* 1 or 3 */
    uint8_t max_h, max_v;
    struct gm_jpeg_component components[3];
    struct gm_jpeg_quant quants[4];
    struct gm_huffman_spec dc[4], ac[4];
    unsigned restart_interval; /* in MCUs of a scan; 0: none */
    unsigned n_scans;
    bool has_jfif, has_adobe;
    uint8_t adobe_transform;
    uint16_t n_segments;
    struct gm_jpeg_segment segments[GM_JPEG_MAX_SEGMENTS]; /* those after the last are not kept */
};

enum gm_jpeg_event {
    GM_JPEG_SCAN,     /* scan is filled, next is at its data */
    GM_JPEG_COMPLETE, /* the end marker, and every component has all its bits */
    GM_JPEG_OTHER     /* something that this walk does not take */
};

/* data..data+n_bytes must stay. */
void gm_jpeg_frame_open(struct gm_jpeg_frame *frame, const uint8_t *data, size_t n_bytes);
enum gm_jpeg_event gm_jpeg_frame_next(struct gm_jpeg_frame *frame, struct gm_jpeg_scan *scan);
/* Only collects the APPn and COM segments before the first scan, of a JPEG of any kind. */
void gm_jpeg_frame_read_segments(struct gm_jpeg_frame *frame, const uint8_t *data, size_t n_bytes);
/* Is component 0, as it is stored, the gray picture at full size? Valid after the first scan's
 * header, by libjpeg's rules for telling color spaces. */
bool gm_jpeg_frame_has_luma(const struct gm_jpeg_frame *frame);

#endif
