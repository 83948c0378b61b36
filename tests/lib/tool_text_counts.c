/* Prints what counts.h counts of the text on standard input, one "name value" a line. For tests
 * that compare it with other programs. The text must be valid UTF-8. */
#include "base/utf8.h"
#include "text/counts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static uint8_t *read_all(size_t *n_bytes)
{
    size_t capacity = 1 << 16;
    uint8_t *text = malloc(capacity);
    *n_bytes = 0;
    while (text) {
        *n_bytes += fread(text + *n_bytes, 1, capacity - *n_bytes, stdin);
        if (*n_bytes < capacity)
            break;
        capacity *= 2;
        text = realloc(text, capacity);
    }
    return text;
}

int main(void)
{
    size_t n_bytes;
    uint8_t *text = read_all(&n_bytes);
    struct gm_counter *counter = malloc(sizeof *counter);
    if (!text || !counter || gm_utf8_valid_prefix(text, n_bytes) != n_bytes) {
        fputs("tool_text_counts: no memory, or standard input is not UTF-8\n", stderr);
        return 1;
    }
    gm_counter_init(counter);
    if (gm_count_text(counter, text, n_bytes, GM_COUNT_FAST, NULL) != GM_OK)
        return 1;
    const struct gm_text_counts *counts = &counter->counts;
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {{"code_points", counts->code_points},
                {"graphemes", counts->graphemes},
                {"line_feeds", counts->line_feeds},
                {"words", counts->words},
                {"word_code_points", counts->word_code_points},
                {"distinct_words", counts->distinct_words},
                {"whitespace_words", counts->whitespace_words},
                {"sentences", counts->sentences},
                {"letters", counts->letters},
                {"digits", counts->digits},
                {"spaces", counts->spaces},
                {"punctuation", counts->punctuation}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        printf("%s %" PRIu64 "\n", rows[i].name, rows[i].value);
    gm_counter_fini(counter);
    free(counter);
    free(text);
    return 0;
}
