/* The relative path under which a gray image is written: a pure function of the row that mirrors
 * the input's name and never gives two rows the same path.
 *
 *      a file        cats/1.jpg              -> cats/1.jpg
 *      other format  cats/1.gif   (to PNG)   -> cats/1.gif.png
 *      no extension  cats/1       (to PNG)   -> cats/1#.png
 *      a member      cats/1.jpg of item 17   -> item-000000017/cats/1#3.jpg    (member 3)
 *      a URL         item 17                 -> item-000000017.jpg
 *
 * Members carry their number because an archive may hold two members of one name. What the path
 * of a file is taken from, the name column, is unique among the files of one source entry; when a
 * job has several entries, the lister must keep the names apart.
 *
 * Each path component is escaped as %XX where it has control characters, '%', '#', '\', bytes that
 * are not UTF-8, or is "", "." or ".."; a leading "item-" is escaped because it is ours, and the
 * last dot of a folder's name that ends like an image, so that no file and folder ever want the
 * same path. A component over GM_FILE_NAME_COMPONENT_BYTES keeps its head and its extension and
 * gets a hash of the whole in between; a path over GM_FILE_NAME_BYTES is replaced by the hash of
 * the whole. A name in which the lister had to replace bytes (U+FFFD) gets the item's number behind
 * a '#'. */
#ifndef GM_IMAGE_FILE_NAME_H
#define GM_IMAGE_FILE_NAME_H

#include "base/buf.h"
#include <stdbool.h>
#include <stdint.h>

#define GM_FILE_NAME_BYTES           1024
#define GM_FILE_NAME_COMPONENT_BYTES 200

struct gm_file_name {
    uint64_t item;
    uint64_t member;
    bool is_member;      /* member is meant */
    const uint8_t *name; /* path to mirror; NULL: none */
    size_t name_bytes;
    const char *const *extensions; /* that fit the format, lower case, no dot, ended by NULL; the
                                    * first is the one to append */
};

/* Appends the path to out. A failed allocation shows in out->failed. */
void gm_file_name(const struct gm_file_name *from, struct gm_buf *out);

#endif
