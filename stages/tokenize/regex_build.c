/* From the program of an expression to its tables.
 *
 * A mark is a set of states. The marks that can occur are found from the end of a text backwards:
 * the mark in front of a character follows from the mark behind it, the character's class and, for
 * \b and its like, the class before it. All of them are made here, once, so that matching never
 * builds anything; an expression with very many is refused. */
#include "tokenize/regex_table.h"
#include "base/assert.h"
#include "base/hash.h"
#include <stdlib.h>
#include <string.h>

#define MAX_MARKS   8192u
#define MAX_ENTRIES (1u << 22) /* of a table */
#define MAX_WORK    (1u << 23) /* states looked at */
#define NO_CLASS    UINT32_MAX

struct tables {
    struct gm_regex *regex;
    const struct gm_regex_ast *ast;
    const struct gm_regex_program *program;
    const uint8_t *member;
    size_t n_words;    /* of a set of states */
    uint64_t *sets;    /* of each mark */
    uint32_t capacity; /* of sets and next, in marks */
    uint32_t *slots;   /* hash table: mark + 1 */
    uint64_t *scratch;
    uint8_t *no_member; /* a row of member without any */
    uint64_t work;
    bool too_complex;
};
#define N_SLOTS (MAX_MARKS * 2)

static unsigned has(const uint64_t *set, uint32_t state)
{
    return set[state / 64] >> (state % 64) & 1;
}

static bool is_member(const struct tables *tables, uint32_t class, uint32_t set)
{
    return class != NO_CLASS && tables->member[class * tables->ast->n_sets + set];
}

static bool holds(const struct tables *tables, uint32_t kind, uint32_t before, uint32_t after)
{
    const struct gm_regex_ast *ast = tables->ast;
    switch ((enum gm_regex_assert)kind) {
    case GM_ASSERT_TEXT_START:
        return before == NO_CLASS;
    case GM_ASSERT_TEXT_END:
        return after == NO_CLASS;
    case GM_ASSERT_LINE_START:
        return before == NO_CLASS ||
               (after != NO_CLASS && is_member(tables, before, ast->newline_set));
    case GM_ASSERT_LINE_END:
        return after == NO_CLASS || is_member(tables, after, ast->newline_set);
    case GM_ASSERT_WORD_EDGE:
        return is_member(tables, before, ast->word_set) != is_member(tables, after, ast->word_set);
    case GM_ASSERT_NO_WORD_EDGE:
        return is_member(tables, before, ast->word_set) == is_member(tables, after, ast->word_set);
    }
    return false;
}

static const uint8_t *members_of(const struct tables *tables, uint32_t class)
{
    return class == NO_CLASS ? tables->no_member
                             : tables->member + (size_t) class * tables->ast->n_sets;
}

/* The states that can succeed between two characters. behind: those behind the second one. Most of
 * the time to compile an expression is spent here. */
static void find_set(struct tables *tables, const uint64_t *behind, uint32_t before, uint32_t after)
{
    const struct gm_regex_program *program = tables->program;
    const uint8_t *before_row = members_of(tables, before), *after_row = members_of(tables, after);
    uint64_t *set = tables->scratch;
    memset(set, 0, tables->n_words * sizeof(*set));
    for (uint32_t i = 0; i < program->n; i++) {
        uint32_t index = program->order[i];
        const struct gm_regex_state *state = &program->states[index];
        bool in = false;
        switch ((enum gm_regex_op_kind)state->kind) {
        case GM_STATE_MATCH:
            in = true;
            break;
        case GM_STATE_CHAR:
            in = after_row[state->value] & has(behind, state->a);
            break;
        case GM_STATE_SPLIT:
            in = has(set, state->a) | has(set, state->b);
            break;
        case GM_STATE_ASSERT:
            in = has(set, state->a) && holds(tables, state->value, before, after);
            break;
        case GM_STATE_LOOK:
            in = has(set, state->a) & (has(set, state->b) ^ state->flag);
            break;
        case GM_STATE_BEHIND:
            in = has(set, state->a) & (before_row[state->value] ^ state->flag);
            break;
        }
        set[index / 64] |= (uint64_t)in << (index % 64);
    }
    tables->work += program->n;
}

