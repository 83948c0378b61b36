/* The parser of HTTP/1 responses: bytes as they come from a socket in, the head's fields and pieces
 * of the body out. It does no I/O, and it reads what a hostile server sends: the result is the same
 * however the bytes are cut, and what it keeps is bounded by the bounds of the head.
 *
 *      STATUS ─> HEADER ─┬─> COUNTED ────────────────┐      Content-Length
 *         ^         │    ├─> CHUNK_SIZE … TRAILER ───┼─> DONE
 *         └─ 1xx ───┘    ├─> UNTIL_CLOSE ─ end ──────┤      neither
 *                        └───────────────────────────┘      204, 304, 101, Content-Length: 0
 *
 * It follows RFC 9112; where that leaves a choice:
 *
 *   section 2.2  A line may end in LF alone. A CR elsewhere, a NUL, a first header line that begins
 *                with a space, a second status line: refused.
 *   section 4    HTTP/1.0 and every HTTP/1.x. Anything else (HTTP/0.9, HTTP/2 in the clear, bytes
 *                that are no HTTP) is refused at its first wrong byte.
 *   section 5.1  A space in front of a header's colon: refused. A line without a colon is passed
 *                over, as browsers and libcurl do.
 *   section 5.2  A folded line is unfolded.
 *   section 6.1  Transfer codings other than chunked: refused, none was asked for. Chunked counts
 *                more than a Content-Length; then the connection is not used again, nor after
 *                chunked by HTTP/1.0.
 *   section 6.3  Content-Lengths that differ or are no number: refused (response.h).
 *   section 7.1  A chunk's size has at most 16 hexadecimal digits and is below 2^63. Extensions are
 *                passed over; they must not outweigh the body by more than 64 KB. Trailers are
 *                passed over and count as head.
 *   section 9.3  A connection is kept by HTTP/1.1 without "close", or by HTTP/1.0 that says
 *                "keep-alive", if the end of the body was known.
 *
 * RFC 9110 section 15.2: interim responses are skipped, at most GM_RESPONSE_MAX_INTERIM; 101 ends
 * the exchange, since no upgrade was asked for. */
#ifndef GM_FETCH_MESSAGE_H
#define GM_FETCH_MESSAGE_H

#include "base/buf.h"
#include "fetch/response.h"

enum gm_message_at {
    GM_MESSAGE_STATUS,
    GM_MESSAGE_HEADER,
    GM_MESSAGE_COUNTED,
    GM_MESSAGE_UNTIL_CLOSE,
    GM_MESSAGE_CHUNK_SIZE,      /* at a digit of it */
    GM_MESSAGE_CHUNK_EXTENSION, /* between the size and its LF */
    GM_MESSAGE_CHUNK_SIZE_LF,   /* a CR has come behind the size */
    GM_MESSAGE_CHUNK_DATA,
    GM_MESSAGE_CHUNK_END, /* behind the data: CR or LF */
    GM_MESSAGE_CHUNK_END_LF,
    GM_MESSAGE_TRAILER,
    GM_MESSAGE_DONE
};

/* Zero-initialised before the first begin. */
struct gm_message {
    struct gm_response *response; /* filled here; the caller's */
    enum gm_message_at at;
    struct gm_buf line;   /* a line that has not come to its end; failed: no memory for it */
    bool line_is_whole;   /* ... but for the byte that tells whether it is folded */
    bool any;             /* a byte has come */
    unsigned n_digits;    /* of the chunk size so far */
    uint64_t left;        /* of the body or chunk */
    uint64_t spare_bytes; /* that extensions may still have */
};

/* A new response; the response struct has been reset. Keeps the memory of the last one. */
void gm_message_begin(struct gm_message *message, struct gm_response *response);
void gm_message_fini(struct gm_message *message);

struct gm_message_step {
    size_t n_bytes;      /* taken off the input */
    const uint8_t *body; /* a piece of the body, inside the input */
    size_t body_bytes;   /* 0: none */
};
/* Takes bytes up to the end of the input, of a piece of the body, or of the message, whichever
 * comes first; to be called again with the rest, until at is GM_MESSAGE_DONE. n_bytes > 0. NULL, or
 * what is wrong (static text that goes behind "the server sends"): give the connection up. */
const char *gm_message_take(struct gm_message *message, const uint8_t *data, size_t n_bytes,
                            struct gm_message_step *step);

enum gm_message_end {
    GM_MESSAGE_END_NOTHING, /* not a byte has come */
    GM_MESSAGE_END_IN_HEAD,
    GM_MESSAGE_END_IN_BODY,
    GM_MESSAGE_END_WHOLE
};
/* The connection has ended: what was that to the message? */
enum gm_message_end gm_message_end(const struct gm_message *message);

/* The head is complete and a body follows or has begun (also one of 0 bytes until close). */
bool gm_message_in_body(const struct gm_message *message);
/* The message is done: may its connection be used again? */
bool gm_message_keeps(const struct gm_message *message);

#endif
