/* Encodes pieces with a model of words.h, for tests that compare it with another program.
 *
 *      tool_words MODEL <FRAMES        MODEL: WordPiece, WordLevel, Unigram
 *
 * Frames as in tool_steps. The first one holds the options, one "name value" a line (prefix in
 * hexadecimal digits), the second one frames of tokens, each with its score in text, a blank and
 * the bytes; ids are their places. Each further frame is a piece; for each a frame of ids (4 bytes
 * each) is written. With "repeat N", one frame of pieces is read and encoded N times, and the bytes
 * a second are printed. */
#include "tokenize/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint32_t get32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static bool read_frame(struct gm_buf *frame)
{
    uint8_t head[4];
    gm_buf_clear(frame);
    if (fread(head, 1, 4, stdin) != 4 || !gm_buf_reserve(frame, (size_t)get32(head) + 1))
        return false;
    frame->n_bytes = fread(frame->data, 1, get32(head), stdin);
    frame->data[frame->n_bytes] = '\0';
    return frame->n_bytes == get32(head);
}

static long repeats;

static void read_options(struct gm_spec *spec, char *text)
{
    char *line;
    while ((line = strsep(&text, "\n"))) {
        char *name = strsep(&line, " ");
        if (!line)
            continue;
        if (strcmp(name, "unk") == 0)
            spec->unk_id = (uint32_t)strtoul(line, NULL, 10);
        else if (strcmp(name, "max_chars") == 0)
            spec->max_chars_per_word = (uint32_t)strtoul(line, NULL, 10);
        else if (strcmp(name, "flags") == 0)
            spec->flags = (uint32_t)strtoul(line, NULL, 10);
        else if (strcmp(name, "repeat") == 0)
            repeats = strtol(line, NULL, 10);
        else if (strcmp(name, "prefix") == 0) {
            spec->word_prefix =
                (struct gm_spec_text){(uint32_t)spec->pool.n_bytes, (uint32_t)strlen(line)};
            gm_buf_text(&spec->pool, line);
        }
    }
}

static void read_tokens(struct gm_spec *spec, const struct gm_buf *frame)
{
    spec->tokens = calloc(frame->n_bytes / 4 + 1, sizeof(*spec->tokens));
    for (size_t at = 0; at + 4 <= frame->n_bytes;) {
        uint32_t n_bytes = get32(frame->data + at);
        char *text = (char *)frame->data + at + 4, *end;
        struct gm_spec_token *token = &spec->tokens[spec->n_tokens];
        token->score = strtod(text, &end);
        token->id = spec->n_tokens++;
        token->text.offset = (uint32_t)spec->pool.n_bytes;
        token->text.n_bytes = n_bytes - (uint32_t)(end + 1 - text);
        gm_buf_append(&spec->pool, end + 1, token->text.n_bytes);
        at += 4 + n_bytes;
    }
}

/* All pieces of the frame, again and again. */
static void measure(const struct gm_words *words, struct gm_words_scratch *scratch,
                    const struct gm_buf *frame, uint32_t *ids)
{
    struct timespec begin, end;
    size_t n_bytes = 0, n_ids = 0;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    for (long i = 0; i < repeats; i++)
        for (size_t at = 0; at + 4 <= frame->n_bytes; at += 4 + get32(frame->data + at)) {
            uint32_t n = get32(frame->data + at);
            n_ids += gm_words_encode(words, scratch, frame->data + at + 4, n, ids);
            n_bytes += n;
        }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    double seconds =
        (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
    printf("%zu bytes, %zu ids, %.1f MB/s\n", n_bytes, n_ids, (double)n_bytes / seconds / 1e6);
}

int main(int argc, char **argv)
{
    struct gm_spec spec = {.unk_id = GM_NO_TOKEN};
    struct gm_buf frame = GM_BUF_INIT;
    struct gm_words *words;
    struct gm_words_scratch *scratch = gm_words_scratch_new();
    struct gm_err err = {0};
    if (argc != 2 || !scratch || !read_frame(&frame))
        return 1;
    spec.model = strcmp(argv[1], "WordPiece") == 0   ? GM_MODEL_WORDPIECE
                 : strcmp(argv[1], "WordLevel") == 0 ? GM_MODEL_WORDLEVEL
                                                     : GM_MODEL_UNIGRAM;
    read_options(&spec, (char *)frame.data);
    if (!read_frame(&frame))
        return 1;
    read_tokens(&spec, &frame);
    if (gm_words_new(&words, &spec, &err) != GM_OK) {
        printf("error: %s\n", err.text);
        return 2;
    }
    while (read_frame(&frame)) {
        uint32_t *ids = malloc((frame.n_bytes + 1) * sizeof(*ids)), n_bytes;
        if (!ids)
            return 1;
        if (repeats) {
            measure(words, scratch, &frame, ids);
        } else {
            n_bytes = 4 * (uint32_t)gm_words_encode(words, scratch, frame.data, frame.n_bytes, ids);
            fwrite(&n_bytes, 1, 4, stdout);
            fwrite(ids, 1, n_bytes, stdout);
        }
        free(ids);
    }
    gm_words_free(words);
    gm_words_scratch_free(scratch);
    return 0;
}