static bool grow(struct tables *tables)
{
    struct gm_regex *regex = tables->regex;
    uint32_t capacity = tables->capacity ? tables->capacity * 2 : 64;
    void *sets, *next;
    if (regex->n_marks < tables->capacity)
        return true;
    sets = realloc(tables->sets, capacity * tables->n_words * sizeof(*tables->sets));
    if (sets)
        tables->sets = sets;
    next = realloc(regex->next, (size_t)capacity * regex->n_symbols * sizeof(*regex->next));
    if (next)
        regex->next = next;
    if (!sets || !next)
        return false;
    tables->capacity = capacity;
    return true;
}

/* The mark of the set in scratch; GM_REGEX_FAILS: no memory, or too_complex. */
static uint16_t find_mark(struct tables *tables)
{
    struct gm_regex *regex = tables->regex;
    size_t bytes = tables->n_words * sizeof(*tables->sets);
    uint64_t slot = gm_xxh64(tables->scratch, bytes, 0) % N_SLOTS;
    for (; tables->slots[slot]; slot = (slot + 1) % N_SLOTS) {
        uint32_t mark = tables->slots[slot] - 1;
        if (memcmp(tables->sets + mark * tables->n_words, tables->scratch, bytes) == 0)
            return (uint16_t)mark;
    }
    if (regex->n_marks == MAX_MARKS || tables->work > MAX_WORK ||
        (uint64_t)(regex->n_marks + 1) * regex->n_symbols > MAX_ENTRIES) {
        tables->too_complex = true;
        return GM_REGEX_FAILS;
    }
    if (!grow(tables))
        return GM_REGEX_FAILS;
    memcpy(tables->sets + regex->n_marks * tables->n_words, tables->scratch, bytes);
    tables->slots[slot] = regex->n_marks + 1;
    return (uint16_t)regex->n_marks++;
}

static uint32_t class_before(const struct gm_regex *regex, uint32_t before)
{
    return before + 1 < regex->n_before ? before : NO_CLASS;
}

/* Sets of which it counts whether the character in front is in them: their numbers, in used. */
static size_t find_sets_before(const struct tables *tables, uint32_t *used)
{
    const struct gm_regex_ast *ast = tables->ast;
    size_t n = 0;
    for (uint32_t i = 0; i < tables->program->n; i++) {
        const struct gm_regex_state *state = &tables->program->states[i];
        uint32_t set = GM_REGEX_NONE;
        if (state->kind == GM_STATE_BEHIND)
            set = state->value;
        else if (state->kind == GM_STATE_ASSERT && state->value == GM_ASSERT_LINE_START)
            set = ast->newline_set;
        else if (state->kind == GM_STATE_ASSERT &&
                 (state->value == GM_ASSERT_WORD_EDGE || state->value == GM_ASSERT_NO_WORD_EDGE))
            set = ast->word_set;
        for (size_t k = 0; k < n && set != GM_REGEX_NONE; k++)
            set = used[k] == set ? GM_REGEX_NONE : set;
        if (set != GM_REGEX_NONE)
            used[n++] = set;
    }
    return n;
}

/* For each class in front the first one that is not told apart from it: what is found for that
 * holds for it, too. Those of an expression may be hundreds, and are of two or three kinds. NULL:
 * no memory. */
static uint32_t *find_alike(const struct tables *tables)
{
    uint32_t n_before = tables->regex->n_before, *alike = malloc(n_before * sizeof *alike);
    uint32_t *used = malloc((tables->ast->n_sets + 1) * sizeof *used);
    size_t n_used = used ? find_sets_before(tables, used) : 0, k;
    for (uint32_t before = 0; alike && used && before < n_before; before++) {
        uint32_t other = class_before(tables->regex, before) == NO_CLASS ? before : 0;
        for (; other < before; other++) {
            for (k = 0; k < n_used; k++)
                if (is_member(tables, before, used[k]) != is_member(tables, other, used[k]))
                    break;
            if (k == n_used)
                break;
        }
        alike[before] = other;
    }
    if (!used) {
        free(alike);
        alike = NULL;
    }
    free(used);
    return alike;
}

