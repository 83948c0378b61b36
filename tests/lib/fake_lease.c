/* See fake_lease.h. */
#include "fake_lease.h"

#include "base/assert.h"
#include "block.h"

#include <string.h>

static struct gm_view text(const char *text)
{
    return (struct gm_view){(const uint8_t *)text, text ? strlen(text) : 0};
}

struct gm_desc fake_block(struct gm_pool *pool, const struct fake_row *rows, uint32_t n_rows)
{
    struct gm_span span;
    struct gm_block_builder builder;
    size_t n_bytes = 8192;
    for (uint32_t i = 0; i < n_rows; i++)
        n_bytes += rows[i].n_bytes + 512;
    GM_ASSERT(gm_pool_take(pool, n_bytes, GM_POOL_INPUT, &span, NULL) == GM_OK);
    gm_block_builder_init(&builder);
    gm_block_start(&builder, gm_pool_data(pool, span.page), span.n_bytes);
    for (uint32_t i = 0; i < n_rows; i++) {
        const struct gm_row row = {.item = rows[i].item,
                                   .member = rows[i].member,
                                   .media = rows[i].media,
                                   .source = text("src"),
                                   .name = text(rows[i].name)};
        GM_ASSERT(gm_block_row_begin(&builder, &row) == GM_OK);
        GM_ASSERT(gm_block_row_body(&builder, rows[i].body, rows[i].n_bytes) == GM_OK);
        GM_ASSERT(gm_block_row_end(&builder, rows[i].reason, NULL) == GM_OK);
    }
    struct gm_desc desc = {.in_page = span.page, .in_bytes = (uint32_t)gm_block_seal(&builder)};
    gm_block_builder_free(&builder);
    return desc;
}

struct gm_desc fake_lease(struct fake_supervisor *fake, uint64_t lease, struct gm_desc block)
{
    struct gm_span span;
    block.kind = GM_DESC_LEASE;
    block.lease = lease;
    block.in_arena = ARENA_FETCH;
    block.row_count = GM_NO_LIMIT;
    GM_ASSERT(gm_pool_take(fake->arenas[ARENA_OWN], GM_BLOCK_BYTES, GM_POOL_OUTPUT, &span, NULL) ==
              GM_OK);
    block.out_page = span.page;
    block.out_bytes = span.n_bytes;
    return block;
}

struct gm_out_header fake_header(const struct fake_supervisor *fake, const struct gm_desc *done)
{
    struct gm_out_header header;
    const uint8_t *data = gm_pool_data(fake->arenas[ARENA_OWN], done->out_page);
    GM_ASSERT(gm_out_check(data, done->out_bytes, &header, NULL) == GM_OK);
    return header;
}

struct gm_buf fake_stream(const struct fake_supervisor *fake, const struct gm_desc *done,
                          uint32_t stream)
{
    struct gm_buf buf = GM_BUF_INIT;
    struct gm_out_part part;
    const uint8_t *name, *payload;
    size_t offset = sizeof(struct gm_out_header);
    const uint8_t *data = gm_pool_data(fake->arenas[ARENA_OWN], done->out_page);
    fake_header(fake, done);
    while (gm_out_next(data, done->out_bytes, &offset, &part, &name, &payload, NULL) == GM_OK)
        if (part.stream == stream)
            gm_buf_append(&buf, payload, part.n_bytes);
    return buf;
}
