/* Merges of long words, in windows that are put together where they agree, so that the time grows
 * with the length of the word and not with its square:
 *
 *      window 1   | t1 | t2 | t3 | t4 | t5 |x|
 *      window 2                  | u1  | t5 | u3 | ...
 *
 * If two neighbouring tokens are what their symbols alone merge to, for all neighbours in a row,
 * then the row is what all the symbols merge to: the first merge across one of the boundaries would
 * happen to the two tokens alone, too, because until then nothing outside of them has an influence.
 * All neighbours inside of a window are such. So a token that both windows have at the same place
 * (t5) joins them: what is in front is taken from the first, what is behind from the second.
 *
 * Where the second window starts does not matter for that, so the first windows, which are small,
 * stand at fixed distances and are merged several at a time, as words are (bpe_merge.c). Windows
 * that do not agree are made again, larger. If a token that was taken from the smaller ones is then
 * another, what is in front of it may be, too: the word is started again, and no window is smaller
 * any more than four times what the least was. So a word of n symbols is started at most log4(n)
 * times, the last time with a window as large as itself; a vocabulary has to be made for that.
 * Text that repeats itself is merged in larger windows from then on (bpe_window.c). */
#include "tokenize/bpe_merge.h"

#include "base/num.h"
#include <stdlib.h>
#include <string.h>

#define FIRST_WINDOW ((size_t)GM_BPE_SCAN_MAX)
#define FIRST_STEP   ((size_t)45)        /* from a first window to the next one */
#define FINE_TOKEN   6u                  /* symbols */
#define ROW_WINDOW   (16 * FIRST_WINDOW) /* where tokens come again and again */

/* Room for windows of n symbols. A merge removes one symbol and adds at most two candidates. */
static bool reserve(struct gm_bpe_scratch *scratch, size_t n)
{
    size_t heap_bytes, links_bytes;
    if (n <= scratch->capacity)
        return true;
    free(scratch->heap);
    free(scratch->links);
    scratch->capacity = 0;
    uint32_t *windows = NULL;
    if (gm_mul_size(n, 3 * sizeof(uint64_t), &heap_bytes) &&
        gm_mul_size(n, 3 * sizeof(uint32_t), &links_bytes)) {
        scratch->heap = malloc(heap_bytes);
        scratch->links = malloc(links_bytes);
        windows = realloc(scratch->windows, 2 * n * sizeof(uint32_t));
    }
    if (windows)
        scratch->windows = windows;
    if (!scratch->heap || !scratch->links || !windows)
        return false;
    scratch->capacity = n;
    return true;
}

static bool reserve_symbols(struct gm_bpe_scratch *scratch, size_t n)
{
    if (scratch->n_batch == 0)
        scratch->n_batch = 1;
    if (!scratch->ready)
        scratch->ready = malloc(GM_BPE_MERGE_WORDS * FIRST_WINDOW * sizeof(uint32_t));
    if (!scratch->ready)
        return false;
    if (n <= scratch->n_symbols)
        return true;
    free(scratch->symbols);
    scratch->symbols = malloc(n * sizeof(uint32_t));
    scratch->n_symbols = scratch->symbols ? n : 0;
    return scratch->symbols != NULL;
}

void gm_bpe_scratch_free(struct gm_bpe_scratch *scratch)
{
    free(scratch->heap);
    free(scratch->links);
    free(scratch->windows);
    free(scratch->symbols);
    free(scratch->ready);
    memset(scratch, 0, sizeof *scratch);
}

/* The place of the first token that both windows have, from second on; n: none. A token of the
 * first window ends where the next begins; the last one may be cut off. */
static size_t common_token(const uint32_t *first, size_t n, const uint32_t *second, size_t from)
{
    size_t candidate = n;
    for (size_t i = from; i < n; i++) {
        bool in_first = first[i] != GM_NO_TOKEN, in_second = second[i - from] != GM_NO_TOKEN;
        if (in_first && in_second && candidate < n)
            return candidate;
        if (in_first || in_second)
            candidate = in_first && in_second ? i : n;
    }
    return n;
}

/* Where the next larger window should start: a token about three quarters in, not the first. */
static size_t next_start(const uint32_t *ids, size_t n)
{
    size_t at = n - n / 4;
    while (at > 0 && ids[at] == GM_NO_TOKEN)
        at--;
    return at;
}

