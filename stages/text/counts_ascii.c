/* The walk over ASCII: a window of up to 4 KB at a time, and in it 64 bytes at a time with one bit
 * per byte and property (ascii_block.h). In ASCII the word boundary rules come down to
 *
 *      in a word = letter | digit | '_'
 *                | mid_letter with a letter on both sides | mid_number with a digit on both sides
 *
 * so words are the runs of set bits. Their places, and those of what may end a sentence, are
 * written to arrays first and gone through in loops of their own, because simple long loops predict
 * better than one with others in it.
 *
 * The window ends at the last place in reach where the walks may change over, so no word, line end
 * or cluster crosses its edge; a window without one (base64, a megabyte of one word) is left to
 * the other walk. */
#include "text/counts.h"

#include "base/utf8.h"
#include "text/ascii_block.h"
#include "text/sentence.h"
#include <stdbool.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

struct window {
    struct gm_counter *counter;
    const uint8_t *text; /* the whole text */
    size_t n_bytes;
    size_t start, end; /* the window in it */
    size_t n_starts, n_ends, n_candidates;
    bool has_underscore; /* in front of a word */
};

/* What is summed up over the blocks of a window, and what the byte before a block was (0 or 1). */
struct tally {
    uint64_t letters, digits, spaces, punctuation, line_feeds;
    uint64_t whitespace_words, crlfs, word_code_points;
    uint64_t after_word, after_letter, after_digit, after_space, after_cr;
};

INLINE uint64_t from_left(uint64_t bits, uint64_t before)
{
    return bits << 1 | before;
}

INLINE uint64_t from_right(uint64_t bits, bool behind)
{
    return bits >> 1 | (uint64_t)behind << 63;
}

/* What the instruction sets do differently. */
typedef void classify_function(const struct gm_counter *counter, const uint8_t *text,
                               struct gm_ascii_block *block, uint8_t *lower);
typedef size_t write_function(uint16_t *places, size_t n_places, uint64_t bits, size_t base);

INLINE void classify(const struct gm_counter *counter, const uint8_t *text,
                     struct gm_ascii_block *block, uint8_t *lower)
{
    (void)counter;
    gm_ascii_classify(text, block, lower);
}

/* Appends the indices of the set bits. Four at a time, up to three of them rubbish that the next
 * call overwrites: a loop that ends with the last bit would be mispredicted in nearly every block.
 */
INLINE size_t write_places(uint16_t *places, size_t n_places, uint64_t bits, size_t base)
{
    const size_t n_bits = (size_t)__builtin_popcountll(bits);
    for (size_t n = 0; n < n_bits; n += 4) {
        for (size_t i = 0; i < 4; i++) {
            const unsigned index = (unsigned)__builtin_ctzll(bits | UINT64_C(1) << 63);
            places[n_places + n + i] = (uint16_t)(base + index);
            bits &= bits - 1;
        }
    }
    return n_places + n_bits;
}

/* Runs of word bytes. next: the byte behind the block, 0 at the end of the window. */
INLINE void find_words(struct window *window, struct tally *tally,
                       const struct gm_ascii_block *block, size_t base, uint8_t next,
                       write_function *write)
{
    const bool letter_behind = (uint8_t)((next | 0x20) - 'a') < 26;
    const bool digit_behind = (uint8_t)(next - '0') < 10;
    const uint64_t word = block->letter | block->digit | block->underscore |
                          (block->mid_letter & from_left(block->letter, tally->after_letter) &
                           from_right(block->letter, letter_behind)) |
                          (block->mid_number & from_left(block->digit, tally->after_digit) &
                           from_right(block->digit, digit_behind));
    const uint64_t before = from_left(word, tally->after_word);
    struct gm_counter *counter = window->counter;
    const uint64_t starts = word & ~before;
    window->n_starts = write(counter->starts, window->n_starts, starts, base);
    window->n_ends = write(counter->ends, window->n_ends, before & ~word, base);
    window->has_underscore |= (starts & block->underscore) != 0;
    tally->word_code_points += (unsigned)__builtin_popcountll(word);
    tally->after_word = word >> 63;
    tally->after_letter = block->letter >> 63;
    tally->after_digit = block->digit >> 63;
}

/* Does the terminator at text[pos] end its sentence? The usual cases without a call. */
INLINE bool is_sentence_end(const struct window *window, size_t pos, bool after_letter)
{
    const uint8_t *text = window->text;
    if (pos + 2 < window->end && text[pos + 1] == ' ' && (uint8_t)(text[pos + 2] - 'A') < 26)
        return true;
    if (pos + 1 < window->end && text[pos + 1] == '\n')
        return true;
    return gm_sentence_terminated(text, window->n_bytes, pos, after_letter) != 0;
}

/* Is there a letter or a digit in text[from..to)? Usually the last byte is one. */
INLINE bool has_word(const struct gm_counter *counter, const uint8_t *text, size_t from, size_t to)
{
    while (to > from)
        if (counter->classes[text[--to]] & (GM_ASCII_LETTER | GM_ASCII_DIGIT))
            return true;
    return false;
}

