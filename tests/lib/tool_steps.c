/* Runs the steps of a tokenizer over texts, for tests that compare them with another program.
 *
 *      tool_steps <FRAMES
 *
 * A frame is a length (4 bytes, little-endian) and that many bytes. The first one lists the steps,
 * one a line: "kind flags value a b" (enum gm_op_kind ...; a and b as hexadecimal digits, "-" if
 * empty; "ranks" as a line of its own: the patterns are tiktoken's). Each further frame is a text.
 * For each text a frame is written: normalizers give the text, pre-tokenizers frames in the frame,
 * one a piece. A step that is refused gives "error: ..." on standard output and exit code 2. */
#include "tokenize/normal.h"
#include "tokenize/pretok.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_frame(struct gm_buf *frame)
{
    uint8_t head[4];
    uint32_t n_bytes;
    gm_buf_clear(frame);
    if (fread(head, 1, 4, stdin) != 4)
        return false;
    n_bytes = head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 24;
    if (!gm_buf_reserve(frame, n_bytes + 1))
        return false;
    frame->n_bytes = fread(frame->data, 1, n_bytes, stdin);
    return frame->n_bytes == n_bytes;
}

static void put_frame(struct gm_buf *out, const uint8_t *data, size_t n_bytes)
{
    uint8_t head[4] = {(uint8_t)n_bytes, (uint8_t)(n_bytes >> 8), (uint8_t)(n_bytes >> 16),
                       (uint8_t)(n_bytes >> 24)};
    gm_buf_append(out, head, 4);
    gm_buf_append(out, data, n_bytes);
}

static struct gm_spec_text read_hex(struct gm_spec *spec, const char *hex)
{
    struct gm_spec_text text = {(uint32_t)spec->pool.n_bytes, 0};
    for (; hex[0] && hex[0] != '-' && hex[1]; hex += 2) {
        char digits[3] = {hex[0], hex[1], 0};
        gm_buf_char(&spec->pool, (char)strtoul(digits, NULL, 16));
        text.n_bytes++;
    }
    return text;
}

/* "kind flags value a b" */
static struct gm_op read_op(struct gm_spec *spec, char *line)
{
    char *fields[5], *rest = line;
    struct gm_op op = {0};
    for (size_t i = 0; i < 5; i++)
        fields[i] = strsep(&rest, " ");
    op.kind = (uint16_t)strtoul(fields[0], NULL, 10);
    op.flags = (uint16_t)strtoul(fields[1], NULL, 10);
    op.value = (uint32_t)strtoul(fields[2], NULL, 10);
    op.a = read_hex(spec, fields[3]);
    op.b = read_hex(spec, fields[4]);
    return op;
}

static void read_steps(struct gm_spec *spec, struct gm_buf *frame, struct gm_op *normal,
                       struct gm_op *pretok)
{
    char *line, *rest;
    gm_buf_char(frame, '\0');
    rest = (char *)frame->data;
    spec->normalizers = normal;
    spec->pretokenizers = pretok;
    while ((line = strsep(&rest, "\n"))) {
        if (strcmp(line, "ranks") == 0) {
            spec->model = GM_MODEL_RANKS;
        } else if (*line) {
            struct gm_op op = read_op(spec, line);
            if (op.kind < GM_OP_PRE_BERT)
                normal[spec->n_normalizers++] = op;
            else
                pretok[spec->n_pretokenizers++] = op;
        }
    }
}

static void run(const struct gm_normalizer *normalizer, const struct gm_pretokenizer *pretokenizer,
                const struct gm_buf *text, struct gm_buf *out)
{
    static struct gm_pieces pieces; /* zero is its state after init */
    struct gm_buf scratch = GM_BUF_INIT;
    struct gm_normal_text normal;
    if (gm_normalize_text(normalizer, text->data, text->n_bytes, &scratch, &normal, NULL) != GM_OK)
        abort();
    gm_buf_clear(out);
    if (!pretokenizer) {
        gm_buf_append(out, normal.data, normal.n_bytes);
    } else {
        if (gm_pretokenize(pretokenizer, normal.data, normal.n_bytes, true, &pieces, NULL) != GM_OK)
            abort();
        for (size_t i = 0; i < pieces.n; i++)
            put_frame(out, pieces.text.data + pieces.starts[i], pieces.ends[i] - pieces.starts[i]);
    }
    gm_buf_free(&scratch);
}

int main(void)
{
    static struct gm_op normal[64], pretok[64];
    struct gm_spec spec = {0};
    struct gm_buf frame = GM_BUF_INIT, out = GM_BUF_INIT, all = GM_BUF_INIT;
    struct gm_normalizer *normalizer = NULL;
    struct gm_pretokenizer *pretokenizer = NULL;
    struct gm_err err = {0};
    if (!read_frame(&frame))
        return 1;
    read_steps(&spec, &frame, normal, pretok);
    if (gm_normalizer_new(&normalizer, &spec, &err) != GM_OK ||
        (spec.n_pretokenizers > 0 && gm_pretokenizer_new(&pretokenizer, &spec, &err) != GM_OK)) {
        printf("error: %s\n", err.text);
        return 2;
    }
    while (read_frame(&frame)) {
        run(normalizer, pretokenizer, &frame, &out);
        put_frame(&all, out.data, out.n_bytes);
        fwrite(all.data, 1, all.n_bytes, stdout);
        gm_buf_clear(&all);
    }
    gm_normalizer_free(normalizer);
    gm_pretokenizer_free(pretokenizer);
    return 0;
}
