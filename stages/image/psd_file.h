/* The sections of a Photoshop file, found by their lengths; nothing is decoded, nothing allocated.
 * Views point into the file. Pure functions. */
#ifndef GM_IMAGE_PSD_FILE_H
#define GM_IMAGE_PSD_FILE_H

#include "batch.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GM_PSD_HEAD_BYTES 26

enum gm_psd_color {
    GM_PSD_BITMAP = 0,
    GM_PSD_GRAY = 1,
    GM_PSD_INDEXED = 2,
    GM_PSD_RGB = 3,
    GM_PSD_CMYK = 4,
    GM_PSD_MULTICHANNEL = 7,
    GM_PSD_DUOTONE = 8,
    GM_PSD_LAB = 9
};

enum gm_psd_resource { GM_PSD_ICC_PROFILE = 1039, GM_PSD_VERSION_INFO = 1057 };

struct gm_psd_file {
    /* The header. */
    unsigned version; /* 1; 2 is the large format PSB, whose sections have other lengths */
    unsigned channels;
    uint32_t width, height;
    unsigned bits, color; /* per channel; enum gm_psd_color or a number that is none */
    /* The sections. */
    struct gm_view palette;   /* "color mode data" */
    struct gm_view resources; /* for gm_psd_resource */
    struct gm_view layers;
    struct gm_view merged; /* the rest: the compression and the channels of the merged picture */
};

/* false: the file is shorter than the header, or has no "8BPS". */
bool gm_psd_read_header(struct gm_psd_file *psd, const uint8_t *data, size_t n_bytes);
/* After the header, for version 1. false: the file ends in one of the sections. */
bool gm_psd_read_sections(struct gm_psd_file *psd, const uint8_t *data, size_t n_bytes);
/* The bytes of an image resource; n_bytes 0: there is none, or what is before it is damaged. */
struct gm_view gm_psd_resource(const struct gm_psd_file *psd, enum gm_psd_resource id);
/* Whether the section is resources and nothing else. */
bool gm_psd_resources_fit(const struct gm_psd_file *psd);
/* Layers that the picture was merged from; 0: it never had any. */
unsigned gm_psd_count_layers(const struct gm_psd_file *psd);

#endif
