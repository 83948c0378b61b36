/* The output block: building in the worker, checked reading in the writer, and the line of a
 * reject, which several processes write.
 *
 * Parts are appended behind the room of the header, so that the finished block is one piece of
 * memory, and no copy if it was built in its place. Limits: 32-bit lengths; the reader trusts
 * nothing but its own copy of the header. */
#include "out.h"

#include "base/hash.h"
#include <string.h>

void gm_out_init(struct gm_out *out)
{
    memset(out, 0, sizeof *out);
    gm_buf_init(&out->bytes);
    gm_buf_init(&out->scratch);
    gm_out_reset(out);
}

void gm_out_free(struct gm_out *out)
{
    if (!out)
        return;
    gm_buf_free(&out->bytes);
    gm_buf_free(&out->scratch);
}

void gm_out_reset(struct gm_out *out)
{
    memset(&out->header, 0, sizeof out->header);
    gm_buf_clear(&out->bytes);
    gm_buf_append(&out->bytes, &out->header, sizeof out->header);
    out->stream = 0;
    out->sizes_stream = 0;
    out->first_counter = 0;
}

void gm_out_borrow(struct gm_out *out, void *data, size_t n_bytes)
{
    if (data)
        gm_buf_borrow(&out->bytes, data, n_bytes);
    else
        gm_buf_free(&out->bytes);
    gm_out_reset(out);
}

void gm_out_count(struct gm_out *out, enum gm_reason reason)
{
    GM_ASSERT(reason < GM_REASON_COUNT);
    out->header.n_in++;
    if (reason == GM_REASON_NONE)
        out->header.n_written++;
    else
        out->header.reasons[reason]++;
}

struct gm_buf *gm_out_scratch(struct gm_out *out)
{
    gm_buf_clear(&out->scratch);
    return &out->scratch;
}

void gm_out_add(struct gm_out *out, unsigned counter, uint64_t n)
{
    GM_ASSERT(out->first_counter + counter < GM_COUNTER_SLOTS);
    out->header.counters[out->first_counter + counter] += n;
}

static size_t padding(size_t n_bytes)
{
    return -n_bytes & 7;
}

static struct gm_buf *begin(struct gm_out *out, const char *name)
{
    struct gm_out_part part = {.stream = out->stream,
                               .name_bytes = name ? (uint32_t)strlen(name) : 0};
    GM_ASSERT(part.name_bytes <= GM_OUT_NAME_BYTES && out->stream < GM_MAX_STREAMS);
    out->part_at = out->bytes.n_bytes;
    gm_buf_append(&out->bytes, &part, sizeof part);
    if (part.name_bytes > 0)
        gm_buf_append(&out->bytes, name, part.name_bytes);
    return &out->bytes;
}

struct gm_buf *gm_out_begin(struct gm_out *out)
{
    return begin(out, NULL);
}

static enum gm_status end(struct gm_out *out, uint32_t n_records, struct gm_err *err)
{
    static const uint8_t zeros[8];
    struct gm_out_part part;
    struct gm_buf *bytes = &out->bytes;
    if (bytes->failed)
        return gm_err_set(err, GM_NOMEM, "output block: no memory");
    uint8_t *at = bytes->data + out->part_at;
    memcpy(&part, at, sizeof part);
    size_t total = bytes->n_bytes - out->part_at;
    size_t n_bytes = total - sizeof part - part.name_bytes;
    if (bytes->n_bytes + 8 > UINT32_MAX)
        return gm_err_set(err, GM_NOMEM, "output block: larger than 4 GB");
    part.n_records = n_records;
    part.n_bytes = (uint32_t)n_bytes;
    memcpy(at, &part, sizeof part);
    gm_buf_append(bytes, zeros, padding(total));
    if (bytes->failed)
        return gm_err_set(err, GM_NOMEM, "output block: no memory");
    out->header.n_parts++;
    return GM_OK;
}

enum gm_status gm_out_end(struct gm_out *out, uint32_t n_records, struct gm_err *err)
{
    if (n_records > 0 || out->bytes.failed)
        return end(out, n_records, err);
    GM_ASSERT(out->bytes.n_bytes == out->part_at + sizeof(struct gm_out_part));
    out->bytes.n_bytes = out->part_at;
    return GM_OK;
}

enum gm_status gm_out_part(struct gm_out *out, const char *name, const void *data, size_t n_bytes,
                           uint32_t n_records, struct gm_err *err)
{
    struct gm_buf *bytes = begin(out, name);
    if (n_bytes > 0)
        gm_buf_append(bytes, data, n_bytes);
    return end(out, n_records, err);
}

enum gm_status gm_out_sizes(struct gm_out *out, const uint32_t *sizes, uint32_t n_records,
                            struct gm_err *err)
{
    uint32_t stream = out->stream;
    GM_ASSERT(out->sizes_stream > 0);
    out->stream = out->sizes_stream;
    enum gm_status status = gm_out_part(out, NULL, sizes, 4 * (size_t)n_records, n_records, err);
    out->stream = stream;
    return status;
}

