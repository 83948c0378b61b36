/* The classes of an expression: code points that are in the same sets. */
#include "tokenize/regex_table.h"
#include <stdlib.h>
#include <string.h>

#define N_CODE_POINTS (GM_LAST_CODE_POINT + 1)
#define PAGE_SIZE     (1u << GM_REGEX_PAGE_BITS)
#define MAX_CLASSES   250u

static int compare_edges(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

/* Where some set begins or ends: sorted, each once. */
static uint32_t *find_edges(const struct gm_regex_ast *ast, size_t *n_edges)
{
    size_t n = 2, n_kept = 0;
    for (uint32_t i = 0; i < ast->n_sets; i++)
        n += 2 * ast->sets[i].n;
    uint32_t *edges = malloc(n * sizeof *edges);
    *n_edges = 0;
    if (!edges)
        return NULL;
    edges[0] = 0;
    edges[1] = N_CODE_POINTS;
    n = 2;
    for (uint32_t i = 0; i < ast->n_sets; i++)
        for (size_t j = 0; j < ast->sets[i].n; j++) {
            edges[n++] = ast->sets[i].ranges[j].first;
            edges[n++] = ast->sets[i].ranges[j].last + 1;
        }
    qsort(edges, n, sizeof *edges, compare_edges);
    for (size_t i = 0; i < n; i++)
        if (n_kept == 0 || edges[n_kept - 1] != edges[i])
            edges[n_kept++] = edges[i];
    *n_edges = n_kept;
    return edges;
}

/* The class with this row of memberships, a new one if there is none; MAX_CLASSES: too many. */
static uint32_t find_class(struct gm_regex *regex, uint8_t *member, const uint8_t *row, size_t n)
{
    uint32_t i = 0;
    while (i < regex->n_classes && n > 0 && memcmp(member + i * n, row, n) != 0)
        i++;
    if (i == MAX_CLASSES || i < regex->n_classes)
        return i;
    memcpy(member + i * n, row, n);
    return regex->n_classes++;
}

/* Code points from edges[i] up to edges[i + 1] are of classes[i]. */
struct intervals {
    const uint32_t *edges;
    const uint8_t *classes;
};

/* Writes a page that begins in interval i. */
static void write_page(const struct intervals *intervals, size_t i, uint32_t first, uint8_t *page)
{
    for (uint32_t at = 0; at < PAGE_SIZE; i++) {
        uint32_t end = intervals->edges[i + 1] - first;
        end = end < PAGE_SIZE ? end : PAGE_SIZE;
        memset(page + at, intervals->classes[i], end - at);
        at = end;
    }
}

static bool make_room(struct gm_regex *regex, uint32_t n, uint32_t *capacity)
{
    if (n < *capacity)
        return true;
    uint32_t wanted = *capacity ? 2 * *capacity : 16;
    uint8_t *pages = realloc(regex->pages, (size_t)wanted * PAGE_SIZE);
    if (!pages)
        return false;
    regex->pages = pages;
    *capacity = wanted;
    return true;
}

/* Pages that are alike are stored once; most are of one class from end to end. */
static bool fold_pages(struct gm_regex *regex, const struct intervals *intervals)
{
    uint16_t even_page[MAX_CLASSES]; /* plus 1; 0: none yet */
    uint32_t n = 0, capacity = 0, same;
    size_t i = 0;

    memset(even_page, 0, sizeof even_page);
    for (uint32_t page = 0; page < GM_REGEX_N_PAGES; page++) {
        uint32_t first = page * PAGE_SIZE;
        while (intervals->edges[i + 1] <= first)
            i++;
        bool is_even = intervals->edges[i + 1] >= first + PAGE_SIZE;
        uint16_t *even = &even_page[intervals->classes[i]];
        if (is_even && *even) {
            regex->page_of[page] = (uint16_t)(*even - 1);
            continue;
        }
        if (!make_room(regex, n, &capacity))
            return false;
        uint8_t *here = regex->pages + (size_t)n * PAGE_SIZE;
        write_page(intervals, i, first, here);
        for (same = 0; same < n; same++)
            if (memcmp(regex->pages + (size_t)same * PAGE_SIZE, here, PAGE_SIZE) == 0)
                break;
        n += same == n;
        regex->page_of[page] = (uint16_t)same;
        if (is_even)
            *even = (uint16_t)(same + 1);
    }
    memcpy(regex->ascii, regex->pages + (size_t)regex->page_of[0] * PAGE_SIZE,
           sizeof(regex->ascii));
    return true;
}

enum gm_status gm_regex_classes(struct gm_regex *regex, const struct gm_regex_ast *ast,
                                uint8_t **member, struct gm_err *err)
{
    size_t n_edges = 0, n_sets = ast->n_sets;
    uint32_t *edges = find_edges(ast, &n_edges);
    uint8_t *classes = malloc(n_edges + 1), *row = malloc(n_sets + 1);
    enum gm_status status = GM_OK;
    *member = malloc((n_sets + 1) * (MAX_CLASSES + 1));
    if (!edges || !classes || !row || !*member)
        status = gm_err_set(err, GM_NOMEM, "out of memory");
    for (size_t i = 0; i + 1 < n_edges && status == GM_OK; i++) {
        uint32_t class;
        for (size_t set = 0; set < n_sets; set++)
            row[set] = gm_code_set_has(&ast->sets[set], edges[i]);
        class = find_class(regex, *member, row, n_sets);
        classes[i] = (uint8_t) class;
        if (class == MAX_CLASSES)
            status = gm_err_set(err, GM_INPUT, "too complex: more than %u classes of characters",
                                MAX_CLASSES);
    }
    if (status == GM_OK && !fold_pages(regex, &(struct intervals){edges, classes}))
        status = gm_err_set(err, GM_NOMEM, "out of memory");
    free(edges);
    free(classes);
    free(row);
    return status;
}
