/* The walk over AC scans: alone, two at once, and in the loops for any processor, the verdict and
 * what is found in the blocks are the same, for whole scans and for damaged ones; and nothing
 * behind the last block is looked at, which AddressSanitizer sees. */
#include "image/jpeg_band.h"
#include "image/jpeg_frame.h"
#include "jpeg_make.h"

#include <stdarg.h>
#include <setjmp.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SCANS 8
#define N_BLOCKS  (19 * 25) /* of 150 x 200 */

struct scans {
    struct gm_buf file;
    unsigned n;
    struct gm_jpeg_band bands[MAX_SCANS];
    struct gm_huffman_spec specs[MAX_SCANS];
    bool are_refinements[MAX_SCANS];
};

typedef bool walker(const struct gm_jpeg_bands *bands);

/* All AC scans of a gray progressive file. */
static void make(struct scans *scans, const char *script, int noise, int restart)
{
    struct jpeg_recipe recipe = {.width = 150,
                                 .height = 200,
                                 .n_components = 1,
                                 .progressive = true,
                                 .script = script,
                                 .noise = noise,
                                 .restart = restart};
    struct gm_jpeg_frame frame;
    struct gm_jpeg_scan scan;
    memset(scans, 0, sizeof *scans);
    jpeg_make(&recipe, &scans->file);
    gm_jpeg_frame_open(&frame, scans->file.data, scans->file.n_bytes);
    while (gm_jpeg_frame_next(&frame, &scan) == GM_JPEG_SCAN) {
        const uint8_t *marker = gm_jpeg_skip_data(frame.next, frame.end);
        if (scan.first > 0) {
            assert_true(scans->n < MAX_SCANS);
            scans->specs[scans->n] = scan.ac[0];
            scans->are_refinements[scans->n] = scan.high > 0;
            scans->bands[scans->n++] =
                (struct gm_jpeg_band){.data = frame.next,
                                      .end = frame.end,
                                      .marker = marker,
                                      .first = scan.first,
                                      .last = scan.last,
                                      .restart_interval = frame.restart_interval};
        }
        frame.next = marker;
    }
}

/* In groups of at most per_walk scans; how many groups were whole. */
static unsigned walk_all(const struct scans *scans, unsigned per_walk, walker *walk,
                         uint64_t *nonzero)
{
    struct gm_huffman_cache *cache = gm_huffman_cache_new();
    struct gm_jpeg_window *windows = calloc(2, sizeof *windows);
    unsigned n_whole = 0;
    assert_true(cache && windows);
    memset(nonzero, 0, (N_BLOCKS + 1) * sizeof *nonzero);
    for (unsigned i = 0; i < scans->n;) {
        struct gm_jpeg_bands bands = {
            .are_refinements = scans->are_refinements[i], .nonzero = nonzero, .n_blocks = N_BLOCKS};
        for (; bands.n < per_walk && i < scans->n &&
               scans->are_refinements[i] == bands.are_refinements;
             i++) {
            struct gm_jpeg_band *band = &bands.bands[bands.n];
            *band = scans->bands[i];
            band->window = &windows[bands.n++];
            band->ac =
                gm_huffman_get(cache, scans->specs[i],
                               bands.are_refinements ? GM_HUFFMAN_REFINEMENT : GM_HUFFMAN_BAND);
        }
        if (walk(&bands))
            n_whole += bands.n;
    }
    gm_huffman_cache_free(cache);
    free(windows);
    return n_whole;
}

static void expect_same(const struct scans *scans, bool is_whole)
{
    static uint64_t wanted[N_BLOCKS + 1], got[N_BLOCKS + 1];
    unsigned n_alone = walk_all(scans, 1, gm_jpeg_bands_walk_plain, wanted);
    assert_true(!is_whole || n_alone == scans->n);
    for (unsigned per_walk = 1; per_walk <= 2; per_walk++)
        for (int kind = 0; kind < 2; kind++) {
            unsigned n = walk_all(scans, per_walk,
                                  kind ? gm_jpeg_bands_walk : gm_jpeg_bands_walk_plain, got);
            assert_int_equal(n == scans->n, n_alone == scans->n);
            if (n == scans->n)
                assert_memory_equal(got, wanted, N_BLOCKS * sizeof *got);
        }
}

