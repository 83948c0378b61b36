/* Smooth shapes plus noise, compressed as the recipe says. */
#include "jpeg_make.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#define MAX_SCANS 64

static unsigned next_random(unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 16;
}

static void fill_row(const struct jpeg_recipe *recipe, unsigned y, unsigned *seed, uint8_t *row)
{
    for (unsigned x = 0; x < recipe->width; x++)
        for (int c = 0; c < recipe->n_components; c++) {
            int value = (int)(x * (3u + (unsigned)c) + y * (5u - (unsigned)c)) % 512;
            value = value > 255 ? 511 - value : value;
            if ((x / 24 + y / 24) % 5 == (unsigned)c)
                value = 255 - value / 2;
            if (recipe->noise)
                value +=
                    (int)(next_random(seed) % (unsigned)(2 * recipe->noise + 1)) - recipe->noise;
            *row++ = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
        }
}

/* "0,1,2:0-0,0,1; 0:1-63,0,0;" */
static int read_script(const char *text, jpeg_scan_info *scans)
{
    int n = 0;
    while (*text && n < MAX_SCANS) {
        jpeg_scan_info *scan = &scans[n++];
        char *end;
        memset(scan, 0, sizeof *scan);
        do
            scan->component_index[scan->comps_in_scan++] =
                (int)strtol(text + (*text == ','), &end, 10);
        while (*(text = end) == ',' && scan->comps_in_scan < MAX_COMPS_IN_SCAN);
        scan->Se = 63;
        if (*text == ':') {
            scan->Ss = (int)strtol(text + 1, &end, 10);
            scan->Se = (int)strtol(end + 1, &end, 10);
            scan->Ah = (int)strtol(end + 1, &end, 10);
            scan->Al = (int)strtol(end + 1, &end, 10);
            text = end;
        }
        text += strspn(text, "; ");
    }
    return n;
}

static void choose(const struct jpeg_recipe *recipe, j_compress_ptr cinfo, jpeg_scan_info *scans)
{
    cinfo->image_width = recipe->width;
    cinfo->image_height = recipe->height;
    cinfo->input_components = recipe->n_components;
    cinfo->in_color_space = recipe->n_components == 1   ? JCS_GRAYSCALE
                            : recipe->n_components == 3 ? JCS_RGB
                                                        : JCS_CMYK;
    jpeg_set_defaults(cinfo);
    if (recipe->is_rgb)
        jpeg_set_colorspace(cinfo, JCS_RGB);
    else if (recipe->n_components == 4)
        jpeg_set_colorspace(cinfo, JCS_YCCK);
    if (recipe->quant_scale)
        jpeg_set_linear_quality(cinfo, recipe->quant_scale, FALSE);
    else
        jpeg_set_quality(cinfo, recipe->quality ? recipe->quality : 85, TRUE);
    for (int i = 0; i < recipe->n_components; i++) {
        cinfo->comp_info[i].h_samp_factor = recipe->h[i] ? recipe->h[i] : 1;
        cinfo->comp_info[i].v_samp_factor = recipe->v[i] ? recipe->v[i] : 1;
    }
    cinfo->restart_interval = (unsigned)recipe->restart;
    cinfo->optimize_coding = recipe->optimize;
    cinfo->arith_code = recipe->arithmetic;
    if (recipe->progressive)
        jpeg_simple_progression(cinfo);
    if (recipe->script) {
        cinfo->num_scans = read_script(recipe->script, scans);
        cinfo->scan_info = scans;
    }
}

void jpeg_make(const struct jpeg_recipe *recipe, struct gm_buf *out)
{
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr errors;
    jpeg_scan_info scans[MAX_SCANS];
    unsigned char *bytes = NULL;
    unsigned long n_bytes = 0;
    unsigned seed = recipe->seed;
    uint8_t *row = malloc((size_t)recipe->width * 4 + 1);
    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_compress(&cinfo);
    jpeg_mem_dest(&cinfo, &bytes, &n_bytes);
    choose(recipe, &cinfo, scans);
    jpeg_start_compress(&cinfo, TRUE);
    for (unsigned y = 0; row && y < recipe->height; y++) {
        fill_row(recipe, y, &seed, row);
        jpeg_write_scanlines(&cinfo, &row, 1);
    }
    jpeg_finish_compress(&cinfo);
    jpeg_destroy_compress(&cinfo);
    gm_buf_append(out, bytes, n_bytes);
    free(bytes);
    free(row);
}