enum gm_status gm_out_finish(struct gm_out *out, struct gm_err *err)
{
    struct gm_out_header *header = &out->header;
    if (out->bytes.failed || out->bytes.n_bytes < sizeof *header)
        return gm_err_set(err, GM_NOMEM, "output block: no memory");
    header->magic = GM_OUT_MAGIC;
    header->n_bytes = (uint32_t)out->bytes.n_bytes;
    header->checksum =
        gm_xxh64(out->bytes.data + sizeof *header, out->bytes.n_bytes - sizeof *header, 0);
    memcpy(out->bytes.data, header, sizeof *header);
    return GM_OK;
}

/* ---- reading ---- */

static bool counts_agree(const struct gm_out_header *header)
{
    uint64_t sum = header->n_written;
    for (unsigned i = 0; i < GM_REASON_SLOTS; i++) {
        if (header->reasons[i] != 0 && (i == GM_REASON_NONE || i >= GM_REASON_COUNT))
            return false;
        sum += header->reasons[i];
    }
    return sum == header->n_in;
}

enum gm_status gm_out_check(const uint8_t *data, size_t n_bytes, struct gm_out_header *header_out,
                            struct gm_err *err)
{
    struct gm_out_header header;
    if (n_bytes < sizeof header)
        return gm_err_set(err, GM_INTERNAL, "output block: shorter than its header");
    memcpy(&header, data, sizeof header);
    if (header.magic != GM_OUT_MAGIC || header.n_bytes > n_bytes || header.n_bytes < sizeof header)
        return gm_err_set(err, GM_INTERNAL, "output block: bad header");
    if (!counts_agree(&header))
        return gm_err_set(err, GM_INTERNAL,
                          "output block: %u records in do not equal written plus dropped",
                          header.n_in);
    if (gm_xxh64(data + sizeof header, header.n_bytes - sizeof header, 0) != header.checksum)
        return gm_err_set(err, GM_INTERNAL, "output block: checksum does not match");
    size_t offset = sizeof header;
    uint32_t n_parts = 0;
    enum gm_status status = GM_OK;
    while (status == GM_OK) {
        struct gm_out_part part;
        const uint8_t *name, *payload;
        status = gm_out_next(data, header.n_bytes, &offset, &part, &name, &payload, err);
        n_parts += status == GM_OK;
    }
    if (status != GM_END)
        return status;
    if (n_parts != header.n_parts)
        return gm_err_set(err, GM_INTERNAL, "output block: %u parts instead of %u", n_parts,
                          header.n_parts);
    *header_out = header;
    return GM_OK;
}

uint64_t gm_out_checksum(const uint8_t *data, size_t n_bytes)
{
    struct gm_out_header header;
    if (n_bytes < sizeof header)
        return 0;
    memcpy(&header, data, sizeof header);
    return header.checksum;
}

enum gm_status gm_out_next(const uint8_t *data, size_t n_bytes, size_t *offset,
                           struct gm_out_part *part, const uint8_t **name, const uint8_t **payload,
                           struct gm_err *err)
{
    if (*offset == n_bytes)
        return GM_END;
    if (*offset > n_bytes || n_bytes - *offset < sizeof *part)
        return gm_err_set(err, GM_INTERNAL, "output block: part header is cut off");
    memcpy(part, data + *offset, sizeof *part);
    uint64_t total = sizeof *part + (uint64_t)part->name_bytes + part->n_bytes;
    total += padding(total);
    if (part->stream >= GM_MAX_STREAMS || part->name_bytes > GM_OUT_NAME_BYTES ||
        total > n_bytes - *offset)
        return gm_err_set(err, GM_INTERNAL, "output block: bad part at byte %zu", *offset);
    *name = data + *offset + sizeof *part;
    *payload = *name + part->name_bytes;
    *offset += total;
    return GM_OK;
}

/* ---- rejects ---- */

static void put_text(struct gm_buf *buf, const char *key, struct gm_view text)
{
    gm_json_key(buf, key);
    if (text.data)
        gm_json_string(buf, text.data, text.n_bytes);
    else
        gm_buf_text(buf, "null");
}

static struct gm_view view_of(const char *text)
{
    return (struct gm_view){(const uint8_t *)text, text ? strlen(text) : 0};
}

void gm_reject_encode(struct gm_buf *buf, const struct gm_reject *reject)
{
    char id[GM_RECORD_ID_BYTES];
    gm_record_id(reject->item, reject->member, id);
    bool failed = gm_reason_outcome(reject->reason) == GM_OUTCOME_FAILED;
    gm_buf_char(buf, '{');
    put_text(buf, "id", view_of(id));
    put_text(buf, "source", reject->source);
    put_text(buf, "name", reject->name);
    put_text(buf, "stage", view_of(reject->stage));
    put_text(buf, "reason", view_of(gm_reason_code(reject->reason)));
    put_text(buf, "outcome", view_of(failed ? "failed" : "rejected"));
    put_text(buf, "message", reject->message);
    gm_buf_text(buf, "}\n");
}