static size_t longest_token(const uint32_t *ids, size_t n)
{
    size_t longest = 0;
    for (size_t i = 0, length = 0; i < n; i++) {
        length = ids[i] == GM_NO_TOKEN ? length + 1 : 1;
        longest = length > longest ? length : longest;
    }
    return longest;
}

/* A third of the window are tokens that are the one before again. */
static bool repeats_itself(const uint32_t *ids, size_t n)
{
    uint32_t last = GM_NO_TOKEN;
    bool is_again = false;
    size_t n_again = 0;
    for (size_t i = 0; i < n; i++) {
        if (ids[i] != GM_NO_TOKEN) {
            is_again = ids[i] == last;
            last = ids[i];
        }
        n_again += is_again;
    }
    return 3 * n_again >= n;
}

static size_t keep(const uint32_t *from, size_t n, uint32_t *ids)
{
    size_t n_kept = 0;
    for (size_t i = 0; i < n; i++)
        if (from[i] != GM_NO_TOKEN)
            ids[n_kept++] = from[i];
    return n_kept;
}

struct windows {
    const struct gm_bpe *bpe;
    struct gm_bpe_scratch *scratch;
    size_t n;           /* symbols of the word */
    size_t size;        /* of windows that are made from now on */
    size_t least;       /* what size goes back to; larger each time the word is started again */
    size_t begin, from; /* the window at hand, and what of it is not yet written */
    size_t n_window;
    bool is_repetitive; /* tokens are long */
    size_t ready_begin; /* of the first of the windows that are ready */
    size_t n_ready;
    size_t n_agreed, patience; /* windows in a row that agreed, and had to before steps are tried */
    uint32_t *window, *next;
};

static size_t window_symbols(const struct windows *windows, size_t begin, size_t size)
{
    size_t n_left = windows->n - begin;
    return n_left < size ? n_left : size;
}

/* First windows, each a step behind the other, from begin on. */
static void make_ready(struct windows *windows, size_t begin)
{
    struct gm_bpe_window batch[GM_BPE_MERGE_WORDS];
    size_t n = 0;

    windows->ready_begin = begin;
    for (; n < windows->scratch->n_batch && begin < windows->n; begin += FIRST_STEP) {
        batch[n].ids = windows->scratch->ready + n * FIRST_WINDOW;
        batch[n].n = window_symbols(windows, begin, FIRST_WINDOW);
        memcpy(batch[n].ids, windows->scratch->symbols + begin, batch[n].n * sizeof(uint32_t));
        n++;
    }
    gm_bpe_merge_windows(windows->bpe, batch, n);
    windows->n_ready = n;
    for (size_t k = 0; k < n; k++)
        for (size_t i = 0; i < batch[k].n; i++)
            if (!(batch[k].left >> i & 1))
                batch[k].ids[i] = GM_NO_TOKEN;
}

/* The window of the present size that starts at begin. Returns its size. */
static size_t make_window(struct windows *windows, size_t begin, uint32_t *ids)
{
    size_t n = window_symbols(windows, begin, windows->size);
    size_t ahead = begin - windows->ready_begin;

    if (n > FIRST_WINDOW) {
        memcpy(ids, windows->scratch->symbols + begin, n * sizeof *ids);
        gm_bpe_merge_window(windows->bpe, windows->scratch, ids, n, windows->is_repetitive);
        return n;
    }
    if (begin < windows->ready_begin || ahead % FIRST_STEP ||
        ahead / FIRST_STEP >= windows->n_ready) {
        make_ready(windows, begin);
        ahead = 0;
    }
    memcpy(ids, windows->scratch->ready + ahead / FIRST_STEP * FIRST_WINDOW, n * sizeof *ids);
    return n;
}

static size_t token_length(const uint32_t *ids, size_t n, size_t at)
{
    size_t length = 1;
    while (at + length < n && ids[at + length] == GM_NO_TOKEN)
        length++;
    return length;
}

/* Makes the window at hand again, larger. GM_AGAIN: what was written does not stay. */
static enum gm_status enlarge(struct windows *windows)
{
    size_t length = token_length(windows->window, windows->n_window, windows->from);

    do
        windows->size *= 4;
    while (windows->size < windows->n_window);
    windows->n_agreed = 0;
    windows->is_repetitive = longest_token(windows->window, windows->n_window) >= FIRST_WINDOW / 4;
    if (!reserve(windows->scratch, windows->size))
        return GM_NOMEM;
    windows->window = windows->scratch->windows;
    windows->next = windows->window + windows->scratch->capacity;
    windows->n_window = make_window(windows, windows->begin, windows->window);
    bool stays = windows->window[windows->from] != GM_NO_TOKEN &&
                 token_length(windows->window, windows->n_window, windows->from) == length;
    return stays || windows->begin == 0 ? GM_OK : GM_AGAIN;
}

