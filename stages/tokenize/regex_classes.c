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

/* Pages that are alike are stored once. */
static bool fold_pages(struct gm_regex *regex, const uint8_t *classes)
{
    uint32_t n = 0;
    uint8_t *shrunk;
    regex->pages = malloc(N_CODE_POINTS);
    if (!regex->pages)
        return false;
    for (uint32_t page = 0; page < GM_REGEX_N_PAGES; page++) {
        const uint8_t *from = classes + page * PAGE_SIZE;
        uint32_t same = page > 0 ? regex->page_of[page - 1] : 0;
        if (n == 0 || memcmp(regex->pages + same * PAGE_SIZE, from, PAGE_SIZE) != 0)
            for (same = 0; same < n; same++)
                if (memcmp(regex->pages + same * PAGE_SIZE, from, PAGE_SIZE) == 0)
                    break;
        if (same == n)
            memcpy(regex->pages + n++ * PAGE_SIZE, from, PAGE_SIZE);
        regex->page_of[page] = (uint16_t)same;
    }
    memcpy(regex->ascii, classes, sizeof(regex->ascii));
    shrunk = realloc(regex->pages, n * PAGE_SIZE);
    regex->pages = shrunk ? shrunk : regex->pages;
    return true;
}

enum gm_status gm_regex_classes(struct gm_regex *regex, const struct gm_regex_ast *ast,
                                uint8_t **member, struct gm_err *err)
{
    size_t n_edges = 0, n_sets = ast->n_sets;
    uint32_t *edges = find_edges(ast, &n_edges);
    uint8_t *classes = malloc(N_CODE_POINTS), *row = malloc(n_sets + 1);
    enum gm_status status = GM_OK;
    *member = malloc((n_sets + 1) * (MAX_CLASSES + 1));
    if (!edges || !classes || !row || !*member)
        status = gm_err_set(err, GM_NOMEM, "out of memory");
    for (size_t i = 0; i + 1 < n_edges && status == GM_OK; i++) {
        uint32_t class;
        for (size_t set = 0; set < n_sets; set++)
            row[set] = gm_code_set_has(&ast->sets[set], edges[i]);
        class = find_class(regex, *member, row, n_sets);
        if (class == MAX_CLASSES)
            status = gm_err_set(err, GM_INPUT, "too complex: more than %u classes of characters",
                                MAX_CLASSES);
        else
            memset(classes + edges[i], (int)class, edges[i + 1] - edges[i]);
    }
    if (status == GM_OK && !fold_pages(regex, classes))
        status = gm_err_set(err, GM_NOMEM, "out of memory");
    free(edges);
    free(classes);
    free(row);
    return status;
}
