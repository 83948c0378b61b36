/* From the tree of an expression to its program, built from the end to the beginning: each node is
 * given the state that comes behind it. Repeats with limits are written out. */
#include "tokenize/regex_ast.h"
#include "base/assert.h"
#include <stdlib.h>

struct builder {
    struct gm_regex_program *program;
    const struct gm_regex_ast *ast;
    bool no_memory;
};

static uint32_t emit(struct builder *builder, uint32_t index, uint32_t next);

static uint32_t add_state(struct builder *builder, struct gm_regex_state state)
{
    struct gm_regex_program *program = builder->program;
    if (program->n == GM_REGEX_MAX_STATES)
        return GM_REGEX_NONE;
    if (program->n == program->capacity) {
        uint32_t capacity = program->capacity ? program->capacity * 2 : 64;
        void *states = realloc(program->states, capacity * sizeof(*program->states));
        if (!states) {
            builder->no_memory = true;
            return GM_REGEX_NONE;
        }
        program->states = states;
        program->capacity = capacity;
    }
    program->states[program->n] = state;
    return program->n++;
}

static uint32_t add_split(struct builder *builder, uint32_t body, uint32_t rest, bool lazy)
{
    return add_state(builder, (struct gm_regex_state){.kind = GM_STATE_SPLIT,
                                                      .a = lazy ? rest : body,
                                                      .b = lazy ? body : rest});
}

/* x+ and what follows: the body, then a choice between the body again and next. */
static uint32_t emit_loop(struct builder *builder, const struct gm_regex_node *node, uint32_t next,
                          uint32_t *choice)
{
    uint32_t body;
    *choice = add_split(builder, GM_REGEX_NONE, next, node->flag);
    if (*choice == GM_REGEX_NONE)
        return GM_REGEX_NONE;
    body = emit(builder, node->last, *choice);
    if (body == GM_REGEX_NONE)
        return GM_REGEX_NONE;
    if (node->flag)
        builder->program->states[*choice].b = body;
    else
        builder->program->states[*choice].a = body;
    return body;
}

static uint32_t emit_repeat(struct builder *builder, const struct gm_regex_node *node,
                            uint32_t next)
{
    uint32_t entry = next, min = node->min, choice;
    if (node->max == GM_REGEX_INFINITE) {
        entry = emit_loop(builder, node, next, &choice);
        if (min == 0 && entry != GM_REGEX_NONE)
            entry = choice;
        min -= min > 0;
    } else {
        for (uint32_t i = node->min; i < node->max && entry != GM_REGEX_NONE; i++) {
            uint32_t body = emit(builder, node->last, entry);
            entry = body == GM_REGEX_NONE ? body : add_split(builder, body, next, node->flag);
        }
    }
    for (uint32_t i = 0; i < min && entry != GM_REGEX_NONE; i++)
        entry = emit(builder, node->last, entry);
    return entry;
}

static uint32_t emit_list(struct builder *builder, const struct gm_regex_node *node, uint32_t next)
{
    const struct gm_regex_node *nodes = builder->ast->nodes;
    uint32_t child = node->last;
    uint32_t entry = emit(builder, child, next);
    while (entry != GM_REGEX_NONE && (child = nodes[child].previous) != GM_REGEX_NONE) {
        if (node->kind == GM_NODE_SEQ) {
            entry = emit(builder, child, entry);
        } else {
            uint32_t first = emit(builder, child, next);
            entry = first == GM_REGEX_NONE ? first : add_split(builder, first, entry, false);
        }
    }
    return entry;
}

static uint32_t emit_look(struct builder *builder, const struct gm_regex_node *node, uint32_t next)
{
    uint32_t match = add_state(builder, (struct gm_regex_state){.kind = GM_STATE_MATCH});
    uint32_t inside = match == GM_REGEX_NONE ? match : emit(builder, node->last, match);
    if (inside == GM_REGEX_NONE)
        return inside;
    return add_state(
        builder,
        (struct gm_regex_state){.kind = GM_STATE_LOOK, .flag = node->flag, .a = next, .b = inside});
}

