/* Numbers from text and numbers to text, and arithmetic that cannot wrap.
 *
 * Everything that a user or a file states as a number is read here: whole text or nothing, no
 * locale, no octal, no sign where none is meant. */
#ifndef GM_BASE_NUM_H
#define GM_BASE_NUM_H

#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

/* All parsers take n_bytes of text (need not be NUL-terminated) and fail with GM_CONFIG and a text
 * that quotes the value and says what was expected. *out is untouched on failure. */
enum gm_status gm_parse_u64(const char *text, size_t n_bytes, uint64_t *out, struct gm_err *err);
enum gm_status gm_parse_f64(const char *text, size_t n_bytes, double *out, struct gm_err *err);
/* "512MB" "1.5GB" "64KiB" "100": units B, KB/KiB/K, MB.., GB.., TB.. are all powers of 1024, any
 * case. */
enum gm_status gm_parse_bytes(const char *text, size_t n_bytes, uint64_t *out, struct gm_err *err);
/* "250ms" "60s" "5m" "2h" "1d"; a bare number means seconds; fractions allowed ("0.5s"). */
enum gm_status gm_parse_ms(const char *text, size_t n_bytes, uint64_t *out, struct gm_err *err);
/* "20/s" "600/m" "0.5/s"; a bare number means per second; "0" means no limit. Result per second. */
enum gm_status gm_parse_rate(const char *text, size_t n_bytes, double *out, struct gm_err *err);
/* true/yes/on, false/no/off, any case. */
enum gm_status gm_parse_bool(const char *text, size_t n_bytes, bool *out, struct gm_err *err);

/* false if the result does not fit; *out is then untouched. */
bool gm_add_size(size_t a, size_t b, size_t *out);
bool gm_mul_size(size_t a, size_t b, size_t *out);

/* "1.5 GB", "12.0 KB", "17 B" (powers of 1024); "2 m 05 s", "1.2 s"; "12,345". text holds at least
 * GM_NUM_TEXT_BYTES; returns text. */
#define GM_NUM_TEXT_BYTES 32
const char *gm_format_bytes(uint64_t bytes, char *text);
const char *gm_format_ms(uint64_t ms, char *text);
const char *gm_format_count(uint64_t count, char *text);

#endif