static bool find_marks(struct tables *tables)
{
    struct gm_regex *regex = tables->regex;
    uint64_t *behind = calloc(tables->n_words, sizeof(*behind));
    uint32_t *alike = find_alike(tables);
    bool fine = behind && alike;
    for (uint32_t before = 0; before < regex->n_before && fine; before++) {
        find_set(tables, behind, class_before(regex, before), NO_CLASS);
        regex->at_end[before] = find_mark(tables);
        fine = regex->at_end[before] != GM_REGEX_FAILS;
    }
    for (uint32_t mark = 0; mark < regex->n_marks && fine; mark++)
        for (uint32_t symbol = 0; symbol < regex->n_symbols && fine; symbol++) {
            uint16_t found, *next = &regex->next[(size_t)mark * regex->n_symbols];
            uint32_t before = symbol % regex->n_before;
            if (alike[before] != before) {
                next[symbol] = next[symbol - before + alike[before]];
                continue;
            }
            memcpy(behind, tables->sets + mark * tables->n_words,
                   tables->n_words * sizeof(*behind));
            find_set(tables, behind, class_before(regex, before), symbol / regex->n_before);
            found = find_mark(tables);
            regex->next[(size_t)mark * regex->n_symbols + symbol] = found;
            fine = found != GM_REGEX_FAILS;
        }
    free(behind);
    free(alike);
    return fine;
}

/* From a state, by the branches that are in the set, to the character that is taken next. */
static uint16_t walk_from(const struct tables *tables, const uint64_t *set, uint32_t index,
                          const uint16_t *row_of)
{
    const struct gm_regex_state *states = tables->program->states;
    if (!has(set, index))
        return GM_REGEX_FAILS;
    while (states[index].kind != GM_STATE_MATCH && states[index].kind != GM_STATE_CHAR) {
        bool second = states[index].kind == GM_STATE_SPLIT && !has(set, states[index].a);
        index = second ? states[index].b : states[index].a;
        GM_ASSERT(has(set, index));
    }
    return states[index].kind == GM_STATE_MATCH ? GM_REGEX_MATCH : row_of[states[index].a];
}

/* Row 0 is the start; the others are the states behind a character. */
static uint32_t number_rows(const struct gm_regex_program *program, uint16_t *row_of,
                            uint32_t *states)
{
    uint32_t n = 1;
    states[0] = program->start;
    for (uint32_t i = 0; i < program->n; i++) {
        uint32_t target = program->states[i].a;
        if (program->states[i].kind != GM_STATE_CHAR || row_of[target] != 0)
            continue;
        row_of[target] = (uint16_t)n;
        states[n++] = target;
    }
    return n;
}

static bool make_walk(struct tables *tables)
{
    struct gm_regex *regex = tables->regex;
    uint32_t n_states = tables->program->n;
    uint16_t *row_of = calloc(n_states, sizeof(*row_of));
    uint32_t *states = malloc((n_states + 1) * sizeof(*states));
    bool fine = row_of && states;
    if (fine) {
        regex->n_rows = number_rows(tables->program, row_of, states);
        tables->too_complex = (uint64_t)regex->n_rows * regex->n_marks > MAX_ENTRIES;
        fine = !tables->too_complex;
    }
    if (fine)
        regex->walk = malloc((size_t)regex->n_rows * regex->n_marks * sizeof(*regex->walk));
    fine = fine && regex->walk;
    for (uint32_t mark = 0; fine && mark < regex->n_marks; mark++)
        for (uint32_t row = 0; row < regex->n_rows; row++)
            regex->walk[mark * regex->n_rows + row] =
                walk_from(tables, tables->sets + mark * tables->n_words, states[row], row_of);
    free(row_of);
    free(states);
    return fine;
}

enum gm_status gm_regex_tables(struct gm_regex *regex, const struct gm_regex_ast *ast,
                               const struct gm_regex_program *program, const uint8_t *member,
                               struct gm_err *err)
{
    struct tables tables = {.regex = regex,
                            .ast = ast,
                            .program = program,
                            .member = member,
                            .n_words = (program->n + 63) / 64};
    bool fine;
    regex->n_before = ast->looks_back ? regex->n_classes + 1 : 1;
    regex->n_symbols = regex->n_classes * regex->n_before;
    regex->at_end = malloc(regex->n_before * sizeof(*regex->at_end));
    tables.slots = calloc(N_SLOTS, sizeof(*tables.slots));
    tables.scratch = malloc(tables.n_words * sizeof(*tables.scratch));
    tables.no_member = calloc(ast->n_sets + 1, 1);
    fine = regex->at_end && tables.slots && tables.scratch && tables.no_member &&
           find_marks(&tables) && make_walk(&tables);
    free(tables.sets);
    free(tables.slots);
    free(tables.scratch);
    free(tables.no_member);
    if (tables.too_complex)
        return gm_err_set(err, GM_INPUT, "too complex: its automaton would be very large");
    return fine ? GM_OK : gm_err_set(err, GM_NOMEM, "out of memory");
}
