/* The tree is built from libfyaml's events, not from its documents: events come one by one, so
 * that depth and size are bounded before anything is kept, and nothing is resolved or merged
 * behind our back. A look at the bytes beforehand refuses what the parser is known to handle badly
 * (directives, bytes that are not UTF-8, control characters). */
#include "run/config.h"

#include "base/utf8.h"

#include <libfyaml.h>
#include <string.h>

struct level { /* an open mapping or list */
    struct gm_node *node;
    struct gm_node *key; /* MAPPING: a node that has its key and waits for its value */
};

struct reader {
    struct gm_config *config;
    const struct gm_origin *origin;
    struct gm_report *report;
    struct gm_node *root;
    struct level levels[GM_CONFIG_MAX_DEPTH];
    unsigned depth;
    unsigned n_nodes, n_documents;
    bool out_of_memory;
};

static void complain(struct reader *reader, struct gm_place place, const char *hint,
                     const char *message)
{
    struct gm_complaint complaint = {place, GM_CONFIG, hint};
    gm_report_add(reader->report, &complaint, "%s", message);
}

/* Line and column of a byte. */
static struct gm_place place_of_byte(const struct gm_origin *origin, size_t offset)
{
    struct gm_place place = {origin, 1, 1, 1};
    for (size_t i = 0; i < offset; i++) {
        if (origin->data[i] == '\n') {
            place.line++;
            place.column = 1;
        } else if (((uint8_t)origin->data[i] & 0xc0) != 0x80) {
            place.column++;
        }
    }
    return place;
}

/* What must not reach the parser. */
static bool preflight(struct reader *reader)
{
    const struct gm_origin *origin = reader->origin;
    if (origin->n_bytes > GM_CONFIG_MAX_BYTES) {
        complain(reader, (struct gm_place){.origin = origin},
                 "long lists of inputs belong into a file that `source:` names",
                 "the job is larger than 1 MB");
        return false;
    }
    const uint8_t *bytes = (const uint8_t *)origin->data;
    size_t valid = gm_utf8_valid_prefix(bytes, origin->n_bytes);
    if (valid < origin->n_bytes) {
        complain(reader, place_of_byte(origin, valid), "save the file as UTF-8",
                 "this byte is not valid UTF-8");
        return false;
    }
    for (size_t i = 0; i < origin->n_bytes; i++) {
        bool control = bytes[i] < 0x20 && !memchr("\t\n\r", bytes[i], 3);
        bool lone_return = bytes[i] == '\r' && (i + 1 == origin->n_bytes || bytes[i + 1] != '\n');
        if (control || lone_return || bytes[i] == 0x7f) {
            complain(reader, place_of_byte(origin, i), "write it in quotes, as \"\\x07\"",
                     "a control character stands here");
            return false;
        }
        if (bytes[i] == '%' && (i == 0 || bytes[i - 1] == '\n')) {
            complain(reader, place_of_byte(origin, i), "remove the line",
                     "YAML directives are not used here");
            return false;
        }
    }
    return true;
}

/* The width of a scalar on its first line; the parser's marks leave the quotes out. */
static void measure_scalar(struct fy_token *token, const struct fy_mark *start,
                           struct gm_place *place)
{
    const struct fy_mark *end = fy_token_end_mark(token);
    enum fy_scalar_style style = fy_token_scalar_style(token);
    bool one_line = end && end->line == start->line && end->column >= start->column;
    if (one_line)
        place->width = (uint32_t)(end->column - start->column);
    if (style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) {
        place->column -= place->column > 1;
        place->width += one_line ? 2 : 0;
    }
}

static struct gm_place event_place(struct reader *reader, struct fy_event *event)
{
    struct gm_place place = {reader->origin, 1, 1, 1};
    const struct fy_mark *mark = fy_event_start_mark(event);
    if (mark) {
        place.line = (uint32_t)mark->line + 1;
        place.column = (uint32_t)mark->column + 1;
    }
    if (mark && event->type == FYET_SCALAR && event->scalar.value)
        measure_scalar(event->scalar.value, mark, &place);
    return place;
}

/* Hangs a finished or just opened node where it belongs. */
static void attach(struct reader *reader, struct gm_node *node)
{
    if (reader->depth == 0) {
        reader->root = node;
        return;
    }
    struct level *level = &reader->levels[reader->depth - 1];
    if (level->node->kind == GM_NODE_MAPPING) {
        node->key = level->key->key;
        node->key_place = level->key->place;
        level->key = NULL;
    }
    gm_node_append(level->node, node);
}

static bool take_key(struct reader *reader, struct level *level, struct gm_node *key)
{
    struct gm_node *other = gm_node_find(level->node, key->value);
    if (other) {
        char hint[64];
        snprintf(hint, sizeof hint, "it stands in line %u too; keep one of them",
                 other->key_place.line);
        struct gm_complaint complaint = {key->place, GM_CONFIG, hint};
        gm_report_add(reader->report, &complaint, "\"%s\" is given twice", key->value);
    }
    key->key = key->value;
    level->key = key;
    return true;
}