/* What may end a sentence was gathered in counter->candidates. */
static void count_sentences(const struct window *window)
{
    struct gm_counter *counter = window->counter;
    const uint8_t *text = window->text;
    bool in_sentence = counter->in_sentence;
    size_t from = window->start; /* behind the candidate before */
    for (size_t i = 0; i < window->n_candidates; i++) {
        const size_t pos = window->start + counter->candidates[i];
        in_sentence = in_sentence || has_word(counter, text, from, pos);
        from = pos + 1;
        if (!in_sentence)
            continue;
        const bool after_letter =
            pos > window->start && counter->classes[text[pos - 1]] & GM_ASCII_LETTER;
        if (!(counter->classes[text[pos]] & GM_ASCII_TERMINATOR) ||
            is_sentence_end(window, pos, after_letter)) {
            counter->counts.sentences++;
            in_sentence = false;
        }
    }
    counter->in_sentence = in_sentence || has_word(counter, text, from, window->end);
}

INLINE void count_block(struct tally *tally, const struct gm_ascii_block *block, uint64_t valid)
{
    const uint64_t non_space = ~block->space & valid;
    tally->letters += (unsigned)__builtin_popcountll(block->letter);
    tally->digits += (unsigned)__builtin_popcountll(block->digit);
    tally->spaces += (unsigned)__builtin_popcountll(block->space);
    tally->punctuation += (unsigned)__builtin_popcountll(block->punctuation);
    tally->line_feeds += (unsigned)__builtin_popcountll(block->lf);
    tally->whitespace_words +=
        (unsigned)__builtin_popcountll(non_space & from_left(block->space, tally->after_space));
    tally->crlfs +=
        (unsigned)__builtin_popcountll(block->lf & from_left(block->cr, tally->after_cr));
    tally->after_cr = block->cr >> 63;
    tally->after_space = block->space >> 63;
}

/* Drops runs of underscores alone, which are segments but no words. */
static void drop_underscores(struct window *window)
{
    struct gm_counter *counter = window->counter;
    size_t kept = 0;
    for (size_t i = 0; i < window->n_starts; i++) {
        size_t at = counter->starts[i];
        while (at < counter->ends[i] && counter->lower[at] == '_')
            at++;
        if (at == counter->ends[i]) {
            counter->counts.word_code_points -= (uint64_t)counter->ends[i] - counter->starts[i];
            continue;
        }
        counter->starts[kept] = counter->starts[i];
        counter->ends[kept++] = counter->ends[i];
    }
    window->n_starts = window->n_ends = kept;
}

/* gm_wordset_add for all of them, with what it needs in registers. */
INLINE void add_words(struct window *window)
{
    struct gm_counter *counter = window->counter;
    const struct gm_wordset set = counter->set;
    const uint64_t text = gm_wordset_entry(set.text, 0);
    const size_t n_words = window->n_starts;
    uint32_t n_known = 0;
    for (size_t i = 0; i < n_words; i++) {
        const size_t start = counter->starts[i];
        const uint64_t hash = gm_word_hash(counter->lower + start, counter->ends[i] - start);
        uint64_t *slot = &set.slots[hash & set.mask];
        const uint64_t entry = text | gm_wordset_entry(0, hash);
        const uint64_t difference = *slot ^ entry;
        if (__builtin_expect(gm_wordset_is_taken(difference), 0)) {
            n_known++;
            gm_wordset_add_far(&counter->set, hash);
            continue;
        }
        *slot = entry;
        n_known += difference == 0;
    }
    counter->set.n_words += (uint32_t)n_words - n_known;
    counter->counts.words += n_words;
}

/* The blocks of a window: places are written, numbers summed up. */
INLINE void count_blocks(struct window *window, struct tally *sums,
                         classify_function *classify_block, write_function *write)
{
    struct gm_counter *counter = window->counter;
    struct tally tally = *sums; /* a copy that stays in registers */
    const size_t window_bytes = window->end - window->start;
    for (size_t base = 0; base < window_bytes; base += GM_ASCII_BLOCK_BYTES) {
        const size_t left = window_bytes - base;
        const uint8_t *bytes = window->text + window->start + base;
        uint8_t tail[GM_ASCII_BLOCK_BYTES];
        uint64_t valid = ~(uint64_t)0;
        uint8_t next = 0;
        if (left < GM_ASCII_BLOCK_BYTES) {
            memset(tail, 0, sizeof tail);
            memcpy(tail, bytes, left);
            bytes = tail;
            valid >>= GM_ASCII_BLOCK_BYTES - left;
        } else if (left > GM_ASCII_BLOCK_BYTES) {
            next = bytes[GM_ASCII_BLOCK_BYTES];
        }
        struct gm_ascii_block block;
        classify_block(counter, bytes, &block, counter->lower + base);
        find_words(window, &tally, &block, base, next, write);
        window->n_candidates = write(counter->candidates, window->n_candidates,
                                     block.terminator | block.lf | block.cr, base);
        count_block(&tally, &block, valid);
    }
    *sums = tally;
}

