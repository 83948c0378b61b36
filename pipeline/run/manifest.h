/* The manifest: what a finished run left, in manifest.json. It is written last, durably, and its
 * presence means that the folder is complete. The same input and configuration give the same bytes:
 * it holds no times, no machine, no paths outside of the folder.
 *
 *   {
 *     "format": "gristmill-manifest-1",
 *     "version": "0.1.0",              version of gristmill
 *     "job": "sft-web",
 *     "generation": 1,
 *     "previous_sha256": null,         of the manifest.json of the generation before
 *     "config_sha256": "...",          of everything that can change an output byte
 *     "input_sha256": "...",           of the list of source items
 *     "order": "input",                records stand in the order of the input
 *     "sandbox": "...",                what the worker processes ran under
 *     "items": {"total": 40, "unchanged": 0, "failing": 0, "removed": 0},
 *     "records": {"in": 50, "written": 45, "rejected": 2, "failed": 3},
 *     "reasons": {"fetch.http": 3, "text.empty": 2},      reason.h; those that occurred
 *     "counters": {"tokens.tokens": 12345},               of the sinks; left out if there are none
 *     "files": [
 *       {"name": "records-00000.jsonl.zst", "bytes": 123, "records": 45, "sha256": "..."},
 *       {"name": "images.sha256", "bytes": 99, "records": 7, "sha256": "...", "lists": 7}
 *     ],
 *     "quarantine": ["quarantine/000000017"]
 *   }
 *
 * in = written + rejected + failed. A file with "lists" holds a line "SHA256  NAME" for each of so
 * many files in the folder, as `sha256sum -c` reads it. Any process. */
#ifndef GM_RUN_MANIFEST_H
#define GM_RUN_MANIFEST_H

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "reason.h"
#include "run/output.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GM_MANIFEST_NAME   "manifest.json"
#define GM_MANIFEST_FORMAT "gristmill-manifest-1"

struct gm_manifest_file {
    char *name; /* relative to the folder */
    uint64_t n_bytes;
    uint64_t n_records;
    uint64_t n_listed; /* for a list of files: how many; is_list tells a list with none */
    bool is_list;
    uint8_t sha256[GM_SHA256_BYTES];
};

struct gm_manifest_counter {
    char *name; /* "tokens.tokens": sink and counter */
    uint64_t value;
};

/* Strings and arrays are owned (malloc); gm_manifest_free frees them. */
struct gm_manifest {
    char *version, *job, *order, *sandbox;
    uint32_t generation;
    bool has_previous;
    uint8_t previous_sha256[GM_SHA256_BYTES];
    uint8_t config_sha256[GM_SHA256_BYTES];
    uint8_t input_sha256[GM_SHA256_BYTES];
    uint64_t n_items, n_unchanged, n_failing, n_removed;
    uint64_t n_in, n_written, n_rejected, n_failed;
    uint64_t reasons[GM_REASON_SLOTS];
    struct gm_manifest_file *files;
    size_t n_files;
    char **quarantine;
    size_t n_quarantine;
    struct gm_manifest_counter *counters;
    size_t n_counters;
};

/* All zeros is an empty one. */
void gm_manifest_free(struct gm_manifest *manifest);
/* Copy of a string for a field; NULL: no memory, or text NULL. */
char *gm_manifest_text(const char *text);
/* Copies the counts, reasons, digests and files of a finished output into an empty manifest.
 * Streams whose bit is set in `hidden` are left out (what only the engine needs). */
enum gm_status gm_manifest_fill(struct gm_manifest *manifest, const struct gm_output *output,
                                const struct gm_output_config *config, uint32_t hidden,
                                struct gm_err *err);
/* Every file of the folder's quarantine/, by name. */
enum gm_status gm_manifest_list_quarantine(struct gm_manifest *manifest, int dir_fd,
                                           struct gm_err *err);
enum gm_status gm_manifest_add_quarantine(struct gm_manifest *manifest, const char *name,
                                          struct gm_err *err);

enum gm_status gm_manifest_add_counter(struct gm_manifest *manifest, const char *name,
                                       uint64_t value, struct gm_err *err);

/* Writes it durably; the caller has checked the accounting (gm_manifest_adds_up). */
enum gm_status gm_manifest_write(const struct gm_manifest *manifest, int dir_fd, const char *folder,
                                 struct gm_err *err);
/* Reads it into an empty manifest. GM_MISSING: there is none. GM_INPUT: malformed or of another
 * format. sha256 of the file's bytes if not NULL. On failure the manifest is empty again. */
enum gm_status gm_manifest_read(struct gm_manifest *manifest, int dir_fd, const char *folder,
                                uint8_t sha256[GM_SHA256_BYTES], struct gm_err *err);

/* in = written + rejected + failed, and the reasons sum up to the last two. */
bool gm_manifest_adds_up(const struct gm_manifest *manifest);

/* What `gristmill verify` does: reads every file, lists included. */
struct gm_verify_result {
    uint64_t n_files; /* read and right */
    uint64_t n_bytes;
    uint64_t n_problems;
    struct gm_buf problems; /* a line each, of the first 100; freed by the caller */
};
enum gm_status gm_manifest_verify(const struct gm_manifest *manifest, int dir_fd,
                                  struct gm_verify_result *result, struct gm_err *err);

#endif