/* true: a key is expected next at this depth. */
static bool wants_key(const struct reader *reader)
{
    if (reader->depth == 0)
        return false;
    const struct level *level = &reader->levels[reader->depth - 1];
    return level->node->kind == GM_NODE_MAPPING && !level->key;
}

static struct gm_node *new_node(struct reader *reader, enum gm_node_kind kind,
                                const struct gm_place *place)
{
    if (++reader->n_nodes > GM_CONFIG_MAX_NODES) {
        complain(reader, *place, "long lists of inputs belong into a file that `source:` names",
                 "the job has more than 10,000 values");
        return NULL;
    }
    struct gm_node *node = gm_config_node(reader->config, kind, NULL, NULL, place);
    if (!node)
        reader->out_of_memory = true;
    return node;
}

static bool on_scalar(struct reader *reader, struct fy_event *event)
{
    struct gm_place place = event_place(reader, event);
    size_t n_bytes = 0;
    const char *text =
        event->scalar.value ? fy_token_get_text(event->scalar.value, &n_bytes) : NULL;
    if (text && memchr(text, '\0', n_bytes)) {
        complain(reader, place, NULL, "a value cannot contain a NUL character");
        return false;
    }
    struct gm_node *node = new_node(reader, GM_NODE_SCALAR, &place);
    if (!node)
        return false;
    bool plain = event->scalar.value && fy_token_scalar_style(event->scalar.value) == FYSS_PLAIN;
    node->is_empty = n_bytes == 0 && (!event->scalar.value || plain);
    node->value_bytes = n_bytes;
    node->value = gm_config_copy(reader->config, text ? text : "", n_bytes);
    if (!node->value) {
        reader->out_of_memory = true;
        return false;
    }
    if (wants_key(reader))
        return take_key(reader, &reader->levels[reader->depth - 1], node);
    attach(reader, node);
    return true;
}

static bool on_open(struct reader *reader, struct fy_event *event)
{
    struct gm_place place = event_place(reader, event);
    if (wants_key(reader)) {
        complain(reader, place, NULL, "a key must be plain text");
        return false;
    }
    if (reader->depth == GM_CONFIG_MAX_DEPTH) {
        complain(reader, place, NULL, "nested deeper than 16 levels");
        return false;
    }
    bool mapping = event->type == FYET_MAPPING_START;
    struct gm_node *node = new_node(reader, mapping ? GM_NODE_MAPPING : GM_NODE_LIST, &place);
    if (!node)
        return false;
    attach(reader, node);
    reader->levels[reader->depth++] = (struct level){node, NULL};
    return true;
}

/* Anchors, tags and aliases. */
static bool is_fancy(struct reader *reader, struct fy_event *event)
{
    struct fy_token *anchor = NULL, *tag = NULL;
    if (event->type == FYET_SCALAR) {
        anchor = event->scalar.anchor;
        tag = event->scalar.tag;
    } else if (event->type == FYET_MAPPING_START) {
        anchor = event->mapping_start.anchor;
        tag = event->mapping_start.tag;
    } else if (event->type == FYET_SEQUENCE_START) {
        anchor = event->sequence_start.anchor;
        tag = event->sequence_start.tag;
    }
    struct gm_place place = event_place(reader, event);
    const struct fy_mark *mark = anchor || tag ? fy_token_start_mark(anchor ? anchor : tag) : NULL;
    if (mark)
        place = (struct gm_place){reader->origin, (uint32_t)mark->line + 1,
                                  (uint32_t)mark->column + 1, 1};
    if (event->type == FYET_ALIAS || anchor)
        complain(reader, place, "write the value out, or in quotes if it starts with '*' or '&'",
                 "YAML anchors and aliases are not used here");
    else if (tag)
        complain(reader, place,
                 "every value is read as its option wants it; quotes keep a leading '!'",
                 "YAML tags are not used here");
    else
        return false;
    return true;
}

/* false: stop reading; the report (or out_of_memory) says why. */
static bool on_event(struct reader *reader, struct fy_event *event)
{
    if (is_fancy(reader, event))
        return false;
    switch (event->type) {
    case FYET_DOCUMENT_START:
        if (reader->n_documents++ == 0)
            return true;
        complain(reader, event_place(reader, event), "make it a job file of its own",
                 "a second YAML document starts here");
        return false;
    case FYET_SCALAR:
        return on_scalar(reader, event);
    case FYET_MAPPING_START:
    case FYET_SEQUENCE_START:
        return on_open(reader, event);
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        GM_ASSERT(reader->depth > 0);
        reader->depth--;
        return true;
    default:
        return true;
    }
}