static void add_tally(struct gm_counter *counter, const struct tally *tally, size_t n_bytes)
{
    struct gm_text_counts *counts = &counter->counts;
    counts->letters += tally->letters;
    counts->digits += tally->digits;
    counts->spaces += tally->spaces;
    counts->punctuation += tally->punctuation;
    counts->line_feeds += tally->line_feeds;
    counts->whitespace_words += tally->whitespace_words;
    counts->word_code_points += tally->word_code_points;
    counts->code_points += n_bytes;
    counts->graphemes += n_bytes - tally->crlfs;
    counts->scripts[gm_uniprop('a')->script] += tally->letters;
    counts->scripts[gm_uniprop(' ')->script] += n_bytes - tally->letters;
}

INLINE void count_window(struct window *window, classify_function *classify_block,
                         write_function *write)
{
    struct gm_counter *counter = window->counter;
    const size_t window_bytes = window->end - window->start;
    struct tally tally = {.after_space = counter->after_space};
    count_blocks(window, &tally, classify_block, write);
    if (window->n_ends < window->n_starts)
        counter->ends[window->n_ends++] = (uint16_t)window_bytes;
    add_tally(counter, &tally, window_bytes);
    if (window->has_underscore)
        drop_underscores(window);
    add_words(window);
    count_sentences(window);
    counter->after_space =
        window->text[window->end - 1] == ' ' || (uint8_t)(window->text[window->end - 1] - '\t') < 5;
}

static void count_window_plain(struct window *window)
{
    count_window(window, classify, write_places);
}

#ifdef __x86_64__
GM_ASCII_TARGET_256 INLINE void classify_256(const struct gm_counter *counter, const uint8_t *text,
                                             struct gm_ascii_block *block, uint8_t *lower)
{
    (void)counter;
    gm_ascii_classify_256(text, block, lower);
}

/* And with the bit instructions that baseline x86-64 lacks. */
GM_ASCII_TARGET_256 static void count_window_256(struct window *window)
{
    count_window(window, classify_256, write_places);
}

GM_ASCII_TARGET_512 INLINE void classify_512(const struct gm_counter *counter, const uint8_t *text,
                                             struct gm_ascii_block *block, uint8_t *lower)
{
    gm_ascii_classify_512(text, counter->classes, block, lower);
}

/* One vector holds 32 places: as many as can begin in a block if two are not neighbours, as those
 * of words; 64 others may. */
GM_ASCII_TARGET_512 INLINE size_t write_places_512(uint16_t *places, size_t n_places, uint64_t bits,
                                                   size_t base)
{
    static const uint8_t indices[GM_ASCII_BLOCK_BYTES] = {
        0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
        22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
        44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
    const __m512i found = _mm512_maskz_compress_epi8(bits, _mm512_loadu_si512(indices));
    const __m512i first = _mm512_set1_epi16((short)base);
    const __m512i wide = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(found));
    const size_t n_bits = (size_t)__builtin_popcountll(bits);
    _mm512_storeu_si512(places + n_places, _mm512_add_epi16(wide, first));
    if (__builtin_expect(n_bits > 32, 0)) {
        const __m512i rest = _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(found, 1));
        _mm512_storeu_si512(places + n_places + 32, _mm512_add_epi16(rest, first));
    }
    return n_places + n_bits;
}

GM_ASCII_TARGET_512 static void count_window_512(struct window *window)
{
    count_window(window, classify_512, write_places_512);
}
#endif

#ifdef __x86_64__

static void (*const count_functions[])(struct window *) = {
    [GM_COUNT_PLAIN] = count_window_plain,
    [GM_COUNT_AVX2] = count_window_256,
    [GM_COUNT_AVX512] = count_window_512,
};

enum gm_count_tier gm_count_best_tier(void)
{
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi") ||
        !__builtin_cpu_supports("bmi2") || !__builtin_cpu_supports("popcnt"))
        return GM_COUNT_PLAIN;
    if (!__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vbmi") ||
        !__builtin_cpu_supports("avx512vbmi2"))
        return GM_COUNT_AVX2;
    return GM_COUNT_AVX512;
}

#else

static void (*const count_functions[])(struct window *) = {
    [GM_COUNT_PLAIN] = count_window_plain,
    [GM_COUNT_AVX2] = count_window_plain,
    [GM_COUNT_AVX512] = count_window_plain,
};

enum gm_count_tier gm_count_best_tier(void)
{
    return GM_COUNT_PLAIN;
}

#endif

size_t gm_count_ascii(struct gm_counter *counter, const uint8_t *text, size_t n_bytes, size_t pos)
{
    size_t reach = n_bytes - pos;
    if (reach > GM_COUNTS_WINDOW_BYTES)
        reach = GM_COUNTS_WINDOW_BYTES;
    size_t end = pos + gm_ascii_prefix(text + pos, reach);
    if (end < n_bytes && end > pos) {
        end--; /* so that text[end] is ASCII */
        while (end > pos && !gm_count_may_change(text, end))
            end--;
    }
    if (end == pos)
        return pos;
    struct window window = {
        .counter = counter, .text = text, .n_bytes = n_bytes, .start = pos, .end = end};
    count_functions[counter->tier](&window);
    return end;
}
