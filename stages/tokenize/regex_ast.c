/* The memory of an expression's tree. */
#include "tokenize/regex_ast.h"
#include <stdlib.h>

void gm_regex_ast_free(struct gm_regex_ast *ast)
{
    for (uint32_t i = 0; i < ast->n_sets; i++)
        gm_code_set_free(&ast->sets[i]);
    free(ast->sets);
    free(ast->nodes);
    *ast = (struct gm_regex_ast){.root = GM_REGEX_NONE};
}

uint32_t gm_regex_ast_node(struct gm_regex_ast *ast, struct gm_regex_node node)
{
    if (ast->n_nodes == ast->capacity) {
        uint32_t capacity = ast->capacity ? ast->capacity * 2 : 64;
        void *nodes = realloc(ast->nodes, capacity * sizeof(*ast->nodes));
        if (!nodes)
            return GM_REGEX_NONE;
        ast->nodes = nodes;
        ast->capacity = capacity;
    }
    node.previous = GM_REGEX_NONE;
    ast->nodes[ast->n_nodes] = node;
    return ast->n_nodes++;
}

uint32_t gm_regex_ast_set(struct gm_regex_ast *ast, struct gm_code_set *set)
{
    if (set->failed)
        return GM_REGEX_NONE;
    for (uint32_t i = 0; i < ast->n_sets; i++)
        if (gm_code_set_equal(&ast->sets[i], set)) {
            gm_code_set_free(set);
            return i;
        }
    if (ast->n_sets == ast->sets_capacity) {
        uint32_t capacity = ast->sets_capacity ? ast->sets_capacity * 2 : 16;
        void *sets = realloc(ast->sets, capacity * sizeof(*ast->sets));
        if (!sets)
            return GM_REGEX_NONE;
        ast->sets = sets;
        ast->sets_capacity = capacity;
    }
    ast->sets[ast->n_sets] = *set;
    gm_code_set_init(set);
    return ast->n_sets++;
}