/* The parser's words for the mistakes that people make most say little. */
static const struct {
    const char *said; /* part of its message */
    const char *say;  /* instead; NULL: as it is */
    const char *hint;
} syntax_words[] = {
    {"invalid multiline plain key", "this line does not fit to the one before",
     "check its indentation, or a ':' that is missing above it"},
    {"wrong indendation", "wrong indentation", "start it in the same column as its neighbours"},
    {"invalid nested block mapping", NULL, "put a value that contains ': ' in quotes"},
    {"cannot start with", NULL, "put the value in quotes"},
    {"missing comma", NULL, "or a '[' or '{' before it is not closed"},
    {"closing bracket", NULL, "a '[' or '{' is not closed"},
    {"without closing quote", NULL, "a quote is not closed"},
    {"tab character", NULL, "indent with spaces, not tabs"},
};

static void complain_syntax(struct reader *reader, struct fy_diag *diag)
{
    void *at = NULL;
    struct fy_diag_error *error = fy_diag_errors_iterate(diag, &at);
    if (!error) {
        complain(reader, (struct gm_place){.origin = reader->origin}, NULL, "not valid YAML");
        return;
    }
    const char *hint = NULL, *message = error->msg;
    for (size_t i = 0; i < GM_ARRAY_LEN(syntax_words) && !hint; i++) {
        if (!strstr(error->msg, syntax_words[i].said))
            continue;
        hint = syntax_words[i].hint;
        message = syntax_words[i].say ? syntax_words[i].say : message;
    }
    struct gm_place place = {reader->origin, error->line > 0 ? (uint32_t)error->line : 1,
                             error->column > 0 ? (uint32_t)error->column : 1, 1};
    struct gm_complaint complaint = {place, GM_CONFIG, hint};
    gm_report_add(reader->report, &complaint, "not valid YAML: %s", message);
}

static void read_events(struct reader *reader, struct fy_parser *parser, struct fy_diag *diag)
{
    uint32_t n_before = gm_report_count(reader->report);
    bool go_on = true, ended = false;
    while (go_on && !ended) {
        struct fy_event *event = fy_parser_parse(parser);
        if (!event)
            break;
        ended = event->type == FYET_STREAM_END;
        go_on = on_event(reader, event);
        fy_parser_event_free(parser, event);
    }
    if (go_on && (!ended || fy_parser_get_stream_error(parser)) && !reader->out_of_memory)
        complain_syntax(reader, diag);
    else if (go_on)
        return;
    GM_ASSERT(reader->out_of_memory || gm_report_count(reader->report) > n_before);
    reader->root = NULL;
}

static enum gm_status run_parser(struct reader *reader, struct gm_err *err)
{
    enum gm_status status = GM_OK;
    struct fy_parser *parser = NULL;
    struct fy_diag_cfg diag_cfg;
    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL;
    diag_cfg.colorize = false;
    struct fy_diag *diag = fy_diag_create(&diag_cfg);
    if (!diag) {
        status = gm_err_set(err, GM_NOMEM, "out of memory");
        goto out;
    }
    fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_JSON_NONE |
                                        FYPCF_DEFAULT_VERSION_1_2 | FYPCF_SLOPPY_FLOW_INDENTATION,
                               .diag = diag};
    parser = fy_parser_create(&cfg);
    if (!parser ||
        fy_parser_set_string(parser, reader->origin->data, reader->origin->n_bytes) != 0) {
        status = gm_err_set(err, GM_NOMEM, "out of memory");
        goto out;
    }
    read_events(reader, parser, diag);
    if (reader->out_of_memory)
        status = gm_err_set(err, GM_NOMEM, "out of memory");
out:
    fy_parser_destroy(parser);
    fy_diag_destroy(diag);
    return status;
}

enum gm_status gm_config_parse(struct gm_config *config, const struct gm_origin *origin,
                               struct gm_report *report, struct gm_node **root, struct gm_err *err)
{
    struct reader reader = {.config = config, .origin = origin, .report = report};
    struct gm_place start = {origin, 1, 1, 1};
    uint32_t n_before = gm_report_count(report);
    *root = NULL;
    if (!preflight(&reader))
        return GM_OK;
    if (origin->n_bytes > 0) {
        enum gm_status status = run_parser(&reader, err);
        if (status != GM_OK)
            return status;
    }
    /* A key given twice leaves a usable tree; after a mistake of syntax there is none. */
    if (!reader.root && gm_report_count(report) > n_before)
        return GM_OK;
    if (!reader.root || reader.root->is_empty) {
        reader.root = gm_config_node(config, GM_NODE_MAPPING, NULL, NULL, &start);
        if (!reader.root)
            return gm_err_set(err, GM_NOMEM, "out of memory");
    }
    if (reader.root->kind != GM_NODE_MAPPING) {
        complain(&reader, reader.root->place, "a job begins like \"source:\" or \"job: NAME\"",
                 "expected options, each as \"name: value\"");
        return GM_OK;
    }
    *root = reader.root;
    return GM_OK;
}