static const char *const scripts[] = {
    "0:0-0,0,0; 0:1-63,0,0;",
    "0:0-0,0,0; 0:1-5,0,2; 0:6-63,0,2; 0:1-63,2,1; 0:1-63,1,0;",
    "0:0-0,0,0; 0:1-1,0,1; 0:2-40,0,1; 0:41-63,0,0; 0:2-40,1,0; 0:1-1,1,0;",
};

static void whole_scans_are_whole_in_every_loop(void **state)
{
    struct scans scans;
    (void)state;
    for (size_t i = 0; i < GM_ARRAY_LEN(scripts); i++)
        for (int kind = 0; kind < 12; kind++) {
            make(&scans, scripts[i], (int[]){0, 20, 90, 255}[kind / 3],
                 (int[]){0, 7, 64}[kind % 3]);
            expect_same(&scans, true);
            gm_buf_free(&scans.file);
        }
}

static void damage_has_the_same_verdict_in_every_loop(void **state)
{
    struct scans scans;
    uint32_t random = 5;
    (void)state;
    make(&scans, scripts[1], 40, 0);
    for (unsigned i = 0; i < scans.n; i++)
        for (int k = 0; k < 120; k++) {
            random = random * 1664525 + 1013904223;
            size_t n_bytes = (size_t)(scans.bands[i].marker - scans.bands[i].data);
            uint8_t *byte = (uint8_t *)(uintptr_t)scans.bands[i].data + (random >> 8) % n_bytes;
            uint8_t old = *byte;
            *byte = old == 0xff || byte[-1] == 0xff ? old : (uint8_t)(random >> 24 & 0xfe);
            expect_same(&scans, false);
            *byte = old;
        }
    gm_buf_free(&scans.file);
}

/* Two scans made by hand: the first breaks off behind 72 ends of blocks, when the second is within
 * a run of 32,767 ended blocks. */
static bool walk_long_run(bool are_refinements, walker *walk)
{
    static const uint8_t ends[] = {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x00};
    static const uint8_t runs[] = {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xe0};
    static const uint8_t breaks_off[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0xff, 0xd9};
    static const uint8_t one_run[] = {0x7f, 0xfe, 0xff, 0xd9};
    struct gm_huffman_cache *cache = gm_huffman_cache_new();
    struct gm_jpeg_window *windows = calloc(2, sizeof *windows);
    uint64_t *nonzero = calloc(N_BLOCKS + 1, sizeof *nonzero);
    enum gm_huffman_use use = are_refinements ? GM_HUFFMAN_REFINEMENT : GM_HUFFMAN_BAND;
    assert_true(cache && windows && nonzero);
    struct gm_jpeg_bands bands = {
        .n = 2,
        .bands = {{.window = &windows[0],
                   .data = breaks_off,
                   .end = breaks_off + sizeof breaks_off,
                   .marker = breaks_off + sizeof breaks_off - 2,
                   .ac = gm_huffman_get(cache, (struct gm_huffman_spec){ends, 1}, use),
                   .first = 1,
                   .last = 5},
                  {.window = &windows[1],
                   .data = one_run,
                   .end = one_run + sizeof one_run,
                   .marker = one_run + sizeof one_run - 2,
                   .ac = gm_huffman_get(cache, (struct gm_huffman_spec){runs, 1}, use),
                   .first = 6,
                   .last = 63}},
        .are_refinements = are_refinements,
        .nonzero = nonzero,
        .n_blocks = N_BLOCKS};
    bool is_whole = walk(&bands);
    gm_huffman_cache_free(cache);
    free(windows);
    free(nonzero);
    return is_whole;
}

static void a_run_stops_at_the_last_block_when_the_other_scan_breaks_off(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        assert_false(walk_long_run(kind, gm_jpeg_bands_walk));
        assert_false(walk_long_run(kind, gm_jpeg_bands_walk_plain));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_scans_are_whole_in_every_loop),
        cmocka_unit_test(damage_has_the_same_verdict_in_every_loop),
        cmocka_unit_test(a_run_stops_at_the_last_block_when_the_other_scan_breaks_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
