/* The walk over ASCII: a window of up to 4 KB at a time, and in it 64 bytes at a time with one bit
 * per byte and property (ascii_block.h). In ASCII the word boundary rules come down to
 *
 *      in a word = letter | digit | '_'
 *                | mid_letter with a letter on both sides | mid_number with a digit on both sides
 *
 * so words are the runs of set bits. Their places are written to an array first and hashed in a
 * second loop, because two simple long loops predict better than one with a loop in it.
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
    size_t n_starts, n_ends;
    bool has_underscore;
    /* What the byte before the block was. */
    bool after_word, after_letter, after_digit, after_cr;
};

INLINE uint64_t from_left(uint64_t bits, bool before)
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
INLINE void find_words(struct window *window, const struct gm_ascii_block *block, size_t base,
                       uint8_t next, write_function *write)
{
    const bool letter_behind = (uint8_t)((next | 0x20) - 'a') < 26;
    const bool digit_behind = (uint8_t)(next - '0') < 10;
    const uint64_t word = block->letter | block->digit | block->underscore |
                          (block->mid_letter & from_left(block->letter, window->after_letter) &
                           from_right(block->letter, letter_behind)) |
                          (block->mid_number & from_left(block->digit, window->after_digit) &
                           from_right(block->digit, digit_behind));
    const uint64_t before = from_left(word, window->after_word);
    struct gm_counter *counter = window->counter;
    window->n_starts = write(counter->starts, window->n_starts, word & ~before, base);
    window->n_ends = write(counter->ends, window->n_ends, before & ~word, base);
    window->has_underscore |= block->underscore != 0;
    counter->counts.word_code_points += (unsigned)__builtin_popcountll(word);
    window->after_word = word >> 63;
    window->after_letter = block->letter >> 63;
    window->after_digit = block->digit >> 63;
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

INLINE void find_sentences(struct window *window, const struct gm_ascii_block *block, size_t base,
                           bool after_letter)
{
    struct gm_counter *counter = window->counter;
    const uint64_t word = block->letter | block->digit;
    uint64_t candidates = block->terminator | block->lf | block->cr;
    uint64_t rest = ~(uint64_t)0; /* bits not behind us */
    while (candidates) {
        const uint64_t bit = candidates & -candidates;
        const unsigned index = (unsigned)__builtin_ctzll(candidates);
        counter->in_sentence |= (word & rest & (bit - 1)) != 0;
        if (counter->in_sentence) {
            const bool cased = from_left(block->letter, after_letter) >> index & 1;
            if (!(block->terminator & bit) ||
                is_sentence_end(window, window->start + base + index, cased)) {
                counter->counts.sentences++;
                counter->in_sentence = false;
            }
        }
        rest = ~(bit - 1);
        candidates &= candidates - 1;
    }
    counter->in_sentence |= (word & rest) != 0;
}

INLINE void count_block(struct window *window, const struct gm_ascii_block *block, uint64_t valid)
{
    struct gm_counter *counter = window->counter;
    struct gm_text_counts *counts = &counter->counts;
    const uint64_t non_space = ~block->space & valid;
    const unsigned n_letters = (unsigned)__builtin_popcountll(block->letter);
    counts->letters += n_letters;
    counts->digits += (unsigned)__builtin_popcountll(block->digit);
    counts->spaces += (unsigned)__builtin_popcountll(block->space);
    counts->punctuation += (unsigned)__builtin_popcountll(block->punctuation);
    counts->line_feeds += (unsigned)__builtin_popcountll(block->lf);
    counts->whitespace_words +=
        (unsigned)__builtin_popcountll(non_space & from_left(block->space, counter->after_space));
    counts->graphemes -=
        (unsigned)__builtin_popcountll(block->lf & from_left(block->cr, window->after_cr));
    window->after_cr = block->cr >> 63;
    counter->after_space = block->space >> 63;
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

INLINE void count_window(struct window *window, classify_function *classify_block,
                         write_function *write)
{
    struct gm_counter *counter = window->counter;
    struct gm_text_counts *counts = &counter->counts;
    const size_t window_bytes = window->end - window->start;
    const uint64_t letters_before = counts->letters;
    for (size_t base = 0; base < window_bytes; base += GM_ASCII_BLOCK_BYTES) {
        const size_t left = window_bytes - base;
        const uint8_t *bytes = window->text + window->start + base;
        uint8_t tail[GM_ASCII_BLOCK_BYTES] = {0};
        uint64_t valid = ~(uint64_t)0;
        uint8_t next = 0;
        if (left < GM_ASCII_BLOCK_BYTES) {
            memcpy(tail, bytes, left);
            bytes = tail;
            valid >>= GM_ASCII_BLOCK_BYTES - left;
        } else if (left > GM_ASCII_BLOCK_BYTES) {
            next = bytes[GM_ASCII_BLOCK_BYTES];
        }
        struct gm_ascii_block block;
        classify_block(counter, bytes, &block, counter->lower + base);
        const bool after_letter = window->after_letter;
        find_words(window, &block, base, next, write);
        find_sentences(window, &block, base, after_letter);
        count_block(window, &block, valid);
    }
    if (window->n_ends < window->n_starts)
        counter->ends[window->n_ends++] = (uint16_t)window_bytes;
    if (window->has_underscore)
        drop_underscores(window);
    add_words(window);
    counter->after_space =
        window->text[window->end - 1] == ' ' || (uint8_t)(window->text[window->end - 1] - '\t') < 5;
    counts->code_points += window_bytes;
    counts->graphemes += window_bytes;
    counts->scripts[gm_uniprop('a')->script] += counts->letters - letters_before;
    counts->scripts[gm_uniprop(' ')->script] += window_bytes - (counts->letters - letters_before);
}

static void count_window_plain(struct window *window)
{
    count_window(window, classify, write_places);
}

#ifdef __x86_64__
/* The same with the bit instructions that baseline x86-64 lacks. */
__attribute__((target("avx2,bmi,bmi2,popcnt"))) static void count_window_bits(struct window *window)
{
    count_window(window, classify, write_places);
}

GM_ASCII_TARGET_512 INLINE void classify_512(const struct gm_counter *counter, const uint8_t *text,
                                             struct gm_ascii_block *block, uint8_t *lower)
{
    gm_ascii_classify_512(text, counter->classes, block, lower);
}

/* A block has at most 32 words, so one vector holds the places of all that begin in it. */
GM_ASCII_TARGET_512 INLINE size_t write_places_512(uint16_t *places, size_t n_places, uint64_t bits,
                                                   size_t base)
{
    static const uint8_t indices[GM_ASCII_BLOCK_BYTES] = {
        0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
        22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
        44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
    const __m512i found = _mm512_maskz_compress_epi8(bits, _mm512_loadu_si512(indices));
    const __m512i wide = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(found));
    _mm512_storeu_si512(places + n_places, _mm512_add_epi16(wide, _mm512_set1_epi16((short)base)));
    return n_places + (size_t)__builtin_popcountll(bits);
}

GM_ASCII_TARGET_512 static void count_window_512(struct window *window)
{
    count_window(window, classify_512, write_places_512);
}
#endif

#ifdef __x86_64__

static void (*const count_functions[])(struct window *) = {
    [GM_COUNT_PLAIN] = count_window_plain,
    [GM_COUNT_AVX2] = count_window_bits,
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