/* Where the next window starts: with a token, or a step further where tokens are short. Then
 * windows are made ready many at a time. Text that repeats itself has long tokens, and would not
 * agree. */
static size_t choose_start(struct windows *windows)
{
    bool is_fine = windows->n_window == FIRST_WINDOW && windows->n_agreed >= windows->patience &&
                   longest_token(windows->window, FIRST_WINDOW) <= FINE_TOKEN;
    windows->scratch->n_batch = is_fine ? GM_BPE_MERGE_WORDS : 1;
    return is_fine ? FIRST_STEP : next_start(windows->window, windows->n_window);
}

/* The next window; returns the token that both have, or the size of the window at hand. */
static size_t try_start(struct windows *windows, size_t start, size_t *n_next)
{
    if (start <= windows->from)
        return windows->n_window;
    *n_next = make_window(windows, windows->begin + start, windows->next);
    return common_token(windows->window, windows->n_window, windows->next, start);
}

/* For windows behind the one at hand. */
static void choose_size(struct windows *windows)
{
    size_t longest = longest_token(windows->window, windows->n_window);
    bool is_row = longest > FINE_TOKEN && repeats_itself(windows->window, windows->n_window);
    if (is_row && windows->size < ROW_WINDOW) {
        windows->size = ROW_WINDOW;
        windows->is_repetitive = true;
    } else if (!is_row && longest < FIRST_WINDOW / 4) {
        windows->size = windows->least;
    }
}

/* Tokens of the window that are agreed upon are written, and the next one becomes the one at hand.
 * SIZE_MAX: the two do not agree. */
static size_t advance(struct windows *windows, uint32_t *ids)
{
    size_t start = choose_start(windows), n_next = 0, common = try_start(windows, start, &n_next);

    windows->n_agreed++;
    if (common == windows->n_window && start == FIRST_STEP) {
        windows->n_agreed = 0;
        windows->patience = 4 * windows->patience + 4;
        start = choose_start(windows);
        common = try_start(windows, start, &n_next);
    }
    if (common == windows->n_window)
        return SIZE_MAX;
    size_t n_kept = keep(windows->window + windows->from, common - windows->from, ids);
    choose_size(windows);
    uint32_t *swap = windows->window;
    windows->window = windows->next;
    windows->next = swap;
    windows->n_window = n_next;
    windows->begin += start;
    windows->from = common - start;
    return n_kept;
}

/* GM_AGAIN: with larger windows, for which enlarge has made room. */
static enum gm_status merge_windows(struct windows *windows, uint32_t *ids, size_t *n_ids)
{
    windows->begin = windows->from = *n_ids = 0;
    windows->size = windows->least;
    windows->n_window = make_window(windows, 0, windows->window);
    while (windows->begin + windows->n_window < windows->n) {
        size_t n_kept = advance(windows, ids + *n_ids);
        enum gm_status status = n_kept == SIZE_MAX ? enlarge(windows) : GM_OK;
        if (status != GM_OK)
            return status;
        *n_ids += n_kept == SIZE_MAX ? 0 : n_kept;
    }
    *n_ids +=
        keep(windows->window + windows->from, windows->n_window - windows->from, ids + *n_ids);
    return GM_OK;
}

size_t gm_bpe_merge_long(const struct gm_bpe *bpe, struct gm_bpe_scratch *scratch, uint32_t *ids,
                         size_t n)
{
    struct windows windows = {.bpe = bpe, .scratch = scratch, .n = n, .least = FIRST_WINDOW};
    enum gm_status status = GM_AGAIN;
    size_t n_ids = 0;

    if (n >= UINT32_MAX || !reserve(scratch, ROW_WINDOW) || !reserve_symbols(scratch, n))
        return SIZE_MAX;
    memcpy(scratch->symbols, ids, n * sizeof *ids);
    windows.window = scratch->windows;
    windows.next = scratch->windows + scratch->capacity;
    for (; status == GM_AGAIN; windows.least *= 4)
        status = merge_windows(&windows, ids, &n_ids);
    return status == GM_OK ? n_ids : SIZE_MAX;
}
