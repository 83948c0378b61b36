/* Sentence boundaries: only paragraph ends and terminators can end a sentence, so everything
 * interesting happens in the look-ahead behind a terminator:
 *
 *      terminator  closing quotes and brackets  spaces  [paragraph end]  |  next sentence */
#include "text/sentence.h"

#include "text/uniprop.h"

static unsigned class_at(const uint8_t *text, size_t pos, size_t *after)
{
    *after = pos;
    return gm_uniprop(gm_uni_next(text, after))->sentence;
}

static bool is_paragraph_end(unsigned sentence)
{
    return sentence == GM_SB_SEP || sentence == GM_SB_CR || sentence == GM_SB_LF;
}

static bool is_terminator(unsigned sentence)
{
    return sentence == GM_SB_ATERM || sentence == GM_SB_STERM;
}

/* Skips a run of one class with the marks and formats that belong to it (SB5). */
static size_t skip(const uint8_t *text, size_t n_bytes, size_t pos, unsigned wanted)
{
    size_t after = pos;
    while (pos < n_bytes) {
        const unsigned found = class_at(text, pos, &after);
        if (found != wanted && found != GM_SB_EXTEND && found != GM_SB_FORMAT)
            break;
        pos = after;
    }
    return pos;
}

/* SB8: is the next letter, with no terminator or paragraph end before it, a small one? */
static bool small_letter_follows(const uint8_t *text, size_t n_bytes, size_t pos)
{
    while (pos < n_bytes) {
        switch (class_at(text, pos, &pos)) {
        case GM_SB_LOWER:
            return true;
        case GM_SB_UPPER:
        case GM_SB_OLETTER:
        case GM_SB_SEP:
        case GM_SB_CR:
        case GM_SB_LF:
        case GM_SB_ATERM:
        case GM_SB_STERM:
            return false;
        default:
            break;
        }
    }
    return false;
}

static size_t paragraph_end(const uint8_t *text, size_t n_bytes, size_t pos)
{
    size_t after;
    if (class_at(text, pos, &after) == GM_SB_CR && after < n_bytes && text[after] == '\n')
        after++;
    return after;
}

size_t gm_sentence_terminated(const uint8_t *text, size_t n_bytes, size_t pos, bool after_cased)
{
    size_t after;
    const unsigned terminator = class_at(text, pos, &pos);
    pos = skip(text, n_bytes, pos, GM_SB_EXTEND);
    if (pos == n_bytes)
        return n_bytes;
    unsigned next = class_at(text, pos, &after);
    if (terminator == GM_SB_ATERM && next == GM_SB_NUMERIC)
        return 0; /* SB6 */
    if (terminator == GM_SB_ATERM && next == GM_SB_UPPER && after_cased)
        return 0; /* SB7 */
    pos = skip(text, n_bytes, pos, GM_SB_CLOSE);
    pos = skip(text, n_bytes, pos, GM_SB_SP);
    if (pos == n_bytes)
        return n_bytes;
    next = class_at(text, pos, &after);
    if (is_paragraph_end(next))
        return paragraph_end(text, n_bytes, pos);
    if (next == GM_SB_SCONTINUE || is_terminator(next))
        return 0; /* SB8a */
    if (terminator == GM_SB_ATERM && small_letter_follows(text, n_bytes, pos))
        return 0;
    return pos;
}

size_t gm_sentence_end(const uint8_t *text, size_t n_bytes, size_t start)
{
    unsigned left = GM_SB_OTHER;
    for (size_t pos = start, after; pos < n_bytes; pos = after) {
        const unsigned class = class_at(text, pos, &after);
        if (is_paragraph_end(class))
            return paragraph_end(text, n_bytes, pos);
        if (is_terminator(class)) {
            const bool after_cased = left == GM_SB_UPPER || left == GM_SB_LOWER;
            const size_t end = gm_sentence_terminated(text, n_bytes, pos, after_cased);
            if (end)
                return end;
        }
        if (class != GM_SB_EXTEND && class != GM_SB_FORMAT)
            left = class;
    }
    return n_bytes;
}
