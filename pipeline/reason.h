/* Why a record did not come out. Every row of rejects.jsonl names one of these codes; the counts in
 * the manifest are kept by code. Codes are stable: they are part of the file formats, new ones are
 * added at the end of their class, none is reused.
 *
 * "rejected" means the data is not wanted (a rule said so), "failed" means that it could not be had
 * or read. records in = written + rejected + failed. */
#ifndef GM_REASON_H
#define GM_REASON_H

#include <stdint.h>

enum gm_outcome { GM_OUTCOME_WRITTEN, GM_OUTCOME_REJECTED, GM_OUTCOME_FAILED };

/* name, code text, outcome, what to do about it (for `status` and the docs) */
#define GM_REASON_TABLE(X)                                                                         \
    X(NONE, "", WRITTEN, "")                                                                       \
    X(FETCH_URL, "fetch.url", FAILED, "the URL is malformed: correct the line")                    \
    X(FETCH_SCHEME, "fetch.scheme", FAILED, "only http and https are fetched")                     \
    X(FETCH_ADDRESS, "fetch.address", FAILED,                                                      \
      "the address is private or reserved: fetch.allow_private")                                   \
    X(FETCH_DNS, "fetch.dns", FAILED, "the host name does not resolve")                            \
    X(FETCH_CONNECT, "fetch.connect", FAILED, "no connection: host down, refused or timed out")    \
    X(FETCH_TLS, "fetch.tls", FAILED, "the TLS certificate or handshake is not acceptable")        \
    X(FETCH_TIMEOUT, "fetch.timeout", FAILED, "not finished within fetch.deadline")                \
    X(FETCH_STALLED, "fetch.stalled", FAILED, "slower than fetch.low_speed")                       \
    X(FETCH_HTTP, "fetch.http", FAILED, "the server answered with an error status")                \
    X(FETCH_REDIRECTS, "fetch.redirects", FAILED, "too many redirects")                            \
    X(FETCH_PROTOCOL, "fetch.protocol", FAILED, "the server broke the HTTP protocol")              \
    X(FETCH_TRUNCATED, "fetch.truncated", FAILED, "the body ended before its stated length")       \
    X(FETCH_SIZE, "fetch.size", FAILED, "the body is larger than fetch.max_body")                  \
    X(FETCH_CHECKSUM, "fetch.checksum", FAILED, "sha256 or size differ from the list's")           \
    X(FETCH_ROBOTS, "fetch.robots", REJECTED, "robots.txt of the host disallows it")               \
    X(FETCH_MISSING, "fetch.missing", FAILED, "the file does not exist")                           \
    X(FETCH_PERMISSION, "fetch.permission", FAILED, "the file may not be read")                    \
    X(FETCH_IO, "fetch.io", FAILED, "reading the file failed")                                     \
    X(FETCH_LIST, "fetch.list", FAILED, "this row of the list cannot be used: correct it")         \
    X(MEDIA_EMPTY, "media.empty", REJECTED, "the file has no bytes")                               \
    X(MEDIA_UNSUPPORTED, "media.unsupported", REJECTED,                                            \
      "not a kind of file that this job handles")                                                  \
    X(UNPACK_BROKEN, "unpack.broken", FAILED, "the archive is damaged from the stated offset on")  \
    X(UNPACK_ENCRYPTED, "unpack.encrypted", FAILED, "the archive or member is encrypted")          \
    X(UNPACK_FORMAT, "unpack.format", FAILED, "this archive format or method is not supported")    \
    X(LIMIT_ENTRY_BYTES, "limit.entry_bytes", REJECTED, "member larger than unpack.max_entry")     \
    X(LIMIT_TOTAL_BYTES, "limit.total_bytes", REJECTED,                                            \
      "archive unpacks to more than unpack.max_total")                                             \
    X(LIMIT_RATIO, "limit.ratio", REJECTED, "unpacked to packed size above unpack.max_ratio")      \
    X(LIMIT_DEPTH, "limit.depth", REJECTED, "archives nested deeper than unpack.max_depth")        \
    X(LIMIT_ENTRIES, "limit.entries", REJECTED, "more members than unpack.max_entries")            \
    X(LIMIT_RECORD_BYTES, "limit.record_bytes", REJECTED, "one record is larger than max_record")  \
    X(LIMIT_MEMORY, "limit.memory", FAILED, "needs more memory than one worker has: raise memory") \
    X(LIMIT_PIXELS, "limit.pixels", REJECTED, "more pixels than image max_pixels")                 \
    X(LIMIT_TOKENS, "limit.tokens", REJECTED, "more tokens than tokenize max_tokens")              \
    X(TEXT_JSON, "text.json", FAILED, "the line is not valid JSON")                                \
    X(TEXT_FIELD, "text.field", FAILED, "the JSON object has no such text field: set field")       \
    X(TEXT_UTF8, "text.utf8", FAILED, "invalid UTF-8: utf8 {invalid: replace} keeps it")           \
    X(TEXT_EMPTY, "text.empty", REJECTED, "no text left")                                          \
    X(TEXT_DUPLICATE, "text.duplicate", REJECTED, "the same text came earlier")                    \
    X(IMAGE_TRUNCATED, "image.truncated", FAILED, "the image file is cut off")                     \
    X(IMAGE_BROKEN, "image.broken", FAILED, "the image data is damaged")                           \
    X(IMAGE_UNSUPPORTED, "image.unsupported", REJECTED,                                            \
      "this variant of the format is not decoded")                                                 \
    X(WORKER_CRASHED, "worker.crashed", FAILED,                                                    \
      "a worker crashed on it three times: see quarantine/")                                       \
    X(WORKER_DEADLINE, "worker.deadline", FAILED, "processing exceeded the record deadline")       \
    X(SOURCE_CHANGED, "source.changed", FAILED, "the source changed during the run")

enum gm_reason {
#define X(name, code, outcome, advice) GM_REASON_##name,
    GM_REASON_TABLE(X)
#undef X
        GM_REASON_COUNT
};

_Static_assert(GM_REASON_COUNT <= 64, "counters in gm_out_header and the journal hold 64 reasons");
#define GM_REASON_SLOTS 64

/* Static strings; reason must be below GM_REASON_COUNT. */
const char *gm_reason_code(enum gm_reason reason);
enum gm_outcome gm_reason_outcome(enum gm_reason reason);
const char *gm_reason_advice(enum gm_reason reason);
/* The reason with this code; NONE if there is none. */
enum gm_reason gm_reason_find(const char *code);

#endif