static uint32_t emit(struct builder *builder, uint32_t index, uint32_t next)
{
    const struct gm_regex_node *node = &builder->ast->nodes[index];
    struct gm_regex_state state = {.flag = node->flag, .value = node->value, .a = next};
    switch ((enum gm_regex_node_kind)node->kind) {
    case GM_NODE_EMPTY:
        return next;
    case GM_NODE_SET:
        state.kind = GM_STATE_CHAR;
        return add_state(builder, state);
    case GM_NODE_ASSERT:
        state.kind = GM_STATE_ASSERT;
        return add_state(builder, state);
    case GM_NODE_BEHIND:
        state.kind = GM_STATE_BEHIND;
        return add_state(builder, state);
    case GM_NODE_SEQ:
    case GM_NODE_ALT:
        return emit_list(builder, node, next);
    case GM_NODE_REPEAT:
        return emit_repeat(builder, node, next);
    case GM_NODE_LOOK:
        return emit_look(builder, node, next);
    }
    return GM_REGEX_NONE;
}

/* The states that a state passes to without a character. */
static unsigned passes(const struct gm_regex_state *state, uint32_t to[2])
{
    to[0] = state->a;
    to[1] = state->b;
    switch ((enum gm_regex_op_kind)state->kind) {
    case GM_STATE_MATCH:
    case GM_STATE_CHAR:
        return 0;
    case GM_STATE_ASSERT:
    case GM_STATE_BEHIND:
        return 1;
    case GM_STATE_SPLIT:
    case GM_STATE_LOOK:
        return 2;
    }
    return 0;
}

/* Depth first, without recursion: a state is put into the order when those that it passes to are.
 */
static bool find_order(struct gm_regex_program *program)
{
    uint32_t *stack = malloc((program->n + 1) * sizeof(*stack)), n_order = 0;
    uint8_t *seen = calloc(program->n + 1, 1);
    program->order = malloc((program->n + 1) * sizeof(*program->order));
    for (uint32_t first = 0; stack && seen && program->order && first < program->n; first++) {
        uint32_t depth = 0;
        if (seen[first] == 0)
            stack[depth++] = first;
        while (depth > 0) {
            uint32_t state = stack[depth - 1], to[2];
            unsigned n = passes(&program->states[state], to);
            if (seen[state] < n) {
                uint32_t next = to[seen[state]++];
                if (seen[next] == 0)
                    stack[depth++] = next;
                GM_ASSERT(depth <= program->n);
                continue;
            }
            depth--;
            if (seen[state] != 3) {
                seen[state] = 3;
                program->order[n_order++] = state;
            }
        }
    }
    free(stack);
    free(seen);
    return program->order && n_order == program->n;
}

enum gm_status gm_regex_program(struct gm_regex_program *program, const struct gm_regex_ast *ast,
                                struct gm_err *err)
{
    struct builder builder = {program, ast, false};
    uint32_t match;
    *program = (struct gm_regex_program){0};
    match = add_state(&builder, (struct gm_regex_state){.kind = GM_STATE_MATCH});
    program->start = match == GM_REGEX_NONE ? match : emit(&builder, ast->root, match);
    if (builder.no_memory)
        return gm_err_set(err, GM_NOMEM, "out of memory");
    if (program->start == GM_REGEX_NONE)
        return gm_err_set(err, GM_INPUT, "too complex: more than %u states", GM_REGEX_MAX_STATES);
    if (!find_order(program))
        return gm_err_set(err, GM_NOMEM, "out of memory");
    return GM_OK;
}

void gm_regex_program_free(struct gm_regex_program *program)
{
    free(program->states);
    free(program->order);
    *program = (struct gm_regex_program){0};
}
