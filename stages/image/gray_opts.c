/* See gray_opts.h. The option table, and what a table cannot say. */
#include "image/gray_opts.h"

/* Twice what Pillow warns of: where Pillow raises its error. */
#define MAX_PIXELS "178956970"

static const char *const mode_names[] = {"lossless", "exact", "luma", NULL};
static const char *const format_names[] = {"keep", "jpeg", "png", "pgm", NULL};
static const char *const metadata_names[] = {[GM_METADATA_ORIENTATION] = "orientation",
                                             [GM_METADATA_KEEP] = "keep",
                                             [GM_METADATA_STRIP] = "strip",
                                             NULL};
static const char *const alpha_names[] = {"drop", "white", "black", NULL};
static const char *const sixteen_names[] = {"high", "clip", NULL};
static const char *const orientation_names[] = {"record", "apply", NULL};
static const char *const truncated_names[] = {"reject", "partial", NULL};
static const char *const resize_names[] = {"none", "long_side", "fit", "exact", NULL};

#define AT(member) offsetof(struct gm_gray_opts, member)

const struct gm_opt gm_gray_opt_table[] = {
    {"mode", GM_OPT_ENUM, AT(mode), "lossless", 0, 0, mode_names, NULL,
     "lossless: a JPEG that stays a JPEG keeps its luma bit for bit, all else as exact; exact: "
     "gray from RGB, as Pillow's convert(\"L\"); luma: the Y channel of a JPEG as it is stored, "
     "written anew"},
    {"format", GM_OPT_ENUM, AT(format), "keep", 0, 0, format_names, NULL,
     "format of the gray file; keep: JPEG for JPEG, PNG for all else"},
    {"quality", GM_OPT_U64, AT(quality), "0", 0, 100, NULL, NULL,
     "quality of gray JPEGs; 0: what mode lossless can copy stays as it is, all else is 75"},
    {"metadata", GM_OPT_ENUM, AT(metadata), "orientation", 0, 0, metadata_names, NULL,
     "what a gray JPEG keeps of a JPEG's metadata; orientation: only the EXIF tag without which it "
     "would be shown wrongly; keep: EXIF, XMP, IPTC and comments"},
    {"compression", GM_OPT_U64, AT(compression), "1", 1, 12, NULL, NULL,
     "effort for gray PNGs; each step up is slower and a little smaller"},
    {"alpha", GM_OPT_ENUM, AT(alpha), "drop", 0, 0, alpha_names, NULL,
     "drop: transparent pixels show the color that is stored, as Pillow's convert; white, black: "
     "they are laid on that"},
    {"sixteen_bit", GM_OPT_ENUM, AT(sixteen_bit), "high", 0, 0, sixteen_names, NULL,
     "gray of 16 bits; high: its high byte; clip: above 255 is white, as Pillow's convert"},
    {"orientation", GM_OPT_ENUM, AT(orientation), "record", 0, 0, orientation_names, NULL,
     "EXIF orientation; record: pixels stay as stored; apply: the picture is turned upright (that "
     "of a TIFF always is, as in Pillow)"},
    {"truncated", GM_OPT_ENUM, AT(truncated), "reject", 0, 0, truncated_names, NULL,
     "a JPEG or PNG that ends in its image data; partial: what is there, the rest gray or black, "
     "as "
     "Pillow with LOAD_TRUNCATED_IMAGES; its route is pixels.partial"},
    {"resize", GM_OPT_ENUM, AT(resize), "none", 0, 0, resize_names, NULL,
     "Lanczos, as Pillow's resize; long_side: the longer side to that at most; fit: into width x "
     "height, keeping the ratio, never enlarged; exact: to width x height"},
    {"long_side", GM_OPT_U64, AT(long_side), "0", 0, 65535, NULL, "pixels",
     "for resize: long_side"},
    {"width", GM_OPT_U64, AT(width), "0", 0, 65535, NULL, "pixels", "for resize: fit and exact"},
    {"height", GM_OPT_U64, AT(height), "0", 0, 65535, NULL, "pixels", "for resize: fit and exact"},
    {"max_pixels", GM_OPT_U64, AT(max_pixels), MAX_PIXELS, 1, 1e10, NULL, "pixels",
     "larger pictures are rejected before they are decoded; so is a side above 65535"},
    {"max_memory", GM_OPT_BYTES, AT(max_memory), "0", 0, 0, NULL, NULL,
     "pictures that need more memory are refused by their header; 0: what the worker has"},
    GM_OPT_END,
};

enum gm_status gm_gray_check(const void *values, struct gm_err *err)
{
    const struct gm_gray_opts *opts = values;
    bool by_sides = opts->resize == GM_RESIZE_FIT || opts->resize == GM_RESIZE_EXACT;
    if (opts->resize == GM_RESIZE_LONG_SIDE && !opts->long_side)
        return gm_err_set(err, GM_CONFIG, "resize: long_side needs long_side, in pixels");
    if (by_sides && (!opts->width || !opts->height))
        return gm_err_set(err, GM_CONFIG, "resize: %s needs width and height",
                          resize_names[opts->resize]);
    if (opts->resize != GM_RESIZE_LONG_SIDE && opts->long_side)
        return gm_err_set(err, GM_CONFIG, "long_side: has no effect without resize: long_side");
    if (!by_sides && (opts->width || opts->height))
        return gm_err_set(err, GM_CONFIG, "%s: has no effect without resize: fit or resize: exact",
                          opts->width ? "width" : "height");
    if (opts->orientation == GM_GRAY_APPLY && opts->metadata == GM_METADATA_KEEP)
        return gm_err_set(err, GM_CONFIG,
                          "metadata: keep would keep the orientation that orientation: apply has "
                          "used up: set metadata: strip");
    return GM_OK;
}

struct gm_reshape gm_gray_reshape(const struct gm_gray_opts *opts, unsigned orientation)
{
    return (struct gm_reshape){
        .resize = (enum gm_resize)opts->resize,
        .long_side = (uint32_t)opts->long_side,
        .width = (uint32_t)opts->width,
        .height = (uint32_t)opts->height,
        .orientation = opts->orientation == GM_GRAY_APPLY ? orientation : 0,
    };
}
